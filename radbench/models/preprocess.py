"""From a grayscale image of 8 or 16 bits to the numbers that a model's input contract asks for, and its maps back.

In order: stored values to shares by the contract's intensity rule; inverted where the contract is MONOCHROME1; brought
to the contract's size by its resize rule (bilinear, antialiased); mapped to its value range; one channel repeated; mean
and standard deviation; type and layout.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.base import Image, is_image
from radbench.specs import InputContract

if TYPE_CHECKING:
    import torch

Size = tuple[int, int]
"""Height and width in pixels."""


def to_batch(images: Sequence[Image], contract: InputContract, rows: int) -> NDArray[np.generic]:
    """Prepare images for one forward pass.

    Args:
        images: at most ``rows`` images, uint8 or uint16 [H, W], of any sizes.
        contract: what the model expects.
        rows: rows of the batch; those after the images are zero.

    Returns:
        [rows, C, H, W] (or [rows, H, W, C]) in the contract's size, type, layout and value range.

    Raises:
        UsageError: an image is not uint8 or uint16 [H, W].
    """
    height, width = contract.spatial_shape
    batch = np.zeros((rows, contract.channels, height, width), np.float32)
    mean = np.array(contract.means, np.float32)[:, None, None]
    std = np.array(contract.stds, np.float32)[:, None, None]
    low, high = contract.value_range
    for index, image in enumerate(images):
        batch[index] = (_unit(image, contract) * np.float32(high - low) + np.float32(low) - mean) / std
    if contract.layout == "NHWC":
        batch = np.ascontiguousarray(batch.transpose(0, 2, 3, 1))
    if np.dtype(contract.dtype).kind in "iu":
        limits = np.iinfo(contract.dtype)
        batch = np.clip(np.rint(batch), limits.min, limits.max)
    return batch.astype(contract.dtype, copy=False)


def row_shape(contract: InputContract) -> list[int]:
    """Return the lengths of one image's axes as the model takes it: [C, H, W] or [H, W, C]."""
    height, width = contract.spatial_shape
    return (
        [contract.channels, height, width]
        if contract.layout == "NCHW"
        else [height, width, contract.channels]
    )


def maps_to_size(
    maps: NDArray[np.floating], contract: InputContract, size: tuple[int, int]
) -> NDArray[np.float64]:
    """Undo the resize rule for maps that a model drew on images of one size.

    Args:
        maps: [N, h, w] of any size, over what the model saw.
        contract: the model's input contract.
        size: height and width of the images.

    Returns:
        float64 [N, H, W] (bilinear); what the rule "crop" did not show to the model is 0.
    """
    height, width = canvas(size, contract)
    shown = maps.astype(np.float64)
    if shown.shape[1:] != (height, width):
        shown = interpolated(shown, (height, width))
    return taken(shown, size)


def _unit(image: Image, contract: InputContract) -> NDArray[np.float32]:
    """Return float32 [height, width] in [0, 1], at the contract's size."""
    from PIL import Image as Picture

    if not is_image(image):
        raise UsageError(
            f"A model was given an image of shape {list(image.shape)} and type {image.dtype}; "
            "expected grayscale uint8 or uint16 [height, width]."
        )
    pixels = _shares(image, contract)
    if contract.photometric == "MONOCHROME1":
        pixels = np.float32(1.0) - pixels
    pixels = placed(pixels, canvas((image.shape[0], image.shape[1]), contract))
    height, width = contract.spatial_shape
    if pixels.shape == (height, width):
        return pixels
    resized = Picture.fromarray(pixels).resize((width, height), Picture.Resampling.BILINEAR)
    return np.asarray(resized, np.float32)


def _shares(image: Image, contract: InputContract) -> NDArray[np.float32]:
    """Return float32 [H, W] in [0, 1] by the contract's intensity rule; a film of one grey is 0 by "min-max"."""
    values = image.astype(np.float32)
    white = np.float32(np.iinfo(image.dtype).max)
    if contract.intensity == "stored-range":
        return values / white
    if contract.intensity == "min-max":
        low, high = values.min(), values.max()
    else:
        low, high = (np.float32(share) * white for share in contract.window or (0.0, 1.0))
    if high <= low:
        return np.zeros_like(values)
    return np.asarray(np.clip((values - low) / (high - low), np.float32(0.0), np.float32(1.0)))


def fit(pixels: "torch.Tensor", contract: InputContract) -> "torch.Tensor":
    """Resize float32 [N, 1, H, W] to the contract's spatial shape by its resize rule, where training needs a tensor."""
    from torch.nn import functional as F

    height, width = contract.spatial_shape
    rows, columns = canvas((pixels.shape[-2], pixels.shape[-1]), contract)
    top, left = margin(pixels.shape[-2], rows), margin(pixels.shape[-1], columns)
    if (rows, columns) != tuple(pixels.shape[-2:]):
        edges = (left, columns - pixels.shape[-1] - left, top, rows - pixels.shape[-2] - top)
        pixels = F.pad(pixels, edges)
    if (rows, columns) == (height, width):
        return pixels
    return F.interpolate(pixels, (height, width), mode="bilinear", align_corners=False, antialias=True)


def standardise(pixels: "torch.Tensor", contract: InputContract) -> "torch.Tensor":
    """Map grey values to the contract's range, repeat the channel, and apply mean and standard deviation.

    Args:
        pixels: float32 [N, 1, H, W] in [0, 1].
        contract: what the model expects.

    Returns:
        float32 [N, channels, H, W].
    """
    low, high = contract.value_range
    scaled = (pixels * (high - low) + low).expand(-1, contract.channels, -1, -1)
    mean = pixels.new_tensor(contract.means)[:, None, None]
    std = pixels.new_tensor(contract.stds)[:, None, None]
    return (scaled - mean) / std


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
    for axis, length in enumerate(size, start=1):
        old = maps.shape[axis]
        if old == length:
            continue
        place = np.clip((np.arange(length) + 0.5) * old / length - 0.5, 0.0, old - 1.0)
        before = np.minimum(place.astype(np.int64), old - 1)
        after = np.minimum(before + 1, old - 1)
        weight = (place - before).reshape(-1, *([1] * (maps.ndim - axis - 1)))
        maps = maps.take(before, axis) * (1.0 - weight) + maps.take(after, axis) * weight
    return maps


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
