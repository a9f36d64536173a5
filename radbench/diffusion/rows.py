"""The networks, run so that a row's result never depends on its company.

Floating-point sums depend on the shapes that a kernel sees: the same row may differ in its last bits between
a batch of one and a batch of eight, or between one thread and two. So the noise predictor always sees exactly
``ROWS`` rows (the last batch is padded), each computed by one thread; parallelism comes from several
micro-batches at once, not from threads inside one. With the shapes fixed, a row's bits depend neither on its
place nor on its neighbours: ``rows_are_independent`` checks that on the network and the machine at hand. An
even number of rows kept it true on every instruction set tried (AVX-512, AVX2, SSE), packed (``network``) or
not. Two rows are few enough for an edit of one image, guided and free, to waste none, and for many cores to
share a batch; more would gain little.

On a GPU the micro-batch is larger, TF32 is off unless it is asked for, and cuDNN may not tune itself; its results agree
with the CPU's to a tolerance, not to the bit.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

from radbench.diffusion.network import FastNetwork, fast_network

ROWS = 2
"""Rows of a micro-batch on the CPU. Part of the algorithm: another number gives other last bits."""

ROWS_CUDA = 32
"""Rows of a micro-batch on a GPU."""

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Texts:
    """Prompt embeddings and which of them each row uses.

    Attributes:
        embeddings: float32 [K, L, D], one entry a distinct prompt.
        index: entry of every row, [B].
    """

    embeddings: Tensor
    index: Sequence[int]


class Lanes:
    """Runs independent pieces of work on single-threaded lanes, in order of submission.

    Args:
        device: where the networks live.
        workers: lanes on the CPU; None for one a core this process may use. Results do not depend on it.
    """

    def __init__(self, device: torch.device, workers: int | None = None) -> None:
        self.device = device
        self.workers = max(1, workers or _cores()) if device.type == "cpu" else 1
        self._pool: ThreadPoolExecutor | None = None

    def map(self, work: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
        """Return ``[work(item) for item in items]``, computed without gradients."""

        def quiet(item: Item) -> Result:
            with torch.no_grad():
                return work(item)

        if self._pool is None:
            return [quiet(item) for item in items]
        return list(self._pool.map(quiet, items))


@contextlib.contextmanager
def lanes(device: torch.device, workers: int | None = None, *, tf32: bool = False) -> Iterator[Lanes]:
    """Open lanes for the ``with`` block; thread counts and GPU switches are restored after it.

    Args:
        device: where the networks live.
        workers: lanes on the CPU; None for one a core.
        tf32: on a GPU, products of float32 numbers in TF32.
    """
    opened = Lanes(device, workers)
    with _fixed_arithmetic(device, tf32=tf32):
        if opened.workers == 1:
            yield opened
            return
        with ThreadPoolExecutor(opened.workers, "radbench", torch.set_num_threads, (1,)) as pool:
            opened._pool = pool  # noqa: SLF001  (its own factory)
            yield opened


@contextlib.contextmanager
def _fixed_arithmetic(device: torch.device, *, tf32: bool) -> Iterator[None]:
    if device.type == "cpu":
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
        return
    precision = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=tf32):
            yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = precision


class NoisePredictor:
    """Predicts noise for any number of rows, in micro-batches of a fixed size.

    Args:
        unet: a ``UNet2DConditionModel`` or anything called like one; any dtype. On the CPU it is run in its
            fast form (``network``) where it has one.
        running: open lanes on the network's device.
        rows: rows of a micro-batch; None for the device's constant. Peak memory grows with it, not with the
            number of rows asked for.
    """

    def __init__(self, unet: Any, running: Lanes, rows: int | None = None) -> None:
        self.unet = unet
        self.running = running
        self.rows = rows or (ROWS if running.device.type == "cpu" else ROWS_CUDA)
        self._fast: FastNetwork | None = None
        self._ready = False

    def __call__(self, latents: Tensor, timesteps: Sequence[int], texts: Texts) -> Tensor:
        """Return the network's output.

        Args:
            latents: x_t, float32 [B, C, h, w].
            timesteps: training timestep of every row, [B].
            texts: prompt of every row.

        Returns:
            float32 [B, C, h, w] on the latents' device.
        """
        output = torch.empty_like(latents)
        starts = range(0, len(latents), self.rows)
        part = self._part(latents, timesteps, texts)
        self._prepare(latents, texts, len(starts))
        for start, found in zip(starts, self.running.map(part, starts), strict=True):
            output[start : start + self.rows] = found
        return output

    def prepare(self, latents: Tensor, texts: Texts) -> None:
        """Make ready for very many rows like these; results do not depend on it."""
        self._prepare(latents, texts, calls=10**6)

    def _prepare(self, latents: Tensor, texts: Texts, calls: int) -> None:
        if self.running.device.type != "cpu":
            return
        micro_batch = latents[:1].expand(self.rows, -1, -1, -1)
        embeddings = texts.embeddings[:1].expand(self.rows, -1, -1)
        if not self._ready:
            self._fast, self._ready = fast_network(self.unet, micro_batch, embeddings), True
        if self._fast is not None:
            self._fast.expect(micro_batch.shape, embeddings.shape, calls)

    def _part(self, latents: Tensor, timesteps: Sequence[int], texts: Texts) -> Callable[[int], Tensor]:
        times = torch.tensor(timesteps, dtype=torch.long)
        which = torch.tensor(texts.index, dtype=torch.long)

        def run(start: int) -> Tensor:
            stop = min(start + self.rows, len(latents))
            chosen = torch.arange(start, start + self.rows).clamp(max=stop - 1)
            found = self._forward(latents[chosen], times[chosen], texts.embeddings[which[chosen]])
            return found[: stop - start]

        return run

    def _forward(self, latents: Tensor, timesteps: Tensor, embeddings: Tensor) -> Tensor:
        if self._fast is not None:
            return self._fast(latents, timesteps, embeddings)
        device, dtype = self.running.device, self.unet.dtype
        answer = self.unet(
            latents.to(device, dtype),
            timesteps.to(device),
            encoder_hidden_states=embeddings.to(device, dtype),
            return_dict=False,
        )[0]
        return torch.as_tensor(answer, dtype=torch.float32, device=latents.device)


def rows_are_independent(
    predictor: NoisePredictor, latents: Tensor, timesteps: Sequence[int], texts: Texts
) -> bool:
    """Return whether the first row's bits survive every place in a micro-batch and other neighbours.

    Args:
        predictor: the predictor to check.
        latents: at least two rows, float32 [B, C, h, w]; the others are the neighbours.
        timesteps: one a row.
        texts: one prompt a row.
    """
    alone = predictor(latents[:1], timesteps[:1], Texts(texts.embeddings, texts.index[:1]))
    others = [1 + place % (len(latents) - 1) for place in range(predictor.rows - 1)]
    for place in range(predictor.rows):
        order = [*others[:place], 0, *others[place:]]
        chosen = Texts(texts.embeddings, [texts.index[i] for i in order])
        batch = predictor(latents[order], [timesteps[i] for i in order], chosen)
        if not torch.equal(batch[place], alone[0]):
            return False
    return True


def _cores() -> int:
    """Return the CPU cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
