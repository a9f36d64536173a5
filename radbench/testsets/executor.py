"""Edit what a plan lacks, beside other processes that do the same, on one machine or on many.

The work is cut into chunks of whole images. A process claims the images of a chunk by locks in the cache, looks what of
them is stored by now, edits the rest and stores each edit as soon as it is there. Images that another process holds are
left for later: when that process is done, their edits are found in the store; when it died, its locks are free and they
are made again. Nobody is the master, and the store decides what is done.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Final

from radbench.data.cohort import Cohort
from radbench.errors import UsageError
from radbench.runtime import sha256_bytes
from radbench.testsets.editing import CHUNK, Editor, Failed, edit_chunks, edit_tasks
from radbench.testsets.plan import Plan
from radbench.testsets.storage import free_lock, locked
from radbench.testsets.store import DamagedError, Item, ItemStore
from radbench.testsets.task import EditTask

logger = logging.getLogger("radbench.testsets")

Progress = Callable[[int, int], None]
"""Called with the number of tasks that are done and of all tasks."""
_CLAIMS: Final = 3
"""Hexadecimal digits of a claim's name: 4096 lock files at most, and images that share one wait for each other."""


@dataclass(frozen=True)
class Shard:
    """One of ``count`` processes that build a set together.

    Attributes:
        number: which, from 1.
        count: how many.
        only_own: leave the others' chunks to them, also those that nobody holds.
    """

    number: int
    count: int
    only_own: bool = True

    @classmethod
    def read(cls, text: str) -> "Shard":
        """Read ``2/8``.

        Raises:
            UsageError: anything else.
        """
        number, slash, count = text.partition("/")
        if slash and number.isdigit() and count.isdigit() and 1 <= int(number) <= int(count):
            return cls(int(number), int(count))
        raise UsageError(f"The shard is '{text}', expected NUMBER/COUNT such as 2/8, from 1/8 to 8/8.")

    def order(self, chunks: Sequence[list[EditTask]]) -> list[list[EditTask]]:
        """Return the chunks that this process edits, its own ones first."""
        own = [chunk for place, chunk in enumerate(chunks) if place % self.count == self.number - 1]
        others = [chunk for place, chunk in enumerate(chunks) if place % self.count != self.number - 1]
        return own if self.only_own else [*own, *others]


@dataclass
class Work:
    """What a build has so far: stored items by key, reasons of failures by key, and damaged files that were found."""

    store: ItemStore
    items: dict[str, Item] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    repaired: list[str] = field(default_factory=list)

    def found_damaged(self, path: Path) -> None:
        """Note a damaged file of the cache."""
        name = path.relative_to(self.store.cache).as_posix()
        logger.info("Damaged file in the cache, rebuilt: %s", path)
        self.repaired.append(name)

    def missing(self, plan: Plan, tasks: Sequence[EditTask]) -> dict[str, EditTask]:
        """Read and verify what is stored of some tasks; return those that have to be edited, by key."""
        missing: dict[str, EditTask] = {}
        for task in tasks:
            if task.key in plan.rejections or task.key in self.items or task.key in missing:
                continue
            try:
                item = self.store.get(task.key)
            except DamagedError as error:
                self.found_damaged(error.path)
                self.store.drop_damaged(task.key)
                item = None
            if item is None:
                missing[task.key] = task
            else:
                self.items[task.key] = item
        return missing


@dataclass(frozen=True)
class Executor:
    """Edits what is missing.

    Attributes:
        plan: what the edits are of.
        cohort: the cohort that was planned.
        bundle: called at most once, and only if something has to be edited.
        editor_called: the editor of a name.
        made_with: what is recorded of the device and the versions, of the loaded bundle.
        batch_size: images a batch; never changes a pixel.
        shard: which of several processes this one is; None for one that does everything that nobody else does.
        tell: told the count of finished tasks.
    """

    plan: Plan
    cohort: Cohort
    bundle: Callable[[], Any]
    editor_called: Callable[[str], Editor]
    made_with: Callable[[Any], dict[str, Any]]
    batch_size: int
    tell: Progress
    shard: Shard | None = None

    def edit(self, work: Work, tasks: Sequence[EditTask]) -> None:
        """Edit tasks that are in no store yet, unless another process does; return when all of them are done.

        Raises:
            UsageError: the cache cannot be written, or bad input that no retry mends.
        """
        size = self.batch_size * (CHUNK if self.shard is None else 1)
        chunks = list(edit_chunks(tasks, size))
        if self.shard is not None:
            chunks = self.shard.order(chunks)
        self._done.add(work.items, self.plan.rejections)
        held = [task for chunk in chunks for task in self._chunk(work, chunk)]
        for name, some in groupby(sorted(held, key=_claim), key=_claim):
            with locked(work.store.cache, name, tell=False):
                self._finish(work, list(some))

    def _chunk(self, work: Work, chunk: Sequence[EditTask]) -> list[EditTask]:
        """Edit what is missing of a chunk's images that nobody holds; return the tasks of the others."""
        with ExitStack() as claims:
            names = sorted({_claim(task) for task in chunk})
            ours = {name for name in names if claims.enter_context(free_lock(work.store.cache, name))}
            self._finish(work, [task for task in chunk if _claim(task) in ours])
        return [task for task in chunk if _claim(task) not in ours]

    def _finish(self, work: Work, tasks: Sequence[EditTask]) -> None:
        missing = list(work.missing(self.plan, tasks).values())
        if missing:
            self._edit(work, missing)
        self._done.add([task.key for task in tasks])

    def _edit(self, work: Work, tasks: list[EditTask]) -> None:
        bundle = self.bundle()
        made_with = self.made_with(bundle)
        for outcome in edit_tasks(self.plan, self.cohort, tasks, self.editor_called, bundle, self.batch_size):
            task = outcome.task
            if isinstance(outcome, Failed):
                logger.warning("Study %s, scenario %s: %s", task.study_id, task.scenario, outcome.reason)
                work.failures[task.key] = outcome.reason
            else:
                work.items[task.key] = work.store.put(
                    task.key, task.content, outcome.files, outcome.measures, made_with
                )
            self._done.add([task.key])

    @cached_property
    def _done(self) -> "_Done":
        return _Done(self.plan, self.tell)


class _Done:
    """Counts the tasks that are done; several may share one edit."""

    def __init__(self, plan: Plan, tell: Progress) -> None:
        self._rows = Counter(task.key for task in plan.tasks)
        self._tell, self._count, self._all, self._told = tell, 0, len(plan.tasks), -1

    def add(self, *keys: Iterable[str]) -> None:
        """Count the tasks of edits that were not counted yet, and tell how many are done."""
        for key in chain(*keys):
            self._count += self._rows.pop(key, 0)
        if self._count != self._told:
            self._told = self._count
            self._tell(self._count, self._all)


def _claim(task: EditTask) -> str:
    """Return the lock of a task's image, which does not depend on what else is to be done."""
    return f"claim-{sha256_bytes(task.source_sha256.encode())[:_CLAIMS]}"
