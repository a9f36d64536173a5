"""Where a resize rule puts an image: the canvas that is stretched to the model's size, and the way back."""

import numpy as np
from numpy.typing import NDArray

from radbench.specs import InputContract

Size = tuple[int, int]
"""Height and width in pixels."""


def canvas(size: Size, contract: InputContract) -> Size:
    """Return the size that an image is padded or cropped to before it is stretched to the contract's shape.

    "stretch": its own; "pad": the smallest around it of the contract's aspect; "crop": the largest inside it.
    """
    height, width = size
    rows, columns = contract.spatial_shape
    wide, high = round(height * columns / rows), round(width * rows / columns)
    if contract.resize == "pad":
        return (height, max(wide, width)) if wide >= width else (max(high, height), width)
    if contract.resize == "crop":
        return (height, max(wide, 1)) if wide <= width else (max(min(high, height), 1), width)
    return size


def margin(before: int, after: int) -> int:
    """Return how far the first pixel moves when a side of ``before`` pixels is centred in ``after``, either way."""
    return (after - before) // 2 if after >= before else -((before - after) // 2)


def placed(pixels: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Return ``pixels`` [H, W] in the middle of a canvas of ``size``, with 0 around it or its edges cut off."""
    moved = np.zeros(size, pixels.dtype)
    target, source = _overlap(pixels.shape[:2], size)
    moved[target] = pixels[source]
    return moved


def taken(maps: NDArray[np.float64], size: Size) -> NDArray[np.float64]:
    """Undo ``placed`` for maps [N, h, w]: return [N, H, W] of ``size``, 0 where the canvas did not reach."""
    target, source = _overlap(maps.shape[1:], size)
    moved = np.zeros((len(maps), *size), maps.dtype)
    moved[:, *target] = maps[:, *source]
    return moved


def interpolated(maps: NDArray[np.float64], size: Size) -> NDArray[np.float64]:
    """Return maps [N, h, w] resized to [N, H, W]: bilinear between pixel centres, the edge repeated."""
    return _along(_along(maps, 1, size[0]), 2, size[1])


def _along(maps: NDArray[np.float64], axis: int, length: int) -> NDArray[np.float64]:
    old = maps.shape[axis]
    if old == length:
        return maps
    place = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0.0, old - 1.0)
    before = np.minimum(place.astype(np.int64), old - 1)
    after = np.minimum(before + 1, old - 1)
    weight = (place - before).reshape(-1, *([1] * (maps.ndim - axis - 1)))
    mixed: NDArray[np.float64] = maps.take(before, axis) * (1.0 - weight) + maps.take(after, axis) * weight
    return mixed


def _overlap(old: tuple[int, ...], new: tuple[int, ...]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Return the slices of the new and of the old array that show the same pixels, both centred."""
    target, source = [], []
    for before, after in zip(old, new, strict=True):
        shift = margin(before, after)
        first = max(shift, 0)
        last = min(before + shift, after)
        target.append(slice(first, last))
        source.append(slice(first - shift, last - shift))
    return tuple(target), tuple(source)
