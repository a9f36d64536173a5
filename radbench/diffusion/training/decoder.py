"""Training of the autoencoder's decoder on top of the fixed linear encoder."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from numpy.typing import NDArray
from torch.nn import functional

from radbench.diffusion.linear_vae import PatchComponents, linear_encode
from radbench.diffusion.training.checkpoint import load_state, save_state
from radbench.diffusion.training.config import AutoencoderConfig


def train_decoder(
    vae: AutoencoderKL,
    components: PatchComponents,
    images: NDArray[np.uint8],
    config: AutoencoderConfig,
    checkpoint: Path,
    device: torch.device,
    progress: Callable[[int, float], None],
    checkpoint_every: int = 250,
) -> int:
    """Train ``vae.decoder`` to undo the linear encoder on uint8 [N, H, W] images; return the last step.

    The loss is the mean absolute error on [-1, 1] pixels plus that of their horizontal and vertical differences,
    which keeps thin structures (drains, pleural lines) sharp. Each batch is drawn from (seed, step) alone.
    """
    vae.to(device)
    decoder = vae.decoder
    optimizer = torch.optim.AdamW(
        decoder.parameters(), lr=config.learning_rate, betas=(0.9, 0.99), weight_decay=0.0
    )
    step = load_state(checkpoint, {"decoder": decoder}, optimizer)
    while step < config.steps:
        generator = torch.Generator().manual_seed(config.seed * 1_000_003 + step)
        chosen = torch.randint(len(images), (config.batch_size,), generator=generator).numpy()
        batch = images[np.sort(chosen)]
        target = (torch.from_numpy(batch).float() / 127.5 - 1)[:, None].to(device)
        codes = linear_encode(components, batch)
        codes = codes + config.latent_noise * torch.randn(codes.shape, generator=generator)
        decoded = decoder(codes.to(device))
        loss = functional.l1_loss(decoded, target) + _gradient_loss(decoded, target)
        for group in optimizer.param_groups:
            group["lr"] = _learning_rate(step, config)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
        optimizer.step()
        step += 1
        progress(step, float(loss.detach()))
        if step % checkpoint_every == 0 or step == config.steps:
            save_state(checkpoint, step, {"decoder": decoder}, optimizer)
    return step


def _gradient_loss(decoded: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    rows = functional.l1_loss(decoded.diff(dim=-2), target.diff(dim=-2))
    columns = functional.l1_loss(decoded.diff(dim=-1), target.diff(dim=-1))
    return rows + columns


def _learning_rate(step: int, config: AutoencoderConfig) -> float:
    warm = min(1.0, (step + 1) / 100)
    return warm * config.learning_rate * 0.5 * (1 + math.cos(math.pi * step / max(config.steps, 1)))
