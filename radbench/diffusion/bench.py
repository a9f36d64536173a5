"""How fast the batched inversion is against Algorithm 1 as printed, and what it costs in memory.

The sequential loop runs as anyone would run it, with all of torch's threads; the batched inversion runs as
the editor runs it, in fixed micro-batches on single-threaded lanes. Times are the shortest of several repeats.
"""

import copy
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from radbench.diffusion.bench_inputs import invert_random, latent_shape, random_inputs
from radbench.diffusion.bench_memory import Peak, peaks_in_own_process
from radbench.diffusion.bundle import Bundle, load_bundle
from radbench.diffusion.inversion import invert_sequential
from radbench.diffusion.rows import NoisePredictor, Texts, fast_layout, lanes, rows_are_independent
from radbench.diffusion.schedule import Schedule, make_schedule
from radbench.errors import RadbenchError

if TYPE_CHECKING:
    from rich.console import Console

_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Timing:
    """Inversion of some images: seconds of the sequential loop and of the batched inversion."""

    images: int
    steps: int
    sequential: float
    batched: float

    @property
    def speedup(self) -> float:
        """Return how many times faster the batched inversion is."""
        return self.sequential / self.batched


@dataclass(frozen=True)
class BenchResult:
    """What the benchmark found.

    Attributes:
        bundle: name of the bundle.
        device: torch device type.
        threads: torch's threads, which the sequential loop used.
        latent: shape of a latent, (C, h, w).
        timings: one entry a number of images.
        growth: seconds of the batched inversion of one image, by number of steps.
        peaks: peak memory by steps and rows of a micro-batch; empty where it was not measured.
        rows_independent: whether a row's bits were the same in every place and company.
    """

    bundle: str
    device: str
    threads: int
    latent: tuple[int, int, int]
    timings: tuple[Timing, ...]
    growth: tuple[tuple[int, float], ...]
    peaks: tuple[Peak, ...]
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
        repeats: repeats, of which the shortest counts.
        growth: step counts at which to time the batched inversion of one image.
        memory: whether to measure peak memory too, in a process of its own (CPU only).

    Raises:
        RadbenchError: the two ways disagree by more than rounding.
    """
    bundle = bundle or load_bundle("phantom")
    as_loaded, bundle = bundle, replace(bundle, unet=fast_layout(copy.deepcopy(bundle.unet)))
    timings = [_compare(as_loaded, bundle, count, steps, repeats) for count in images]
    times = [(count, _time_batched(bundle, 1, count, repeats)) for count in growth]
    return BenchResult(
        bundle=bundle.name,
        device=bundle.device.type,
        threads=torch.get_num_threads(),
        latent=latent_shape(bundle.unet),
        timings=tuple(timings),
        growth=tuple(times),
        peaks=peaks_in_own_process(bundle) if memory and bundle.device.type == "cpu" else (),
        rows_independent=_independent(bundle),
    )


def print_bench(result: BenchResult, console: "Console") -> None:
    """Print a result as tables."""
    from rich.table import Table

    shape = " x ".join(str(side) for side in result.latent)
    console.print(f"Bundle {result.bundle}, latents {shape}, {result.device}, {result.threads} threads")
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
    answer = "the same bits in every place and company" if result.rows_independent else "NOT independent"
    console.print(f"Rows of a micro-batch: {answer}")


def _compare(as_loaded: Bundle, bundle: Bundle, count: int, steps: int, repeats: int) -> Timing:
    schedule = make_schedule(bundle.scheduler, steps)
    sources, table, seeds = random_inputs(bundle.unet, count)
    drawn: list[Tensor] = []

    def sequential() -> None:
        states = table.expand(count, -1, -1).to(bundle.device)
        drawn[:] = invert_sequential(as_loaded.unet, schedule, sources.to(bundle.device), states, seeds)

    seconds = _shortest(sequential, repeats, bundle.device)
    batched = _time_batched(bundle, count, steps, repeats)
    residuals = _invert(bundle, schedule, count)
    worst = float((drawn[1].cpu() - residuals).abs().max())
    if not worst < _TOLERANCE * max(1.0, float(residuals.abs().max())):
        raise RadbenchError(f"The batched inversion differs from the sequential loop by {worst:g}.")
    return Timing(count, steps, seconds, batched)


def _time_batched(bundle: Bundle, count: int, steps: int, repeats: int) -> float:
    schedule = make_schedule(bundle.scheduler, steps)
    return _shortest(lambda: _invert(bundle, schedule, count), repeats, bundle.device)


def _invert(bundle: Bundle, schedule: Schedule, count: int) -> Tensor:
    """Return the residuals of a batched inversion, float32 [B, S, C, h, w]."""
    return invert_random(bundle.unet, bundle.device, schedule, count, rows=None)


def _shortest(work: Callable[[], object], repeats: int, device: torch.device) -> float:
    seconds = []
    for _ in range(max(1, repeats) + 1):  # the first one only warms up
        begin = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - begin)
    return min(seconds[1:])


def _independent(bundle: Bundle) -> bool:
    sources, table, _ = random_inputs(bundle.unet, 3)
    with lanes(bundle.device) as running:
        predictor = NoisePredictor(bundle.unet, running)
        return rows_are_independent(predictor, sources, [500, 3, 999], Texts(table, [0, 0, 0]))
