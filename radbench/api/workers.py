"""Several processes of this machine that build one test set: started, watched, ended; none is left behind.

Each worker makes the same plan and edits what nobody else does (``radbench.testsets.executor``). What a worker that
dies leaves is edited by the others, or at last by the process that started them.
"""

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Final

from radbench.api.progress import Progress, Report
from radbench.errors import RadbenchError

if TYPE_CHECKING:
    from radbench.api.job import RunOptions
    from radbench.testsets.plan import Plan

_LOOK_EVERY: Final = 0.5
_GRACE: Final = 10.0
"""Seconds that a worker has to end before it is killed."""


def run_workers(options: "RunOptions", plan: "Plan", cache: Path, count: int, progress: Progress) -> None:
    """Edit a plan's images in ``count`` processes; return when all of them have ended, however.

    What they could not do is left for ``build_testset``, which says why it cannot be done.

    Args:
        options: what is run; every worker reads its shift and makes its plan anew.
        plan: the plan, to tell how far the store is.
        cache: root of the cache.
        count: how many processes.
        progress: what is told how many edits are stored.
    """
    context = multiprocessing.get_context("spawn")
    own = replace(options, models=(), controls=(), out=None, workers=1)
    workers: list[BaseProcess] = [
        context.Process(
            target=_work, args=(own, number, count, os.getpid()), name=f"radbench-{number}", daemon=True
        )
        for number in range(1, count + 1)
    ]
    with progress.loop("Editing") as report, _ended(workers):
        with _main_is_this_package():
            for worker in workers:
                worker.start()
        _watch(workers, plan, cache, report)
    failed = sum(worker.exitcode != 0 for worker in workers)
    if failed:
        progress.note(f"{failed} of {count} workers ended early; what they left is edited now.")


@contextmanager
def _main_is_this_package() -> Iterator[None]:
    """Keep a new process from running the user's own script again: workers need nothing of it."""
    main = sys.modules["__main__"]
    kept = {name: getattr(main, name) for name in ("__file__", "__spec__") if hasattr(main, name)}
    main.__spec__ = None
    if hasattr(main, "__file__"):
        del main.__file__
    try:
        yield
    finally:
        for name, value in kept.items():
            setattr(main, name, value)


def _watch(workers: list[BaseProcess], plan: "Plan", cache: Path, report: Report) -> None:
    left = {task.key for task in plan.tasks} - set(plan.rejections)
    total, told = len(left), -1
    while True:
        alive = any(worker.is_alive() for worker in workers)
        left = {key for key in left if not (cache / "edits" / key[:2] / key).is_dir()}
        if total - len(left) != told:
            told = total - len(left)
            report(told, total)
        if not alive:
            return
        time.sleep(_LOOK_EVERY)


@contextmanager
def _ended(workers: list[BaseProcess]) -> Iterator[None]:
    """End every worker that still runs when the block is left, by whatever way."""
    try:
        yield
    finally:
        running = [worker for worker in workers if worker.pid is not None and worker.is_alive()]
        for worker in running:
            worker.terminate()
        for worker in running:
            worker.join(_GRACE)
            if worker.is_alive():
                worker.kill()
                worker.join()


def _work(options: "RunOptions", number: int, count: int, parent: int) -> None:
    """Edit this worker's chunks, and then what is left of the others'; the main function of its process."""
    _end_with(parent)
    _take_part(number, count)
    from radbench.api.job import edit_part
    from radbench.testsets.executor import Shard

    try:
        edit_part(options, Shard(number, count, only_own=False), Progress())
    except RadbenchError as error:
        sys.stderr.write(f"Worker {number}: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(1) from None


def _end_with(parent: int) -> None:
    """End this process soon after its parent, also one that was killed."""

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=look, daemon=True).start()


def _take_part(number: int, count: int) -> None:
    """Take this worker's share of the machine: one GPU in turn, or a part of the processor's cores."""
    import torch

    cards = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if cards:
        torch.cuda.set_device((number - 1) % cards)
        return
    if hasattr(os, "sched_setaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        own = cores[number - 1 :: count] or [cores[(number - 1) % len(cores)]]
        os.sched_setaffinity(0, own)
