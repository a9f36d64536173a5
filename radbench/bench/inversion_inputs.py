"""What the benchmark inverts: random latents and a random prompt, since timing and memory need no more."""

from typing import Any

import torch
from torch import Tensor

from radbench.diffusion.inversion import invert
from radbench.diffusion.rows import NoisePredictor, Texts, lanes
from radbench.diffusion.schedule import Schedule


def invert_random(
    unet: Any, device: torch.device, schedule: Schedule, count: int, rows: int | None
) -> Tensor:
    """Return the residuals of a batched inversion of random latents, float32 [B, S, C, h, w]."""
    sources, table, seeds = random_inputs(unet, count)
    with lanes(device) as running:
        predictor = NoisePredictor(unet, running, rows)
        texts = Texts(table, [0] * count)
        found = invert(predictor, schedule, list(sources), texts, prompts=[""] * count, seeds=seeds)
    return torch.stack([inversion.residuals for inversion in found])


def make_ready(unet: Any, device: torch.device, rows: int | None = None) -> None:
    """Make a network ready for many micro-batches of such inputs, as a long run does on its way."""
    sources, table, _ = random_inputs(unet, 1)
    with lanes(device) as running:
        NoisePredictor(unet, running, rows).prepare(sources, Texts(table, [0]))


def random_inputs(unet: Any, count: int) -> tuple[Tensor, Tensor, list[int]]:
    """Return random latents [B, C, h, w], a random prompt embedding [1, 32, D] and seeds."""
    generator = torch.Generator().manual_seed(0)
    sources = torch.randn((count, *latent_shape(unet)), generator=generator)
    embedding = torch.randn((1, 32, int(unet.config.cross_attention_dim)), generator=generator)
    return sources, embedding, list(range(count))


def latent_shape(unet: Any) -> tuple[int, int, int]:
    """Return the shape (C, h, w) of the latents that a network reads."""
    side = int(unet.config.sample_size)
    return int(unet.config.in_channels), side, side
