"""Pixels to latents and back, and masks at the latents' resolution.

The autoencoder always runs in float32, one image at a time, so an image's latents never depend on its
company.
"""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from radbench.data.images import as_bool
from radbench.errors import UsageError


def to_pixels(image: NDArray[np.uint8], channels: int = 1) -> Tensor:
    """Return a uint8 [H, W] image as float32 [channels, H, W] in [-1, 1]; gray is repeated."""
    plane = torch.from_numpy(image.astype(np.float32)) / 127.5 - 1
    return plane.expand(channels, -1, -1)


def to_uint8(image: Tensor) -> NDArray[np.uint8]:
    """Return a float [C, H, W] image in [0, 1] as uint8 [H, W]: channels averaged, then rounded."""
    plane = image.detach().to("cpu", torch.float32).mean(dim=0).clamp(0, 1)
    array: NDArray[np.uint8] = (plane * 255).round().to(torch.uint8).numpy()
    return array


def encode(vae: Any, pixels: Tensor) -> Tensor:
    """Return the latent of one image: the posterior's mode, shifted and scaled by the autoencoder's config.

    Args:
        vae: an ``AutoencoderKL`` in float32.
        pixels: float32 [C, H, W] in [-1, 1], C as ``vae.config.in_channels``.

    Returns:
        float32 [c, h, w] on the autoencoder's device.

    Raises:
        UsageError: the image's sides are no multiples of the autoencoder's factor.
    """
    factor = pixel_factor(vae)
    height, width = pixels.shape[-2:]
    if height % factor or width % factor:
        raise UsageError(
            f"The image is {height} x {width} pixels; this bundle needs sides that are multiples of "
            f"{factor}: resize or crop it."
        )
    with torch.no_grad():
        mode = vae.encode(pixels[None].to(vae.device, torch.float32)).latent_dist.mode()[0]
    return torch.as_tensor((mode - _shift(vae)) * float(vae.config.scaling_factor))


def decode(vae: Any, latent: Tensor) -> Tensor:
    """Return the image of one latent.

    Args:
        vae: an ``AutoencoderKL`` in float32.
        latent: float32 [c, h, w].

    Returns:
        float32 [C, H, W] clipped to [0, 1] on the autoencoder's device.
    """
    scaled = latent.to(vae.device, torch.float32) / float(vae.config.scaling_factor) + _shift(vae)
    with torch.no_grad():
        image = vae.decode(scaled[None]).sample[0]
    return torch.as_tensor((image / 2 + 0.5).clamp(0, 1))


def pixel_factor(vae: Any) -> int:
    """Return how many pixels a side one latent covers."""
    return int(2 ** (len(vae.config.block_out_channels) - 1))


def mask_to_latent(mask: NDArray[Any] | Tensor, shape: tuple[int, int], threshold: float = 0.5) -> Tensor:
    """Return a mask at the latents' resolution: set where at least ``threshold`` of a latent's area is.

    Args:
        mask: [H, W]; bool, 0/1, 0/255 or float in [0, 1] mean the same.
        shape: (h, w) of the latents.
        threshold: share of the area, over 0 to 1; a latent counts when its share reaches it.

    Returns:
        bool [h, w] on the CPU.

    Raises:
        UsageError: the mask is not two-dimensional, holds other values, or the threshold is out of range.
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"mask_threshold is {threshold}; expected over 0 and at most 1.")
    share = F.adaptive_avg_pool2d(as_mask(mask).to(torch.float32)[None, None], shape)[0, 0]
    return share >= threshold - 1e-6


def as_mask(mask: NDArray[Any] | Tensor) -> Tensor:
    """Return a mask as bool [H, W] on the CPU; ``radbench.data.images.as_bool`` says what the values mean."""
    return torch.from_numpy(
        as_bool(mask.detach().cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask))
    )


def _shift(vae: Any) -> float:
    return float(getattr(vae.config, "shift_factor", None) or 0.0)
