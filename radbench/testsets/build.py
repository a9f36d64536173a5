"""Build a test set: edit what the store lacks, then put the folder in place. Resumable at every point."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache as cache_calls
from importlib import metadata
from pathlib import Path
from typing import Any

from radbench.data.cohort import Cohort
from radbench.errors import UsageError
from radbench.testsets.assessments import ScorerLoader, assess, scoring_of, typicality
from radbench.testsets.editing import Editor, Failed, edit_tasks
from radbench.testsets.plan import Plan
from radbench.testsets.records import attrition, attrition_by_scenario, make_records
from radbench.testsets.storage import Workshop, locked
from radbench.testsets.store import AssessmentStore, DamagedError, Item, ItemStore
from radbench.testsets.task import EditTask
from radbench.testsets.testset import TestSet, datasheet, place
from radbench.version import __version__

logger = logging.getLogger("radbench.testsets")

_PACKAGES = ("diffusers", "numpy", "pillow", "scipy", "torch", "transformers")

Progress = Callable[[int, int], None]
"""Called with the number of tasks that are done and of all tasks."""


@dataclass
class _Work:
    """What a build has so far."""

    store: ItemStore
    items: dict[str, Item] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)
    repaired: list[str] = field(default_factory=list)

    def found_damaged(self, path: Path) -> None:
        name = path.relative_to(self.store.cache).as_posix()
        logger.info("Damaged file in the cache, rebuilt: %s", path)
        self.repaired.append(name)


def build_testset(
    plan: Plan,
    cohort: Cohort,
    bundle_loader: Callable[[], Any],
    *,
    cache: Path,
    batch_size: int = 8,
    progress: Progress | None = None,
    editor: Editor | None = None,
    scorer_loader: ScorerLoader | None = None,
    scorer_digest: str | None = None,
) -> TestSet:
    """Return the plan's test set, editing and scoring only what the cache does not hold.

    Every finished edit is stored at once, so an interruption loses at most one batch. A second process that
    builds the same set waits for the first; one that shares only some images shares their edits. An image
    that the editor cannot edit becomes a row with status ``failed`` and is tried again by the next build.

    Args:
        plan: what to edit.
        cohort: the cohort that was planned.
        bundle_loader: called at most once, and only if something has to be edited.
        cache: the folder of all stored edits and test sets.
        batch_size: images a batch; never changes a pixel.
        progress: told the count of finished tasks.
        editor: instead of the one that the shift names.
        scorer_loader: instead of the encoder that the shift's filter names; not called if it names none, nor if
            every score is stored.
        scorer_digest: the digest of what ``scorer_loader`` loads; without it, it is loaded to be asked.

    Raises:
        UsageError: the cache cannot be written, or bad input that no retry mends.
    """
    if batch_size < 1:
        raise UsageError(f"The batch size is {batch_size}; expected 1 or more.")
    tell = progress or (lambda _done, _total: None)
    cache = Path(cache).absolute()
    scoring = scoring_of(plan, scorer_loader, scorer_digest)
    bundle = cache_calls(bundle_loader)
    with locked(cache, plan.set_key), Workshop(cache) as workshop:
        work = _Work(ItemStore(cache, workshop))
        missing = _collect(plan, work)
        tell(len(plan.tasks) - _rows(plan, missing), len(plan.tasks))
        if missing:
            _edit(plan, cohort, list(missing.values()), work, bundle(), batch_size, tell, editor)
        scores = AssessmentStore(cache, workshop)
        assessed = assess(plan, cohort, work.items, scores, scoring, work.found_damaged)
        records = make_records(plan, work.items, work.failures, assessed)
        typical = typicality(plan, cohort, bundle, cache)
        sheet = datasheet(plan, records, work.items, scoring.digest if scoring else None, typical)
        folder = cache / "testsets" / plan.set_key
        for name in place(folder, sheet, records, work.items, workshop):
            work.found_damaged(folder / name)
    return TestSet(
        key=plan.set_key,
        path=folder,
        records=records,
        attrition=attrition(plan, records),
        provenance=sheet,
        repaired=work.repaired,
        attrition_by_scenario=attrition_by_scenario(plan, records),
    )


def _collect(plan: Plan, work: _Work) -> dict[str, EditTask]:
    """Read and verify what is stored; return the tasks that have to be edited, by key."""
    missing: dict[str, EditTask] = {}
    for task in plan.tasks:
        if task.key in plan.rejections or task.key in work.items or task.key in missing:
            continue
        try:
            item = work.store.get(task.key)
        except DamagedError as error:
            work.found_damaged(error.path)
            work.store.drop_damaged(task.key)
            item = None
        if item is None:
            missing[task.key] = task
        else:
            work.items[task.key] = item
    return missing


def _rows(plan: Plan, keys: dict[str, EditTask]) -> int:
    return sum(task.key in keys for task in plan.tasks)


def _edit(
    plan: Plan,
    cohort: Cohort,
    tasks: list[EditTask],
    work: _Work,
    bundle: Any,
    batch_size: int,
    tell: Progress,
    editor: Editor | None,
) -> None:
    left = {task.key: task for task in tasks}
    made_with = _made_with(bundle)
    for outcome in edit_tasks(plan, cohort, tasks, _editors(editor), bundle, batch_size):
        task = outcome.task
        if isinstance(outcome, Failed):
            logger.warning("Study %s, scenario %s: %s", task.study_id, task.scenario, outcome.reason)
            work.failures[task.key] = outcome.reason
        else:
            stored = work.store.put(task.key, task.content, outcome.files, outcome.measures, made_with)
            work.items[task.key] = stored
        del left[task.key]
        tell(len(plan.tasks) - _rows(plan, left), len(plan.tasks))


def _editors(editor: Editor | None) -> Callable[[str], Editor]:
    """Every name's editor, made once; or the given one whatever the name."""
    if editor is not None:
        return lambda _name: editor
    from radbench.diffusion.editors import get_editor

    return cache_calls(get_editor)


def _made_with(bundle: Any) -> dict[str, Any]:
    """Device and versions, which the key leaves out: they may change the last bit of a pixel, not more."""
    device = str(getattr(getattr(bundle, "unet", None), "device", "unknown")).split(":")[0]
    versions = {"radbench": __version__}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {"device": device, "packages": versions}
