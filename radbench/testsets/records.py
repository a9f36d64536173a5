"""The test set's table: one row a task, whatever became of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from radbench.testsets.plan import Plan
from radbench.testsets.store import EDIT_MASK, EDITED, KEEP_MASK, RECONSTRUCTION, Item
from radbench.testsets.task import EditTask

Status = Literal["ok", "rejected", "failed"]

IMAGE, RECONSTRUCTED, EDITED_WHERE, KEPT_WHERE = "image", "reconstruction", "edit_mask", "keep_mask"
LABEL, MEASURE = "label_after_", "measure_"
_PLACES = {
    IMAGE: (EDITED, "images/{}.png"),
    RECONSTRUCTED: (RECONSTRUCTION, "reconstructions/{}.png"),
    EDITED_WHERE: (EDIT_MASK, "masks/{}_edit.png"),
    KEPT_WHERE: (KEEP_MASK, "masks/{}_keep.png"),
}


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
        status: ``ok``; ``rejected`` (not to be measured, by a rule); ``failed`` (the edit raised).
        reason: why it is not ``ok``; empty where it is.
        labels_after: the labels that the edit changes, with their values after it.
        sha256: digest of the edited image's PNG file; empty where there is none.
        measures: what the editor measured.
        files: the task's files, by role: image, reconstruction, edit_mask, keep_mask.
        task: everything that decided the pixels.
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


def make_records(plan: Plan, items: Mapping[str, Item], failures: Mapping[str, str]) -> list[Record]:
    """One record a task, in the plan's order. A task that is neither stored nor rejected has failed."""
    return [_record(task, plan, items.get(task.key), failures) for task in plan.tasks]


def _record(task: EditTask, plan: Plan, item: Item | None, failures: Mapping[str, str]) -> Record:
    status: Status = "ok"
    reason = ""
    if task.key in plan.rejections:
        status, reason = "rejected", plan.rejections[task.key]
    elif item is None:
        status, reason = "failed", failures.get(task.key, "the editor returned no image")
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
        measures={} if item is None else dict(item.measures),
        files=files,
        task=task,
    )


def _files(task: EditTask, item: Item) -> dict[str, StoredFile]:
    """Names that a person can read; the key's beginning keeps two ids apart that read the same."""
    stem = f"{_slug(task.study_id)}__{_slug(task.scenario)}__{task.key[:12]}"
    return {
        role: StoredFile(place.format(stem), item.files[name], name)
        for role, (name, place) in _PLACES.items()
        if name in item.files
    }


def _slug(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip(".-")[:80] or "study"


def row(record: Record) -> dict[str, Any]:
    """The record as one row of the table, with only the labels and measures that it has."""
    cells: dict[str, Any] = {
        "key": record.key,
        "study_id": record.study_id,
        "patient_id": record.patient_id,
        "scenario": record.scenario,
        "status": record.status,
        "reason": record.reason,
        "prompt": record.task.prompt,
        "invert_prompt": record.task.invert_prompt,
        "source_sha256": record.task.source_sha256,
    }
    for role in _PLACES:
        stored = record.files.get(role)
        cells |= {role: stored.path if stored else "", f"{role}_sha256": stored.sha256 if stored else ""}
    cells |= {f"{LABEL}{name}": record.labels_after[name] for name in sorted(record.labels_after)}
    return cells | {f"{MEASURE}{name}": record.measures[name] for name in sorted(record.measures)}


def to_parquet(records: Sequence[Record]) -> bytes:
    """The table as Parquet; the same records give the same bytes.

    Columns: key, study_id, patient_id, scenario, status, reason, prompt, invert_prompt, source_sha256; a path
    and a ``<role>_sha256`` for each role (empty where there is no file); ``label_after_<label>`` (int8) and
    ``measure_<name>`` (float64), null where a row has none.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = [row(record) for record in records]
    names = list(dict.fromkeys(name for cells in rows for name in cells))
    plain = [name for name in names if not name.startswith((LABEL, MEASURE))]
    labels = sorted(name for name in names if name.startswith(LABEL))
    measures = sorted(name for name in names if name.startswith(MEASURE))
    types = {name: pa.string() for name in plain}
    types |= {name: pa.int8() for name in labels} | {name: pa.float64() for name in measures}
    table = pa.table(
        {name: pa.array([cells.get(name) for cells in rows], kind) for name, kind in types.items()}
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data
