"""What the benchmark of the inversion inverts, and its peak memory in a process of its own (Linux, CPU).

Random latents and a random prompt: timing and memory need no more.
"""

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from radbench.diffusion.bundle import Bundle
from radbench.diffusion.inversion import invert
from radbench.diffusion.rows import ROWS, NoisePredictor, Texts, lanes
from radbench.diffusion.schedule import Schedule, make_schedule


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


_MEASURED = ((25, ROWS), (100, ROWS), (25, 16))
"""Steps and rows of a micro-batch; the widest comes last, since freed memory may stay with the process."""

_SELF = Path("/proc/self")


@dataclass(frozen=True)
class Peak:
    """Memory, in MiB, that inverting one image adds to the process at its peak, with the network's fast form."""

    steps: int
    rows: int
    mebibytes: float


def peaks_in_own_process(bundle: Bundle) -> tuple[Peak, ...]:
    """Return peak memory for few steps, many steps and wide micro-batches; empty where it cannot be measured."""
    settings = {"unet": dict(bundle.unet.config), "scheduler": dict(bundle.scheduler.config)}
    code = "from radbench.bench.inversion_memory import print_peaks; print_peaks()"
    done = subprocess.run(  # noqa: S603  (our own interpreter and code)
        [sys.executable, "-c", code],
        input=json.dumps(settings, default=str),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0 or not done.stdout.strip():
        return ()
    return tuple(Peak(*entry) for entry in json.loads(done.stdout.splitlines()[-1]))


def print_peaks() -> None:
    """Measure peak memory of a network of the configuration on standard input; print it as JSON.

    Weights are random: they weigh the same. Meant for a process of its own.
    """
    import diffusers

    settings = json.loads(sys.stdin.read())
    unet = diffusers.UNet2DConditionModel.from_config(settings["unet"]).eval().requires_grad_(False)
    scheduler = diffusers.DDIMScheduler.from_config(settings["scheduler"])
    before = _status("VmRSS")
    found = []
    for steps, rows in _MEASURED:
        (_SELF / "clear_refs").write_text("5")  # the high-water mark starts again from here
        make_ready(unet, torch.device("cpu"), rows)
        invert_random(unet, torch.device("cpu"), make_schedule(scheduler, steps), 1, rows)
        found.append((steps, rows, (_status("VmHWM") - before) / 1024))
    sys.stdout.write(json.dumps(found) + "\n")


def _status(name: str) -> int:
    """Return a figure of this process in KiB."""
    lines = (_SELF / "status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))
