"""Masks that a vendor drew: one PNG an image, named by its SHA-256, as large as the image."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.base import ModelFailureError
from radbench.models.decode import decode
from radbench.models.tables.reading import refuse_strange
from radbench.specs import ModelSpec
from radbench.specs.model import OutputNames

_WIDE: Final = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def mask_file(folder: Path, key: str) -> Path:
    """Return where the mask of the image with SHA-256 ``key`` lies."""
    return folder / f"{key}.png"


def refuse_no_masks(folder: Path, spec: ModelSpec) -> None:
    """Refuse what can hold no masks of this model.

    Raises:
        UsageError: no folder, or a model that is declared to give logits, which a PNG cannot hold.
    """
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is no folder, expected one of masks: a PNG an image, named by its SHA-256."
        )
    if spec.output == "logits":
        raise UsageError(
            f"Model '{spec.name}' declares its output as logits, which a PNG cannot hold; expected labels (0 outside, "
            "255 inside, or class numbers) or probabilities (0 to 255 or 0 to 65535)."
        )


def read_mask(path: Path, size: tuple[int, int], spec: ModelSpec) -> NDArray[np.bool_]:
    """Read one mask.

    Args:
        path: a PNG of one channel. Labels: 0 outside and 1 or 255 inside, or class numbers where the declaration has
            ``mask_classes``. Probabilities: from 0 to the largest value of 8 or 16 bits.
        size: height and width of its image, in pixels.
        spec: the declaration.

    Returns:
        bool [H, W].

    Raises:
        UsageError: it is missing, no plain file, no PNG of that size and one channel, or holds other values.
    """
    pixels = _pixels(path, size)
    labelled = spec.output == "labels"
    numbered = labelled and len(spec.mask_classes) > 1
    if labelled and not numbered and set(np.unique(pixels).tolist()) <= {0, 255}:
        pixels = pixels.clip(0, 1)
    values = pixels if labelled else pixels / np.float64(np.iinfo(pixels.dtype).max)
    alone = {
        "mask_classes": spec.mask_classes if numbered else [],
        "input": spec.input.model_copy(update={"resize": "stretch"}),  # the mask is as large as the image
        "output_names": OutputNames(),
    }
    try:
        found = decode(spec.model_copy(update=alone), {path.name: values[None]}, [size])
    except ModelFailureError as error:
        raise UsageError(f"{path}: {error}") from error
    return np.asarray(found.values[0], np.bool_)


def read_masks(
    folder: Path, keys: Sequence[str], sizes: Sequence[tuple[int, int]], spec: ModelSpec
) -> NDArray[np.bool_]:
    """Return bool [N, H, W], the masks of images of one size; see ``read_mask`` for the errors."""
    shape = sizes[0] if sizes else (0, 0)
    found = np.zeros((len(keys), *shape), np.bool_)
    for number, (key, size) in enumerate(zip(keys, sizes, strict=True)):
        found[number] = read_mask(mask_file(folder, key), size, spec)
    return found


def _pixels(path: Path, size: tuple[int, int]) -> NDArray[np.unsignedinteger]:
    """Return uint8 or uint16 [H, W]; the size is read before any pixel is unpacked."""
    from PIL import Image

    refuse_strange(path)
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if (image.height, image.width) != size:
                raise UsageError(
                    f"{path} is {image.height} x {image.width} pixels (height x width), expected {size[0]} x {size[1]} "
                    "like its image."
                )
            if image.mode in _WIDE:
                return np.asarray(image).astype(np.uint16)
            if image.mode not in {"1", "L", "P"}:
                raise UsageError(f"{path} has the channels {image.mode}, expected a PNG of one channel.")
            return np.asarray(image).astype(np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UsageError(
            f"{path} is no whole PNG ({' '.join(str(error).split())[:120]}); write it again."
        ) from error
