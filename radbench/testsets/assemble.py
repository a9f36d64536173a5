"""The test set's folder: what anyone can read without radbench, checked and put in place in one piece."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from radbench.runtime import canonical_json, sha256_bytes, sync_folder
from radbench.testsets.composite import COMPOSITE_VERSION, FEATHER, METHOD
from radbench.testsets.funnel import arms, attrition, attrition_by_scenario
from radbench.testsets.plan import Plan
from radbench.testsets.records import Record, row, to_parquet
from radbench.testsets.storage import Workshop, storing, write_all_synced
from radbench.testsets.store import LAYOUT_VERSION, DamagedError, Item, ItemStore, check_file

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


def datasheet(
    plan: Plan, records: Sequence[Record], items: Mapping[str, Item], encoder: str | None = None
) -> dict[str, Any]:
    """Where the test set comes from; the same run gives the same content. ``encoder`` scored the edits."""
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
    store: ItemStore,
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
    with storing(store.cache):
        temporary = workshop.folder()
        for part in sorted({str(PurePosixPath(name).parent) for name in digests}):
            (temporary / part).mkdir(exist_ok=True)
        for record in records:
            for file in record.files.values():
                if not (temporary / file.path).exists():
                    store.link(items[record.key], file.item_name, temporary / file.path)
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
