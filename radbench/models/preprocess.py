"""From a grayscale uint8 image to the tensor that a model's input contract asks for."""

from typing import TYPE_CHECKING

import numpy as np

from radbench.errors import UsageError
from radbench.models.base import Image
from radbench.specs import InputContract

if TYPE_CHECKING:
    import torch


def to_input(image: Image, contract: InputContract) -> "torch.Tensor":
    """Prepare one image.

    Args:
        image: uint8 [H, W].
        contract: what the model expects.

    Returns:
        float32 [channels, height, width].

    Raises:
        UsageError: the image is not uint8 [H, W].
    """
    import torch

    if image.ndim != 2 or image.dtype != np.uint8:
        raise UsageError(
            f"A model was given an image of shape {list(image.shape)} and type {image.dtype}; "
            "expected grayscale uint8 [height, width]."
        )
    pixels = torch.from_numpy(np.array(image)).to(torch.float32)[None, None]
    return standardise(fit(pixels / 255.0, contract), contract)[0]


def fit(pixels: "torch.Tensor", contract: InputContract) -> "torch.Tensor":
    """Resize float32 [N, 1, H, W] to the contract's spatial shape (bilinear, antialiased) if it differs."""
    from torch.nn import functional as F

    height, width = contract.spatial_shape
    if tuple(pixels.shape[-2:]) == (height, width):
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
