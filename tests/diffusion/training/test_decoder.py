"""The decoder's training: it learns, and resumes to the same weights."""

import contextlib
from pathlib import Path

import numpy as np
import torch

from radbench.diffusion.linear_vae import build_vae, fit_components
from radbench.diffusion.training.config import AutoencoderConfig
from radbench.diffusion.training.decoder import train_decoder


def run(folder: Path, steps: int, planned: int, losses: list[float]) -> torch.Tensor:
    rng = np.random.default_rng(0)
    images = np.kron(rng.integers(0, 256, (6, 4, 4)), np.ones((8, 8))).astype(np.uint8)
    components = fit_components(images, 4)
    torch.manual_seed(0)
    vae = build_vae(components, 32, (8, 16, 64))
    config = AutoencoderConfig(steps=planned, batch_size=2)

    class StopHereError(Exception): ...

    def progress(step: int, loss: float) -> None:
        losses.append(loss)
        if step == steps < planned:
            raise StopHereError

    with contextlib.suppress(StopHereError):
        train_decoder(
            vae, components, images, config, folder / "d.safetensors", torch.device("cpu"), progress, 2
        )
    return torch.cat([p.detach().flatten() for p in vae.decoder.parameters()])


def test_decoder_learns_and_resumes(tmp_path: Path) -> None:
    losses: list[float] = []
    whole = run(tmp_path / "a", 30, 30, losses)
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])
    run(tmp_path / "b", 15, 30, [])
    again: list[float] = []
    resumed = run(tmp_path / "b", 30, 30, again)
    assert len(again) == 16
    assert torch.equal(whole, resumed)
