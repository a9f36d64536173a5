"""Build a test set: edit what the store lacks, then put the folder in place. Resumable at every point."""

from collections.abc import Callable
from functools import cache as cache_calls
from importlib import metadata
from pathlib import Path
from typing import Any

from radbench.data.cohort import Cohort
from radbench.errors import UsageError
from radbench.testsets.assessments import ScorerLoader, Scoring, assess, scoring_of, typicality
from radbench.testsets.editing import Editor
from radbench.testsets.executor import Executor, Progress, Shard, Work
from radbench.testsets.plan import Plan
from radbench.testsets.records import attrition, attrition_by_scenario, make_records
from radbench.testsets.storage import Workshop, locked
from radbench.testsets.store import AssessmentStore, ItemStore
from radbench.testsets.testset import TestSet, datasheet, place
from radbench.version import __version__

_PACKAGES = ("diffusers", "numpy", "pillow", "scipy", "torch", "transformers")


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

    Every finished edit is stored at once, so an interruption loses at most one batch. Processes that build the same
    set, or sets that share images, share the work (``executor``); the set's folder is put in place by one of them. An
    image that the editor cannot edit becomes a row with status ``failed`` and is tried again by the next build.

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
    cache = Path(cache).absolute()
    scoring = scoring_of(plan, scorer_loader, scorer_digest)
    bundle = cache_calls(bundle_loader)
    with Workshop(cache) as workshop:
        work = Work(ItemStore(cache, workshop))
        executor = Executor(
            plan, cohort, bundle, _editors(editor), _made_with, batch_size, progress or _silent, shard=None
        )
        executor.edit(work, list(work.missing(plan, plan.tasks).values()))
        with locked(cache, plan.set_key):
            return _assembled(plan, cohort, work, workshop, scoring, bundle)


def edit_shard(
    plan: Plan,
    cohort: Cohort,
    bundle_loader: Callable[[], Any],
    shard: Shard,
    *,
    cache: Path,
    batch_size: int = 8,
    progress: Progress | None = None,
    editor: Editor | None = None,
) -> int:
    """Edit and store one process's part of a plan; no folder is put in place. Arguments and errors as above.

    Returns:
        How many edits of its part could not be made.
    """
    with Workshop(Path(cache).absolute()) as workshop:
        work = Work(ItemStore(Path(cache).absolute(), workshop))
        executor = Executor(
            plan,
            cohort,
            cache_calls(bundle_loader),
            _editors(editor),
            _made_with,
            batch_size,
            progress or _silent,
            shard,
        )
        executor.edit(work, list(plan.tasks))
        return len(work.failures)


def _silent(done: int, total: int) -> None:
    """Say nothing."""


def _assembled(
    plan: Plan,
    cohort: Cohort,
    work: Work,
    workshop: Workshop,
    scoring: Scoring | None,
    bundle: Callable[[], Any],
) -> TestSet:
    """Assess the edits and put the set's folder in place."""
    cache = work.store.cache
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
