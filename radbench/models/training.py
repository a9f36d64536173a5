"""What a training needs beside network and data: mild, seeded augmentation of a batch, and checkpoints.

The augmentation is what differs between two honest exposures of one patient. A checkpoint is one safetensors file:
tensors, and the rest as JSON in its header.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radbench.errors import UsageError
from radbench.runtime import atomic_write

if TYPE_CHECKING:
    import torch
    from torch import nn


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


def save_checkpoint(
    path: Path, network: "nn.Module", optimizer: "torch.optim.Optimizer", state: dict[str, Any]
) -> None:
    """Write network, optimiser and ``state`` (JSON values, with a "fingerprint") to ``path``, atomically.

    Raises:
        UsageError: the folder cannot be written.
    """
    import safetensors.torch

    tensors = {f"network.{name}": value for name, value in network.state_dict().items()}
    for index, slots in optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{index}.{slot}": value for slot, value in slots.items()}
    plain = {name: value.detach().cpu().contiguous() for name, value in tensors.items()}
    atomic_write(path, safetensors.torch.save(plain, metadata={"state": json.dumps(state)}))


def load_checkpoint(
    path: Path, network: "nn.Module", optimizer: "torch.optim.Optimizer", fingerprint: str
) -> dict[str, Any]:
    """Put what ``save_checkpoint`` wrote back into ``network`` and ``optimizer`` and return the state.

    Raises:
        UsageError: the file is damaged, or belongs to a training with another fingerprint.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            state: dict[str, Any] = json.loads((file.metadata() or {})["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise UsageError(f"{path}: not a checkpoint ({error}); remove it to start afresh.") from error
    if state["fingerprint"] != fingerprint:
        raise UsageError(
            f"{path}: a checkpoint of other settings or samples, expected one of this training; "
            "remove it to start afresh."
        )
    prefix = "network."
    network.load_state_dict(
        {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
    )
    slots: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        if name.startswith("optimizer."):
            _, index, slot = name.split(".")
            slots.setdefault(int(index), {})[slot] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": slots})
    return state
