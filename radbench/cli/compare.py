"""``radbench compare-editors``: one shift, edited by every editor, measured against the truth."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from radbench.audit.editors import EditorComparison, EditorRow, editor_row
from radbench.audit.result import Estimate
from radbench.cli.bare import stress_only
from radbench.cli.run import Opened, RunOptions, audit, build_set, declare, open_job, plan_of, say, settle
from radbench.diffusion.editors import algorithm_version, editor_names, get_editor
from radbench.reporting.editors import EditedStudy, write_comparison
from radbench.runtime import resolve_device
from radbench.specs import ShiftSpec
from radbench.specs.controls import FilterSpec

if TYPE_CHECKING:
    from radbench.testsets.testset import TestSet

TIMED = 4
"""Images that each editor edits once more, beside the cache, to be timed."""
SHOWN = 6
"""Studies in the page's gallery."""


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


def compare_editors(
    options: RunOptions, editors: Sequence[str] = (), strength: Strength = SHIFTS_OWN
) -> Path:
    """Edit one shift with several editors and write the comparison; return the page's path.

    Args:
        options: As for a run; ``limit`` bounds the images of each editor.
        editors: Names; all of them if empty.
        strength: Other settings than the shift's.

    Raises:
        UsageError: Something that the user can mend.
    """
    console = Console()
    names = list(dict.fromkeys(editors)) or editor_names()
    for name in names:
        algorithm_version(name)  # an unknown name is refused before any work
    job = declare(options)
    cache = settle([job], options)
    opened = open_job(job, options)
    rows: list[EditorRow] = []
    sets: dict[str, TestSet] = {}
    for name in names:
        say(console, f"Editor {name}")
        edited = replace(opened, job=replace(job, shift=with_editor(job.shift, name, strength)))
        sets[name] = build_set(edited, options, cache, console)
        result = audit(edited, options, sets[name], cache, console)
        with console.status("Timing"):
            seconds = seconds_per_image(edited, options)
        rows.append(editor_row(name, opened.cohort, sets[name], result, seconds=seconds))
    comparison = EditorComparison(
        tool=result.tool,
        shift=job.shift.name,
        title=job.shift.title,
        primary=result.primary,
        seed=options.seed,
        settings=job.shift.editor.main.model_copy(update=strength.settings()).model_dump(
            mode="json", exclude={"name"}
        ),
        rows=rows,
    )
    page = write_comparison(comparison, _studies(opened, sets), job.out)
    _print(console, comparison)
    say(console, f"Comparison: {page}")
    return page


def with_editor(shift: ShiftSpec, name: str, strength: Strength = SHIFTS_OWN) -> ShiftSpec:
    """Return the shift's stress edits with another editor at the same settings, all of them kept."""
    bare = stress_only(shift)
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

    plan = plan_of(opened, options)
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


_FIGURES = (
    ("error in the edit mask", "edit_error", 4),
    ("the same, unedited", "source_error", 4),
    ("change in the keep mask", "keep_change", 4),
    ("change outside both", "outside_change", 4),
    ("kept object retained", "retained", 2),
    ("seam against the source", "seam", 2),
    ("seam against the truth", "seam_vs_truth", 2),
)


def _print(console: Console, comparison: EditorComparison) -> None:
    """Print one column an editor, so that the table fits a narrow terminal."""
    rows = comparison.rows
    table = Table(title=f"{comparison.title}: editors compared", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    for row in rows:
        table.add_column(row.editor, justify="right")
    table.add_row("images", *(str(row.n) for row in rows))
    for words, name, digits in _FIGURES:
        table.add_row(words, *(_cell(getattr(row, name), digits) for row in rows))
    for model in rows[0].models:
        table.add_row(f"{comparison.primary}, {model}", *(_cell(row.models[model], 2) for row in rows))
        if model in rows[0].truth:
            table.add_row("  on the truth", *(_cell(row.truth[model], 2) for row in rows))
    table.add_row("seconds an image", *("" if row.seconds is None else f"{row.seconds:.2f}" for row in rows))
    console.print(table)


def _cell(found: Estimate, digits: int) -> str:
    return "undefined" if found.value is None else f"{found.value:.{digits}f}"
