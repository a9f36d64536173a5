"""What a model file says of its own input, held against the declared input contract."""

from collections.abc import Sequence
from pathlib import Path

from radbench.errors import UsageError
from radbench.models.adapters.base import ROWS
from radbench.specs import InputContract, ModelSpec


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
            f"{file}: its input has {len(shape)} axes ({shape_words(shape)}), expected 4: a batch of images in "
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
    if not _fits(rest, declared):
        raise UsageError(
            f"{file}: its input has the shape {shape_words(shape)}, but input declares "
            f"{shape_words([None, *declared])} ({contract.layout}, {channels} channels of {height} x {width}); "
            f"expected the same.{_hint(rest, contract)}"
        )
    return ROWS if batch is None or batch < 1 else batch


def only_channels_last(shape: Sequence[int | None], contract: InputContract) -> bool:
    """Return whether a file's [n, H, W, C] can be the declared images only with their channels last."""
    if len(shape) != 4:
        return False
    height, width = contract.spatial_shape
    last = [height, width, contract.channels]
    first = [contract.channels, height, width]
    return shape[3] == contract.channels and _fits(shape[1:], last) and not _fits(shape[1:], first)


def _hint(rest: Sequence[int | None], contract: InputContract) -> str:
    """Return what to declare where a file's shape shows where its channels are."""
    for layout, channels in (("NHWC", rest[2]), ("NCHW", rest[0])):
        if channels is None or channels > 4:
            continue
        height, width = contract.spatial_shape
        wanted = [height, width, channels] if layout == "NHWC" else [channels, height, width]
        if _fits(rest, wanted):
            return f" Declare channels: {channels} and layout: {layout}, if that is what it is."
    return ""


def _fits(found: Sequence[int | None], wanted: Sequence[int]) -> bool:
    return all(length in {None, other} for length, other in zip(found, wanted, strict=True))


def shape_words(shape: Sequence[int | None]) -> str:
    """Return a shape in words, "any" for a length that may vary."""
    return "[" + ", ".join("any" if length is None else str(length) for length in shape) + "]"
