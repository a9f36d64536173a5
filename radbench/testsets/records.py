"""The test set's table, one row a task, whatever became of it; and its counts, from the cohort to what is measured."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from radbench.quality.artefacts import judge
from radbench.testsets.assessments import EDITING_SCORE
from radbench.testsets.plan import Plan
from radbench.testsets.store import EDIT_MASK, EDITED, KEEP_MASK, RECONSTRUCTION, Item
from radbench.testsets.task import EditTask, TaskArm

UNSCORED = "no text to score the edit against"

Status = Literal["ok", "rejected", "failed"]

IMAGE, RECONSTRUCTED, EDITED_WHERE, KEPT_WHERE = "image", "reconstruction", "edit_mask", "keep_mask"
LABEL, MEASURE, FILM = "label_after_", "measure_", "film_"
_PLACES = {
    IMAGE: (EDITED, "images/{}.png"),
    RECONSTRUCTED: (RECONSTRUCTION, "reconstructions/{}.png"),
    EDITED_WHERE: (EDIT_MASK, "masks/{}_edit.png"),
    KEPT_WHERE: (KEEP_MASK, "masks/{}_keep.png"),
}
_FIGURE = re.compile(r" -?\d[\d.]*(?:e[+-]?\d+)?(?= (?:under|over) )")


@dataclass(frozen=True)
class StoredFile:
    """A file of the test set: its path relative to the folder, its SHA-256, its name in the item."""

    path: str
    sha256: str
    item_name: str


@dataclass(frozen=True)
class Record:
    """One task and what became of it.

    Attributes:
        key: the task's key.
        status: ``ok``; ``rejected`` (not to be measured, by a rule); ``failed`` (the edit raised). Limits on an
            edit's quality reject stress edits only: controls show the editor as it is.
        reason: why it is not ``ok``; empty where it is.
        labels_after: the labels that the edit changes, with their values after it.
        sha256: digest of the edited image's PNG file; empty where there is none.
        measures: what the editor measured, and how good the edit is (``assessments``): ``editing_score``,
            ``change_edit``, ``change_keep``, ``change_outside``, ``seam``, ``saturation``, ``effect_edit``.
        files: the task's files, by role: image, reconstruction, edit_mask, keep_mask.
        task: everything that decided the pixels.
        arm: what the edit is for.
        dose: of a dose, the setting that differs and its value, ``guidance_scale=5``; otherwise empty.
        masks_of: the study whose masks a placebo borrows; otherwise empty.
        attributes_after: the attributes that the edit changes, with their values after it.
    """

    key: str
    study_id: str
    patient_id: str
    scenario: str
    status: Status
    reason: str
    labels_after: Mapping[str, int]
    sha256: str
    measures: Mapping[str, float]
    files: Mapping[str, StoredFile] = field(repr=False)
    task: EditTask = field(repr=False)
    arm: TaskArm = "stress"
    dose: str = ""
    masks_of: str = ""
    attributes_after: Mapping[str, str] = field(default_factory=dict)


def make_records(
    plan: Plan,
    items: Mapping[str, Item],
    failures: Mapping[str, str],
    assessed: Sequence[Mapping[str, float]],
) -> list[Record]:
    """One record a task, in the plan's order. A task that is neither stored nor rejected has failed.

    Args:
        plan: the tasks, and the limits on their quality.
        items: the finished edits, by key.
        failures: why an edit raised, by key.
        assessed: how good each edit is, in the plan's order.
    """
    return [
        _record(task, plan, items.get(task.key), failures, measures)
        for task, measures in zip(plan.tasks, assessed, strict=True)
    ]


def _record(
    task: EditTask,
    plan: Plan,
    item: Item | None,
    failures: Mapping[str, str],
    assessed: Mapping[str, float],
) -> Record:
    status: Status = "ok"
    reason = ""
    if task.key in plan.rejections:
        status, reason = "rejected", plan.rejections[task.key]
    elif item is None:
        status, reason = "failed", failures.get(task.key, "the editor returned no image")
    elif task.arm == "stress":
        reason = "; ".join(_shortcomings(plan, assessed))
        status = "rejected" if reason else "ok"
    files = {} if item is None else _files(task, item)
    return Record(
        key=task.key,
        study_id=task.study_id,
        patient_id=task.patient_id,
        scenario=task.scenario,
        status=status,
        reason=reason,
        labels_after=dict(task.labels_after),
        sha256=files[IMAGE].sha256 if files else "",
        measures={} if item is None else dict(sorted({**item.measures, **assessed}.items())),
        files=files,
        task=task,
        arm=task.arm,
        dose=task.dose,
        masks_of=task.masks_of,
        attributes_after=dict(task.attributes_after),
    )


def _shortcomings(plan: Plan, assessed: Mapping[str, float]) -> list[str]:
    """Why an edit is not good enough; one that should have a score and has none is not."""
    limits = plan.shift.filter
    unscored = limits.encoder is not None and limits.min_editing_score is not None
    return ([UNSCORED] if unscored and EDITING_SCORE not in assessed else []) + judge(assessed, limits)


def _files(task: EditTask, item: Item) -> dict[str, StoredFile]:
    """Names that a person can read; the key's beginning keeps two ids apart that read the same."""
    what = "" if task.arm == "stress" else f"__{task.arm}"
    stem = f"{_slug(task.study_id)}__{_slug(task.scenario)}{what}__{task.key[:12]}"
    return {
        role: StoredFile(place.format(stem), item.files[name], name)
        for role, (name, place) in _PLACES.items()
        if name in item.files
    }


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:80] or "study"


def row(record: Record) -> dict[str, Any]:
    """The record as one row of the table, with only the labels and measures that it has."""
    of_record = ("key", "study_id", "patient_id", "scenario", "arm", "dose", "masks_of", "status", "reason")
    of_task = ("prompt", "invert_prompt", "source_sha256")
    cells: dict[str, Any] = {name: getattr(record, name) for name in of_record}
    cells |= {name: getattr(record.task, name) for name in of_task}
    cells |= {f"{FILM}{name}": float(value) for name, value in record.task.framing.items()}
    for role in _PLACES:
        stored = record.files.get(role)
        cells |= {role: stored.path if stored else "", f"{role}_sha256": stored.sha256 if stored else ""}
    cells |= {f"{LABEL}{name}": record.labels_after[name] for name in sorted(record.labels_after)}
    return cells | {f"{MEASURE}{name}": record.measures[name] for name in sorted(record.measures)}


def to_parquet(records: Sequence[Record]) -> bytes:
    """The table as Parquet; the same records give the same bytes.

    Columns: key, study_id, patient_id, scenario, arm, dose, masks_of, status, reason, prompt, invert_prompt,
    source_sha256; where a film was cut to a square ``film_height`` and ``film_width``, its size, and ``film_low`` and
    ``film_high``, its values that are 0 and 255 in the square (float64); a path and a ``<role>_sha256`` for each role
    (empty where there is no file); ``label_after_<label>`` (int8) and ``measure_<name>`` (float64), null where a row
    has none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row(record) for record in records]
    names = list(dict.fromkeys(name for cells in rows for name in cells))
    plain = [name for name in names if not name.startswith((LABEL, MEASURE, FILM))]
    labels = sorted(name for name in names if name.startswith(LABEL))
    measures = sorted(name for name in names if name.startswith((MEASURE, FILM)))
    types = {name: pa.string() for name in plain}
    types |= {name: pa.int8() for name in labels} | {name: pa.float64() for name in measures}
    table = pa.table(
        {name: pa.array([cells.get(name) for cells in rows], kind) for name, kind in types.items()}
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data


def attrition(plan: Plan, records: Sequence[Record]) -> dict[str, int]:
    """The plan's funnel, then what became of the stress edits, then each reason of rejection."""
    return {**plan.attrition, **_ends([record for record in records if record.arm == "stress"])}


def attrition_by_scenario(plan: Plan, records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """The same funnel of each scenario alone."""
    stress = [record for record in records if record.arm == "stress"]
    return {
        name: {**counts, **_ends([record for record in stress if record.scenario == name])}
        for name, counts in plan.attrition_by_scenario.items()
    }


def arms(records: Sequence[Record]) -> dict[str, dict[str, int]]:
    """What became of the edits of each arm that there is."""
    by_arm = {arm: [record for record in records if record.arm == arm] for arm in get_args(TaskArm)}
    return {arm: {"tasks": len(found), **_ends(found)} for arm, found in by_arm.items() if found}


def rule(reason: str) -> str:
    """A reason without the image's own figure: ``editing score 0.11 under 0.20`` is ``editing score under 0.20``."""
    return _FIGURE.sub("", reason)


def _ends(records: Sequence[Record]) -> Mapping[str, int]:
    status = Counter(record.status for record in records)
    reasons = Counter(rule(record.reason) for record in records if record.status == "rejected")
    ends = {name: status[name] for name in ("ok", "rejected", "failed")}
    return {**ends, **{f"rejected: {why}": reasons[why] for why in sorted(reasons)}}
