"""How fast the batched inversion is against Algorithm 1 as printed, and what it costs in memory.

The sequential loop runs as anyone would run it: the network as it was loaded, with all of torch's threads. The
batched inversion runs as the editor runs it, in fixed micro-batches on single-threaded lanes. The two take
turns, so that a machine that slows down slows both; what is told is the median over the turns.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from radbench.bench.inversion_memory import (
    Peak,
    invert_random,
    latent_shape,
    make_ready,
    peaks_in_own_process,
    random_inputs,
)
from radbench.diffusion.bundle import Bundle, load_bundle
from radbench.diffusion.editors import EditRequest, EditSettings
from radbench.diffusion.editors.methods import RadEditEditor
from radbench.diffusion.encoding import pixel_factor
from radbench.diffusion.inversion import invert_sequential
from radbench.diffusion.rows import NoisePredictor, Texts, lanes, rows_are_independent
from radbench.diffusion.schedule import make_schedule
from radbench.errors import RadbenchError

if TYPE_CHECKING:
    from rich.console import Console

PROMPTS = ("", "no")


@dataclass(frozen=True)
class SecondPrompt:
    """Whole RadEdits of some images, without skipped steps.

    Attributes:
        images: how many.
        steps: of the schedule, and of each edit.
        first: seconds for one prompt, the median of the runs.
        ratio: what a second prompt in the same call adds, relative to the first alone, the median of the runs.
    """

    images: int
    steps: int
    first: float
    ratio: float


def second_prompt(bundle: Bundle, *, images: int, steps: int, repeats: int) -> SecondPrompt:
    """Time RadEdit with one prompt an image and with two, in turn."""
    first = _requests(bundle, images)
    both = [one for request in first for one in (request, replace(request, key="", prompt=PROMPTS[1]))]
    _edit_seconds(bundle, both, steps)
    runs = range(max(1, repeats))
    pairs = [(_edit_seconds(bundle, first, steps), _edit_seconds(bundle, both, steps)) for _ in runs]
    ratio = median(two / one - 1 for one, two in pairs)
    return SecondPrompt(images, steps, median(one for one, _ in pairs), ratio)


def _edit_seconds(bundle: Bundle, requests: list[EditRequest], steps: int) -> float:
    settings = EditSettings(num_inference_steps=steps, skip_ratio=0.0, guidance_scale=5.0)
    edits = RadEditEditor().edit(bundle, requests, settings, batch_size=len(requests))
    return _seconds(lambda: list(edits), bundle.device)


def _requests(bundle: Bundle, images: int) -> list[EditRequest]:
    side = int(bundle.unet.config.sample_size) * pixel_factor(bundle.vae)
    rng = np.random.default_rng(0)
    mask = np.zeros((side, side), np.bool_)
    mask[: side // 2] = True
    return [
        EditRequest("", rng.integers(0, 256, (side, side), np.uint8), mask, None, PROMPTS[0], "", seed)
        for seed in range(images)
    ]


_TOLERANCE = {"cpu": 1e-5, "cuda": 1e-4}
"""Largest difference between the two ways, relative to the largest residual, by device."""


@dataclass(frozen=True)
class Timing:
    """Inversion of some images, both ways in turn.

    Attributes:
        images: how many.
        steps: T.
        turns: seconds of the sequential loop and of the batched inversion, by turn.
    """

    images: int
    steps: int
    turns: tuple[tuple[float, float], ...]

    @property
    def sequential(self) -> float:
        """Return the median seconds of the sequential loop."""
        return median(slow for slow, _ in self.turns)

    @property
    def batched(self) -> float:
        """Return the median seconds of the batched inversion."""
        return median(fast for _, fast in self.turns)

    @property
    def speedup(self) -> float:
        """Return how many times faster the batched inversion is, the median over the turns."""
        return median(slow / fast for slow, fast in self.turns)


@dataclass(frozen=True)
class BenchResult:
    """What the benchmark found.

    Attributes:
        bundle: name of the bundle.
        device: torch device type.
        threads: torch's threads, which the sequential loop used.
        latent: shape of a latent, (C, h, w).
        prepared: seconds that it took, once, to make the network ready for many micro-batches.
        timings: one entry a number of images.
        growth: seconds of the batched inversion of one image, by number of steps.
        peaks: peak memory by steps and rows of a micro-batch; empty where it was not measured.
        second: cost of a second prompt on the same images.
        rows_independent: whether a row's bits were the same in every place and company.
    """

    bundle: str
    device: str
    threads: int
    latent: tuple[int, int, int]
    prepared: float
    timings: tuple[Timing, ...]
    growth: tuple[tuple[int, float], ...]
    peaks: tuple[Peak, ...]
    second: SecondPrompt
    rows_independent: bool


def run_bench(
    bundle: Bundle | None = None,
    *,
    steps: int = 50,
    images: Sequence[int] = (1, 8),
    repeats: int = 3,
    growth: Sequence[int] = (25, 50, 100),
    memory: bool = True,
) -> BenchResult:
    """Time the inversion of a bundle, about a minute on two CPU cores.

    Args:
        bundle: the model; None for the embedded one.
        steps: T of the comparison.
        images: numbers of images to compare at.
        repeats: turns, of which the median counts.
        growth: step counts at which to time the batched inversion of one image.
        memory: whether to measure peak memory too, in a process of its own (CPU only).

    Raises:
        RadbenchError: the two ways disagree by more than rounding.
    """
    bundle = bundle or load_bundle("phantom")
    prepared = _seconds(lambda: make_ready(bundle.unet, bundle.device), bundle.device)
    timings = [_compare(bundle, count, steps, repeats) for count in images]
    turns = range(max(1, repeats))
    works = {count: _batched(bundle, 1, count) for count in growth}
    times = [(count, min(_seconds(work, bundle.device) for _ in turns)) for count, work in works.items()]
    return BenchResult(
        bundle=bundle.name,
        device=bundle.device.type,
        threads=torch.get_num_threads(),
        latent=latent_shape(bundle.unet),
        prepared=prepared,
        timings=tuple(timings),
        growth=tuple(times),
        peaks=peaks_in_own_process(bundle) if memory and bundle.device.type == "cpu" else (),
        second=second_prompt(bundle, images=4, steps=max(1, steps // 2), repeats=repeats),
        rows_independent=_independent(bundle),
    )


def print_bench(result: BenchResult, console: "Console") -> None:
    """Print a result as tables."""
    from rich.table import Table

    shape = " x ".join(str(side) for side in result.latent)
    console.print(f"Bundle {result.bundle}, latents {shape}, {result.device}, {result.threads} threads")
    console.print(f"The network was made ready once in {result.prepared:.1f} s")
    table = Table("images", "steps", "sequential s", "batched s", "batched s an image", "times faster")
    for row in result.timings:
        each = row.batched / row.images
        cells = (row.sequential, row.batched, each, row.speedup)
        table.add_row(str(row.images), str(row.steps), *(f"{cell:.2f}" for cell in cells))
    console.print(table)
    table = Table("steps", "batched s, one image", "s a step")
    for steps, seconds in result.growth:
        table.add_row(str(steps), f"{seconds:.2f}", f"{seconds / steps:.4f}")
    console.print(table)
    if result.peaks:
        table = Table("steps", "rows a micro-batch", "peak memory of the inversion, MiB")
        for peak in result.peaks:
            table.add_row(str(peak.steps), str(peak.rows), f"{peak.mebibytes:.0f}")
        console.print(table)
    second = result.second
    console.print(
        f"A second prompt on the same {second.images} images costs {second.ratio:.2f} of the first "
        f"({second.steps} steps, {second.first:.2f} s)"
    )
    answer = "the same bits in every place and company" if result.rows_independent else "NOT independent"
    console.print(f"Rows of a micro-batch: {answer}")


def _compare(bundle: Bundle, count: int, steps: int, repeats: int) -> Timing:
    schedule = make_schedule(bundle.scheduler, steps)
    sources, table, seeds = random_inputs(bundle.unet, count)
    states = table.expand(count, -1, -1).to(bundle.device)
    one_by_one = partial(invert_sequential, bundle.unet, schedule, sources.to(bundle.device), states, seeds)
    batched = _batched(bundle, count, steps)
    residuals, expected = batched(), one_by_one()[1].cpu()
    worst = float((expected - residuals).abs().max())
    if not worst < _TOLERANCE.get(bundle.device.type, 1e-4) * max(1.0, float(expected.abs().max())):
        raise RadbenchError(f"The batched inversion differs from the sequential loop by {worst:g}.")
    turns = range(max(1, repeats))
    pairs = ((_seconds(one_by_one, bundle.device), _seconds(batched, bundle.device)) for _ in turns)
    return Timing(count, steps, tuple(pairs))


def _batched(bundle: Bundle, count: int, steps: int) -> Callable[[], Tensor]:
    """Return the batched inversion of random images, which returns residuals, float32 [B, S, C, h, w]."""
    schedule = make_schedule(bundle.scheduler, steps)
    return partial(invert_random, bundle.unet, bundle.device, schedule, count, rows=None)


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    begin = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begin


def _independent(bundle: Bundle) -> bool:
    sources, table, _ = random_inputs(bundle.unet, 3)
    with lanes(bundle.device) as running:
        predictor = NoisePredictor(bundle.unet, running)
        return rows_are_independent(predictor, sources, [500, 3, 999], Texts(table, [0, 0, 0]))
