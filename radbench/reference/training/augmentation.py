"""Mild, seeded augmentation of a batch of drawings: what differs between two honest exposures of one patient.

The weights that the package ships were trained with it, so its bits stay. Recipes (``radbench.reference.recipes``)
use torchvision and MONAI.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Augmentation:
    """Widest changes; each is drawn anew for every image.

    Attributes:
        rotation: degrees to either side.
        shift: fraction of the image's side, to either side.
        scale: fraction by which the image grows or shrinks.
        gamma: the exponent is drawn from exp(-gamma) to exp(gamma).
        noise: standard deviation of additive Gaussian noise, drawn from 0 to this (grey range = 1).
    """

    rotation: float = 5.0
    shift: float = 0.04
    scale: float = 0.05
    gamma: float = 0.2
    noise: float = 0.02


def augment(images: "torch.Tensor", settings: Augmentation, generator: "torch.Generator") -> "torch.Tensor":
    """Return a changed copy of ``images``.

    Args:
        images: float32 [N, 1, H, W] in [0, 1].
        settings: the widest changes.
        generator: source of all randomness (a CPU generator; images may lie elsewhere).

    Returns:
        float32 [N, 1, H, W] in [0, 1].
    """
    grid = _grid(images, settings, generator)
    return _expose(_move(images, grid), settings, generator)


def augment_pair(
    images: "torch.Tensor", masks: "torch.Tensor", settings: Augmentation, generator: "torch.Generator"
) -> "tuple[torch.Tensor, torch.Tensor]":
    """Return a changed copy of ``images`` with their masks moved alike; grey values change in the images only.

    Args:
        images: float32 [N, 1, H, W] in [0, 1].
        masks: float32 [N, 1, H, W] in [0, 1].
        settings: the widest changes.
        generator: source of all randomness.

    Returns:
        The images as ``augment`` changes them, and the masks, float32 [N, 1, H, W] of 0 and 1.
    """
    grid = _grid(images, settings, generator)
    moved = (_move(masks, grid) >= 0.5).to(masks.dtype)
    return _expose(_move(images, grid), settings, generator), moved


def _grid(images: "torch.Tensor", settings: Augmentation, generator: "torch.Generator") -> "torch.Tensor":
    """Draw where every pixel comes from, float32 [N, H, W, 2] in grid_sample's coordinates."""
    import torch
    from torch.nn import functional as F

    count = images.shape[0]
    angle = torch.deg2rad(_draw(count, settings.rotation, generator))
    zoom = 1 + _draw(count, settings.scale, generator)
    cosine, sine = torch.cos(angle) * zoom, torch.sin(angle) * zoom
    # grid_sample's coordinates span 2 over a side, hence the factor of the shift
    row_x = torch.stack([cosine, -sine, 2 * _draw(count, settings.shift, generator)], dim=1)
    row_y = torch.stack([sine, cosine, 2 * _draw(count, settings.shift, generator)], dim=1)
    theta = torch.stack([row_x, row_y], dim=1).to(images.device)
    return F.affine_grid(theta, list(images.shape), align_corners=False)


def _move(images: "torch.Tensor", grid: "torch.Tensor") -> "torch.Tensor":
    from torch.nn import functional as F

    return F.grid_sample(images, grid, padding_mode="border", align_corners=False).clamp(0, 1)


def _expose(images: "torch.Tensor", settings: Augmentation, generator: "torch.Generator") -> "torch.Tensor":
    import torch

    count = images.shape[0]
    exponent = torch.exp(_draw(count, settings.gamma, generator))[:, None, None, None].to(images.device)
    sigma = (torch.rand(count, generator=generator) * settings.noise)[:, None, None, None]
    noise = torch.randn(images.shape, generator=generator) * sigma
    return (images**exponent + noise.to(images.device)).clamp(0, 1)


def _draw(count: int, width: float, generator: "torch.Generator") -> "torch.Tensor":
    import torch

    return (torch.rand(count, generator=generator) * 2 - 1) * width
