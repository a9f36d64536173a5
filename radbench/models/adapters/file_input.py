"""What a model file says of its own input, held against the declared input contract."""

from collections.abc import Sequence
from pathlib import Path

from radbench.errors import UsageError
from radbench.models.adapters.base import ROWS
from radbench.specs import ModelSpec


def agreed_rows(spec: ModelSpec, file: Path, shape: Sequence[int | None], dtype: str) -> int:
    """Return the rows of a batch that the file takes, if all that it says of its input agrees with the contract.

    Args:
        spec: the declaration.
        file: the file to name in errors.
        shape: the input's shape as the file states it, None for a length that may vary.
        dtype: its type in numpy's words, such as "float32".

    Returns:
        The file's fixed number of rows, or 16 where it may vary.

    Raises:
        UsageError: the file states another number of axes, type, number of channels or size.
    """
    contract = spec.input
    if len(shape) != 4:
        raise UsageError(
            f"{file}: its input has {len(shape)} axes ({_words(shape)}), expected 4: a batch of images in "
            f"{contract.layout} order."
        )
    if dtype != contract.dtype:
        raise UsageError(
            f"{file}: its input is of type {dtype}, but input.dtype is {contract.dtype}; expected the same."
        )
    batch, *rest = shape
    height, width = contract.spatial_shape
    channels = contract.channels
    declared = [channels, height, width] if contract.layout == "NCHW" else [height, width, channels]
    if any(found not in {None, wanted} for found, wanted in zip(rest, declared, strict=True)):
        raise UsageError(
            f"{file}: its input has the shape {_words(shape)}, but input declares {_words([None, *declared])} "
            f"({contract.layout}, {channels} channels of {height} x {width}); expected the same."
        )
    return ROWS if batch is None or batch < 1 else batch


def _words(shape: Sequence[int | None]) -> str:
    return "[" + ", ".join("any" if length is None else str(length) for length in shape) + "]"
