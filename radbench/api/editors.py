"""One shift, edited by every editor and measured against the truth where it is known."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.api import job as jobs
from radbench.api.choices import ModelName
from radbench.api.job import OUT, Opened, RunOptions, ShiftName
from radbench.api.progress import Callback, Progress, progress_of
from radbench.diffusion.editors import algorithm_version, editor_names, get_editor
from radbench.harness.evidence.edits import EditorComparison, EditorRow, editor_row
from radbench.report.editors import EditedStudy, editors_csv, write_comparison
from radbench.runtime import DeviceName, resolve_device
from radbench.specs import ShiftSpec
from radbench.specs.shift import FilterSpec

if TYPE_CHECKING:
    import pandas as pd

    from radbench.testsets.testset import TestSet

TIMED = 4
"""Images that each editor edits once more, beside the cache, to be timed."""
SHOWN = 6
"""Studies in the page's gallery."""
DEFAULT_OUT = OUT / "compare-editors"
"""Where ``radbench compare-editors`` writes unless a folder is asked for."""


@dataclass(frozen=True)
class Strength:
    """Settings that all editors take instead of the shift's; None leaves the shift's."""

    num_inference_steps: int | None = None
    guidance_scale: float | None = None
    skip_ratio: float | None = None

    def settings(self) -> dict[str, float]:
        """Return those that were given."""
        return {name: value for name, value in vars(self).items() if value is not None}


SHIFTS_OWN = Strength()


@dataclass(frozen=True)
class Comparison:
    """Editors side by side.

    Attributes:
        result: One row an editor, typed; its figures come with 95 % intervals.
        studies: A few studies as every editor left them.
    """

    result: EditorComparison
    studies: Sequence[EditedStudy]

    @property
    def rows(self) -> "pd.DataFrame":
        """The table of ``editors.csv``: one row an editor and figure."""
        import io

        import pandas as pd

        return pd.read_csv(io.BytesIO(editors_csv(self.result)))

    def report(self, folder: str | Path) -> Path:
        """Write ``editors.html``, ``editors.json`` and ``editors.csv``; return the page's path.

        Raises:
            UsageError: The folder cannot be written.
        """
        return write_comparison(self.result, self.studies, Path(folder))

    def _repr_html_(self) -> str:
        return str(self.rows.to_html(index=False))


def compare_editors(  # noqa: PLR0913 - each is one choice of the comparison, and has a default
    shift: ShiftName = "manifestation",
    editors: Sequence[str] = (),
    models: Sequence[ModelName] = (),
    *,
    limit: int = 32,
    num_inference_steps: int | None = None,
    guidance_scale: float | None = None,
    skip_ratio: float | None = None,
    seed: int = 0,
    device: DeviceName = "auto",
    batch_size: int = 8,
    bundle: str | None = None,
    progress: bool | Callback | Progress = True,
) -> Comparison:
    """Edit one shift with several editors; measure errors, seams, what is kept, time, and the models' answers.

    Args:
        shift: A declared shift's name, its YAML file, or a ``ShiftSpec``.
        editors: ``radedit``, ``diffedit``, ``lance``, ``sdedit``, ``inpaint``; all of them if empty.
        models: Those whose answers are measured; the shift's if there are none.
        limit: Images that each editor edits.
        num_inference_steps: For all editors, instead of the shift's.
        guidance_scale: Likewise.
        skip_ratio: Likewise.
        seed: Of the edits and the intervals.
        device: "auto", "cpu" or "cuda".
        batch_size: Images edited at once; changes no pixel.
        bundle: Another diffusion bundle than the shift's.
        progress: True for bars, False for none, or a function of what, done and total.

    Raises:
        UsageError: Something that can be mended.
    """
    options = RunOptions(
        shift=shift,
        models=tuple(models),
        limit=limit,
        device=device,
        seed=seed,
        batch_size=batch_size,
        bundle=bundle,
    )
    strength = Strength(num_inference_steps, guidance_scale, skip_ratio)
    return compare(options, editors, strength, progress_of(progress))


def compare(
    options: RunOptions, editors: Sequence[str], strength: Strength, progress: Progress
) -> Comparison:
    """Do what ``compare_editors`` says; ``options.out``, if given, is tried before the long work."""
    names = list(dict.fromkeys(editors)) or editor_names()
    for name in names:
        algorithm_version(name)  # an unknown name is refused before any work
    job = replace(jobs.declare(options), out=options.out)
    cache = jobs.settle([job], options)
    opened = jobs.open_job(job, options)
    rows: list[EditorRow] = []
    sets: dict[str, TestSet] = {}
    try:
        for name in names:
            progress.note(f"Editor {name}")
            edited = replace(opened, job=replace(job, shift=with_editor(job.shift, name, strength)))
            sets[name] = jobs.build_set(edited, options, cache, progress)
            result = jobs.audit_set(edited, options, sets[name], cache, progress)
            with progress.doing("Timing"):
                seconds = seconds_per_image(edited, options)
            rows.append(editor_row(name, opened.cohort, sets[name], result, seconds=seconds))
    finally:
        opened.close()
    settings = job.shift.editor.main.model_copy(update=strength.settings())
    comparison = EditorComparison(
        tool=result.tool,
        shift=job.shift.name,
        title=job.shift.title,
        primary=result.primary,
        seed=options.seed,
        settings=settings.model_dump(mode="json", exclude={"name"}),
        rows=rows,
    )
    return Comparison(comparison, _studies(opened, sets))


def with_editor(shift: ShiftSpec, name: str, strength: Strength = SHIFTS_OWN) -> ShiftSpec:
    """Return the shift's stress edits with another editor at the same settings, all of them kept."""
    bare = shift.without_controls()
    update = {"name": name, **strength.settings()}
    scenarios = [
        scenario.model_copy(update={"editor": bare.editor_of(scenario).model_copy(update=update)})
        for scenario in bare.scenarios
    ]
    editor = bare.editor.model_copy(update=update)
    return bare.model_copy(
        update={"editor": editor, "scenarios": scenarios, "filter": FilterSpec(encoder=None)}
    )


def seconds_per_image(opened: Opened, options: RunOptions) -> float:
    """Return the time an edit takes, from a few edits made beside the cache after one to warm up."""
    from radbench.diffusion.bundle import load_bundle
    from radbench.testsets.editing import edit_tasks

    plan = jobs.plan_of(opened, options)
    tasks = [task for task in plan.tasks if task.key not in plan.rejections][: TIMED + 1]
    bundle = load_bundle(opened.job.bundle, resolve_device(options.device))
    list(edit_tasks(plan, opened.cohort, tasks[:1], get_editor, bundle, 1))
    started = time.perf_counter()
    list(edit_tasks(plan, opened.cohort, tasks[1:], get_editor, bundle, options.batch_size))
    return (time.perf_counter() - started) / max(len(tasks) - 1, 1)


def _studies(opened: Opened, sets: "dict[str, TestSet]") -> list[EditedStudy]:
    """The first studies that every editor edited."""
    by_study = [
        {(record.study_id, record.scenario): record for record in testset.usable} for testset in sets.values()
    ]
    shared = [key for key in by_study[0] if all(key in records for records in by_study)][:SHOWN]
    studies = {study.study_id: study for study in opened.cohort.studies}
    found = []
    for number, key in enumerate(shared, 1):
        record, study = by_study[0][key], studies[key[0]]
        known = opened.cohort.truth_known
        after = (record.labels_after, record.attributes_after)
        found.append(
            EditedStudy(
                f"case-{number:03d}",
                opened.cohort.image(study),
                opened.cohort.counterfactual(study, *after) if known else None,
                {name: sets[name].image(records[key]) for name, records in zip(sets, by_study, strict=True)},
            )
        )
    return found
