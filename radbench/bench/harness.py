"""What the harness costs beside the model itself: the same network and images, bare and through the harness.

The bare loop is what anyone would write: the network in a process with the same threads, sixteen images at a time,
scaled and standardised. The harness way is the whole of it: pixels hashed, sent to the sandbox in pieces, prepared by
the declared contract, run, decoded, checked, and remembered on disk. All take turns with their networks loaded, so
that a machine that slows down slows all; starting is listed apart.

A model's process keeps its memory between two batches (``permits.environment``), which a plain process does not and
which saves a small network more than the harness costs. So the bare loop is timed a second time in a process that
keeps its memory too, and the overhead is told against both.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import IO, TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import RadbenchError
from radbench.models.base import Image
from radbench.models.cache import CachedModel
from radbench.models.isolation.model import IsolatedModel
from radbench.models.isolation.permits import THREADS, environment
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["HarnessTimes", "measure_harness", "print_harness"]

TARGET: Final = 0.15
"""Overhead at most, as a share of the bare loop."""

MODEL: Final = "covid-robust"
_CHUNK: Final = 256
_ROWS: Final = 16
_TOLERANCE: Final = 1e-5


@dataclass(frozen=True)
class HarnessTimes:
    """The same images through the same network, both ways in turn.

    Attributes:
        model: name of the model.
        images: how many.
        side: height and width of an image.
        threads: threads of the network's arithmetic, both ways.
        turns: seconds of the bare loop, of the bare loop in a process that keeps its memory, and of the harness,
            by turn.
        bare_start: seconds to start Python and load the network for the bare loop.
        harness_start: seconds to start the sandbox and load the network in it.
    """

    model: str
    images: int
    side: int
    threads: int
    turns: tuple[tuple[float, float, float], ...]
    bare_start: float
    harness_start: float

    @property
    def bare(self) -> float:
        """Return the median seconds of the bare loop."""
        return median(plain for plain, _, _ in self.turns)

    @property
    def kept(self) -> float:
        """Return the median seconds of the bare loop in a process that keeps its memory."""
        return median(kept for _, kept, _ in self.turns)

    @property
    def harness(self) -> float:
        """Return the median seconds of the harness."""
        return median(harness for _, _, harness in self.turns)

    @property
    def overhead(self) -> float:
        """Return what the harness takes more than the bare loop, as a share of it, the median over the turns."""
        return median(harness / plain - 1.0 for plain, _, harness in self.turns)

    @property
    def overhead_kept(self) -> float:
        """Return the same against the bare loop in a process that keeps its memory."""
        return median(harness / kept - 1.0 for _, kept, harness in self.turns)


def measure_harness(count: int = 2000, *, turns: int = 5, spec: ModelSpec | None = None) -> HarnessTimes:
    """Time a classifier both ways on seeded random images, on the CPU.

    Args:
        count: number of images.
        turns: how often each way; the median counts.
        spec: a torch classifier of one logit (format timm); None for a reference model of the phantom.

    Raises:
        RadbenchError: the two ways disagree by more than rounding.
    """
    spec = spec or _reference()
    images = _images(count, spec)
    with (
        _bare_loop(spec, count) as (plain, bare_start),
        _bare_loop(spec, count, keep=True) as (kept, _),
        IsolatedModel(spec) as model,
    ):
        begin = time.perf_counter()
        model.start()
        harness_start = time.perf_counter() - begin
        rounds = [(_ask(plain), _ask(kept), _through(model, images)) for _ in range(max(1, turns))]
    for (_, expected), _, (_, found) in rounds:
        worst = float(np.abs(np.array(expected) - found).max(initial=0.0))
        if not worst < _TOLERANCE:
            raise RadbenchError(f"The harness differs from the bare loop by {worst:g}.")
    return HarnessTimes(
        model=spec.name,
        images=count,
        side=spec.input.spatial_shape[0],
        threads=THREADS,
        turns=tuple((one[0], two[0], three[0]) for one, two, three in rounds),
        bare_start=bare_start,
        harness_start=harness_start,
    )


def print_harness(console: "Console", *, count: int = 2000, turns: int = 5) -> HarnessTimes:
    """Measure and print both ways; return what was measured."""
    from rich.table import Table

    found = measure_harness(count, turns=turns)
    console.print(
        f"Model {found.model}, {found.images} images of {found.side} x {found.side}, {found.threads} threads"
    )
    table = Table("way", "start s", "all images s", "an image ms")
    ways = (
        ("bare loop", found.bare_start, found.bare),
        ("bare loop, memory kept", found.bare_start, found.kept),
        ("harness", found.harness_start, found.harness),
    )
    for way, start, seconds in ways:
        table.add_row(way, f"{start:.1f}", f"{seconds:.2f}", f"{1000 * seconds / found.images:.2f}")
    console.print(table)
    console.print(
        f"Overhead of the harness: {found.overhead:+.1%} (target: at most {TARGET:.0%}); "
        f"against the loop whose process keeps its memory {found.overhead_kept:+.1%}"
    )
    return found


def _reference() -> ModelSpec:
    from radbench.declared import models_dir
    from radbench.specs.loading import load_yaml

    return load_yaml(models_dir() / f"{MODEL}.yaml", ModelSpec)


def _images(count: int, spec: ModelSpec) -> list[Image]:
    height, width = spec.input.spatial_shape
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (height, width), dtype=np.uint8) for _ in range(count)]


def _through(model: IsolatedModel, images: list[Image]) -> tuple[float, NDArray[np.float64]]:
    """Return the seconds and the scores, float64 [N], of the whole harness with an empty memory."""
    with tempfile.TemporaryDirectory() as cache:
        cached = CachedModel(model, Path(cache))
        begin = time.perf_counter()
        parts = [cached.predict(images[at : at + _CHUNK]).values for at in range(0, len(images), _CHUNK)]
        seconds = time.perf_counter() - begin
    return seconds, np.concatenate([part.astype(np.float64) for part in parts])


@contextmanager
def _bare_loop(
    spec: ModelSpec, count: int, *, keep: bool = False
) -> "Iterator[tuple[subprocess.Popen[str], float]]":
    """Start a process that runs the bare loop when asked; yield it with the seconds that it took to start."""
    code = (
        "import sys; sys.path += sys.argv[1:]; from radbench.bench.harness import _serve_bare; _serve_bare()"
    )
    root = str(Path(__file__).resolve().parents[2])
    prefix = ["-X", f"pycache_prefix={sys.pycache_prefix}"] if sys.pycache_prefix else []
    begin = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        known = environment(folder, "cpu", network=False)
        plain = {name: value for name, value in known.items() if not name.startswith("MALLOC_")}
        process = subprocess.Popen(  # noqa: S603 - our own interpreter, no shell
            [sys.executable, *prefix, "-c", code, root],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=known if keep else plain,
        )
        with process:
            try:
                told = {"spec": spec.model_dump_json(), "origin": str(spec.origin or ""), "count": count}
                _line(_end_of(process.stdin), told)
                if _end_of(process.stdout).readline() != "ready\n":
                    raise RadbenchError("The bare loop could not be started.")
                yield process, time.perf_counter() - begin
            finally:
                process.kill()


def _ask(process: "subprocess.Popen[str]") -> tuple[float, list[float]]:
    _line(_end_of(process.stdin), "go")
    seconds, scores = json.loads(_end_of(process.stdout).readline())
    return seconds, scores


def _serve_bare() -> None:
    """Load the network that standard input names, and time the bare loop at every further line."""
    from radbench.models.adapters.torch_base import TorchAdapter
    from radbench.models.registry import make_adapter

    told = json.loads(sys.stdin.readline())
    spec = ModelSpec.model_validate_json(told["spec"])
    spec = spec.read_from(Path(told["origin"])) if told["origin"] else spec
    adapter = make_adapter(spec)
    if not isinstance(adapter, TorchAdapter):
        raise RadbenchError(
            f"Model '{spec.name}' of format '{spec.format}' has no torch network to run bare."
        )
    network, images = adapter.module(), _images(told["count"], spec)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for _ in sys.stdin:
        begin = time.perf_counter()
        scores = _bare(network, images, spec)
        _line(sys.stdout, [time.perf_counter() - begin, scores])


def _bare(network: object, images: list[Image], spec: ModelSpec) -> list[float]:
    """Return the scores of the loop that anyone would write."""
    import torch

    assert callable(network)  # noqa: S101 - a torch module
    mean, std = spec.input.means[0], spec.input.stds[0]
    scores: list[float] = []
    with torch.inference_mode():
        for start in range(0, len(images), _ROWS):
            pixels = torch.from_numpy(np.stack(images[start : start + _ROWS]))[:, None]
            rows = (pixels.float() / 255.0 - mean) / std
            output = network(rows.contiguous(memory_format=torch.channels_last))
            scores += output.double().sigmoid().reshape(-1).tolist()
    return scores


def _line(stream: "IO[str]", value: object) -> None:
    stream.write(json.dumps(value) + "\n")
    stream.flush()


def _end_of(stream: "IO[str] | None") -> "IO[str]":
    if stream is None:
        raise ValueError("a process without this pipe")
    return stream
