"""The test set's folder: what anyone can read without radbench, put in place in one piece, and verified on reading."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from radbench.data.cohort import GrayImage, Mask
from radbench.data.images import decode_png
from radbench.errors import UsageError
from radbench.runtime import canonical_json, sha256_bytes, sync_folder
from radbench.testsets.composite import COMPOSITE_VERSION, FEATHER, METHOD
from radbench.testsets.plan import Plan
from radbench.testsets.records import (
    EDITED_WHERE,
    IMAGE,
    KEPT_WHERE,
    RECONSTRUCTED,
    Record,
    arms,
    attrition,
    attrition_by_scenario,
    row,
    to_parquet,
)
from radbench.testsets.storage import Workshop, link_or_copy, storing, write_all_synced
from radbench.testsets.store import LAYOUT_VERSION, DamagedError, Item, check_file
from radbench.testsets.task import TaskArm

SUMS = "SHA256SUMS"
DATASHEET = "datasheet.json"
TABLE = "records.parquet"
_NOTICE = (
    "Every picture in images/ is synthetic: a real or rendered radiograph edited by a diffusion model. "
    "For testing models only; never for care, nor as evidence about a patient."
)
_CONTENTS = {
    "images/": "edited images, 8-bit gray PNG",
    "reconstructions/": "the unedited source after the autoencoder alone, 8-bit gray PNG",
    "masks/": "0 or 255; *_edit.png where the prompt acted, *_keep.png where nothing may change",
    TABLE: "one row a task: status, reason, paths, digests, labels after the edit, measures; "
    "arm says what an edit is for: stress (the test set), sham (findings kept), placebo (finding absent), dose",
    SUMS: "check every file with: sha256sum --check SHA256SUMS",
}


@dataclass(frozen=True)
class TestSet:
    """The folder ``path``, which anyone can read without radbench, and its rows.

    Attributes:
        key: SHA-256 of everything that decides the folder.
        records: one a task of every arm, in the plan's order.
        attrition: the funnel from the cohort to the stress edits that are ``ok``, ``rejected`` and ``failed``.
        provenance: the content of ``datasheet.json``.
        repaired: files of the cache that were found damaged by this build, and rebuilt.
        attrition_by_scenario: the funnel of each scenario alone.
    """

    __test__ = False  # for pytest: no test class

    key: str
    path: Path
    records: list[Record]
    attrition: Mapping[str, int]
    provenance: Mapping[str, Any]
    repaired: list[str] = field(default_factory=list)
    attrition_by_scenario: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def of(self, arm: TaskArm) -> list[Record]:
        """The records of one arm, usable or not."""
        return [record for record in self.records if record.arm == arm]

    @property
    def usable(self) -> list[Record]:
        """The records to measure on: stress edits of status ``ok``."""
        return [record for record in self.of("stress") if record.status == "ok"]

    def image(self, record: Record) -> GrayImage:
        """The edited image, ``uint8 [H, W]``."""
        return self._read(record, IMAGE)

    def reconstruction(self, record: Record) -> GrayImage:
        """The source after encode and decode without an edit, ``uint8 [H, W]``."""
        return self._read(record, RECONSTRUCTED)

    def edit_mask(self, record: Record) -> Mask:
        """Where the prompt acted, ``bool [H, W]``."""
        return self._read(record, EDITED_WHERE) >= 128

    def keep_mask(self, record: Record) -> Mask:
        """Where nothing may change, ``bool [H, W]``; nowhere if the scenario has no keep mask."""
        if KEPT_WHERE not in record.files:
            return self.edit_mask(record) & False
        return self._read(record, KEPT_WHERE) >= 128

    def _read(self, record: Record, role: str) -> GrayImage:
        if role not in record.files:
            raise UsageError(
                f"Study {record.study_id!r} of scenario {record.scenario!r} has no {role.replace('_', ' ')}: "
                f"it is {record.status} ({record.reason})."
            )
        stored = record.files[role]
        try:
            return decode_png(check_file(self.path / stored.path, stored.sha256))
        except DamagedError as error:
            raise UsageError(f"{error}, after it was verified; run again to rebuild it.") from None


def datasheet(
    plan: Plan,
    records: Sequence[Record],
    items: Mapping[str, Item],
    encoder: str | None = None,
    typical: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Return where the test set comes from; the same run gives the same content.

    Args:
        plan: what was to be edited.
        records: what became of it.
        items: the finished edits.
        encoder: digest of what scored the edits; None for nothing.
        typical: how typical the cohort is for the bundle.
    """
    first = plan.tasks[0]
    framed = any(task.framing for task in plan.tasks)
    made_with = {canonical_json(dict(item.made_with)): dict(item.made_with) for item in items.values()}
    return {
        "layout": LAYOUT_VERSION,
        "notice": _NOTICE,
        "contents": _CONTENTS,
        "set_key": plan.set_key,
        "shift": {
            "name": plan.shift.name,
            "sha256": plan.shift_digest,
            "declared": plan.shift.model_dump(mode="json"),
        },
        "composite": _composite(plan, framed=framed),
        "cohort": {"name": plan.cohort_name, "sha256": plan.cohort_digest},
        "editor": {
            "name": first.editor,
            "algorithm": first.algorithm,
            "dtype": first.dtype,
            "settings": dict(first.settings),
        },
        "editors": {
            task.scenario: {
                "name": task.editor,
                "algorithm": task.algorithm,
                "settings": dict(task.settings),
                "mask_growth": task.mask_growth,
            }
            for task in plan.tasks
            if task.arm == "stress"
        },
        "weights": dict(first.weights),
        "domain": {"bundle": plan.card.domain, "cohort": plan.shift.source.shows},
        "typicality": dict(typical or {}),
        "filter": {**plan.shift.filter.model_dump(mode="json"), "encoder_sha256": encoder},
        "seed": plan.seed,
        "attrition": attrition(plan, records),
        "attrition_by_scenario": attrition_by_scenario(plan, records),
        "arms": arms(records),
        "rows_sha256": sha256_bytes(canonical_json([row(record) for record in records])),
        "made_with": [made_with[key] for key in sorted(made_with)],
    }


def _composite(plan: Plan, *, framed: bool) -> dict[str, Any]:
    """What the models see of an edit, and how anyone makes that from these files and the original films."""
    if plan.shift.composite == "square" or not framed:
        return {"mode": "square", "method": "the edited squares themselves"}
    return {
        "mode": "native",
        "version": COMPOSITE_VERSION,
        "method": METHOD,
        "feather": FEATHER,
        "square": "film resized bilinearly (short side to the square's side), centre crop, film_low and film_high of "
        "the table to 0 and 255",
    }


def place(
    folder: Path,
    sheet: Mapping[str, Any],
    records: Sequence[Record],
    items: Mapping[str, Item],
    workshop: Workshop,
) -> list[str]:
    """Make ``folder`` hold exactly this test set; return its files that were found damaged.

    Nothing is written where the folder is already whole. The new folder is put in place by one rename.
    """
    written = {DATASHEET: json.dumps(sheet, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"}
    digests = {file.path: file.sha256 for record in records for file in record.files.values()}
    digests[DATASHEET] = sha256_bytes(written[DATASHEET])
    if _is_current(folder, digests):
        return []
    written[TABLE] = to_parquet(records)
    digests[TABLE] = sha256_bytes(written[TABLE])
    written[SUMS] = "".join(f"{digests[name]}  {name}\n" for name in sorted(digests)).encode()
    damaged = _blame(folder, digests) if folder.exists() else []
    with storing(workshop.cache):
        temporary = workshop.folder()
        for part in sorted({str(PurePosixPath(name).parent) for name in digests}):
            (temporary / part).mkdir(exist_ok=True)
        for record in records:
            for file in record.files.values():
                if not (temporary / file.path).exists():
                    link_or_copy(items[record.key].folder / file.item_name, temporary / file.path)
        write_all_synced(temporary, written)
        _swap(temporary, folder, workshop)
    return damaged


def find_damaged(folder: Path) -> list[str]:
    """The files of a test set that are missing or have other bytes than ``SHA256SUMS`` says."""
    listed = _read_sums(folder)
    if listed is None:
        return [SUMS]
    return [name for name, digest in listed.items() if not _is_whole(folder / name, digest)]


def _is_current(folder: Path, digests: Mapping[str, str]) -> bool:
    """Whether the folder is whole and holds these files and the table.

    The table is not written again to see whether it is the same: the datasheet has the digest of its rows.
    """
    listed = _read_sums(folder)
    if listed is None or {**digests, TABLE: listed.get(TABLE, "")} != listed:
        return False
    return not find_damaged(folder)


def _blame(folder: Path, digests: Mapping[str, str]) -> list[str]:
    """The damaged files; the list itself, where it disowns a file that is as it should be."""
    named = find_damaged(folder)
    sound = [name for name in named if name in digests and _is_whole(folder / name, digests[name])]
    return [name for name in named if name not in sound] + ([SUMS] if sound else [])


def _read_sums(folder: Path) -> dict[str, str] | None:
    try:
        lines = (folder / SUMS).read_bytes().decode().splitlines()
        return {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError):
        return None


def _is_whole(path: Path, digest: str) -> bool:
    try:
        check_file(path, digest)
    except DamagedError:
        return False
    return True


def _swap(temporary: Path, folder: Path, workshop: Workshop) -> None:
    for part in temporary.iterdir():
        if part.is_dir():
            sync_folder(part)
    folder.parent.mkdir(parents=True, exist_ok=True)
    if folder.exists():
        workshop.discard(folder)
    temporary.rename(folder)
    sync_folder(folder.parent)
