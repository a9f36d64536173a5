"""A dataset's index as a cohort: which rows are taken, what their labels mean, and what is said about the rest."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from radbench.data.cohort import Study, value_is
from radbench.data.folder import FolderCohort
from radbench.data.manifest import Entry
from radbench.data.sources import get_source
from radbench.data.sources.index import Index, open_index
from radbench.data.sources.mask_store import MaskStore, StoredMasks
from radbench.data.sources.packed import PackedLabels
from radbench.data.sources.roots import root_of, variable
from radbench.data.sources.source import UNCERTAIN, DatasetSource
from radbench.declared import cache_dir
from radbench.errors import UsageError, did_you_mean
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs import CohortSpec

if TYPE_CHECKING:
    import pandas as pd

_FIXED: Final = ("study_id", "patient_id", "image", "view", "split", "report")
_MASK: Final = "mask_"
_LABEL: Final = "label_"
_ROWS: Final = 5000
_MEANT: Final = {"ignore": None, "positive": 1, "negative": 0}


def root_for(source: DatasetSource, declared: Path | None = None) -> Path:
    """Return where a dataset lies.

    Raises:
        UsageError: nobody says where; the sentence says what to download, and how to say where it is.
    """
    root = root_of(source.name, declared)
    if root is None:
        raise UsageError(
            f"The dataset '{source.name}' ({source.title}) is not known to be on this machine. Download it from "
            f"{source.url} ({source.licence}): {'; '.join(source.download)}. Then run 'radbench data add {source.name} "
            f"PATH', or set {variable(source.name)}, or say 'root:' in the shift."
        )
    return root


def open_dataset(
    part: CohortSpec,
    resolve: Callable[[str], Path],
    image_size: int,
    *,
    further: Sequence[str] = (),
    report: Callable[[int, int], None] | None = None,
) -> FolderCohort:
    """Return a dataset's films as a cohort.

    Args:
        part: which dataset, and which of its films.
        resolve: where a relative path leads.
        image_size: side of the squares in pixels.
        further: splits that are taken beside ``part.split``; ``size`` counts in each.
        report: called with the films done while an index is made.

    Raises:
        UsageError: the dataset is unknown, is not on this machine, is not as published, or has no such film.
    """
    source = get_source(part.cohort)
    root = root_for(source, None if part.root is None else resolve(part.root))
    index = open_index(source, root, cache_dir(), report=report)
    notes = _about(source, index)
    frame = index.films().to_pandas()
    stores = dict.fromkeys(source.masks, MaskStore(index.masks, Path(index.facts.root)))
    for name in part.masks_from:
        frame = _with_companion(frame, source, name, stores, notes)
    frame = _renamed(frame, part.columns, source.name)
    for ours, theirs in part.columns.items():
        if theirs.startswith(_MASK):
            stores[ours.removeprefix(_MASK)] = stores[theirs.removeprefix(_MASK)]
    frame = _chosen(frame, part, source, [part.split, *further], notes)
    _decide(frame, part, notes)
    labels = [name.removeprefix(_LABEL) for name in frame.columns if name.startswith(_LABEL)]
    places = {name: place for place, name in enumerate(labels)}
    entries = [_entry(row, root, stores, places, number) for number, row in enumerate(_rows(frame), start=2)]
    return FolderCohort(
        index.folder / "films.parquet",
        entries,
        image_size,
        name=source.name,
        read=source.read,
        shape=source.shape,
        file_digest=_by_size,
        declared={"dataset": source.name, "tables": [table.sha256 for table in index.facts.tables]},
        notes=notes,
    )


def _about(source: DatasetSource, index: Index) -> list[str]:
    """What a report says of the dataset whatever is chosen of it."""
    notes = _sentences(source, index)
    if index.facts.straddling:
        notes.append(
            f"{source.name}: {index.facts.straddling:,} patients are in several of the dataset's own splits ('radbench "
            f"data check {source.name}' names some); 'make_splits' makes splits by patient."
        )
    return notes


def _sentences(source: DatasetSource, index: Index) -> list[str]:
    """Return what was done to a dataset's films and what was odd in its tables, one sentence each, without a name."""
    told = (*source.done_to_films, *index.facts.told(named=False))
    return [f"{source.name}: {sentence.rstrip('.')}." for sentence in told]


def _with_companion(
    frame: "pd.DataFrame", source: DatasetSource, name: str, stores: dict[str, MaskStore], notes: list[str]
) -> "pd.DataFrame":
    """Return the rows with a companion's masks, labels and attributes of the same films."""
    companion = get_source(name)
    if source.name not in companion.hosts:
        raise UsageError(
            f"masks_from names '{name}', which holds nothing of '{source.name}'; it holds masks of "
            f"{', '.join(companion.hosts) or 'no other dataset'}."
        )
    index = open_index(companion, root_for(companion), cache_dir(), host=source.name)
    other = index.films().to_pandas().drop(columns=[*_FIXED[1:]])
    taken = [column for column in other.columns if column in frame.columns and column != "study_id"]
    frame = frame.drop(columns=taken)
    stores |= dict.fromkeys(companion.masks, MaskStore(index.masks, Path(index.facts.root)))
    both = frame.merge(other, on="study_id", how="left", validate="one_to_one")
    found = int(frame["study_id"].isin(other["study_id"]).sum())
    notes.append(f"{name}: holds something of {found:,} of the {len(frame):,} films of {source.name}.")
    notes.extend(_sentences(companion, index))
    return both


def _renamed(frame: "pd.DataFrame", columns: Mapping[str, str], name: str) -> "pd.DataFrame":
    """Return the rows with further names for some columns, which then hold what those hold."""
    for ours, theirs in columns.items():
        if theirs not in frame.columns:
            raise UsageError(
                f"The dataset '{name}' has no '{theirs}', which columns names for '{ours}'."
                f"{did_you_mean(theirs, list(frame.columns))}"
            )
    return frame.assign(**{ours: frame[theirs] for ours, theirs in columns.items()})


def _chosen(
    frame: "pd.DataFrame", part: CohortSpec, source: DatasetSource, splits: Sequence[str], notes: list[str]
) -> "pd.DataFrame":
    """Return the rows of the views, splits and values that are asked for, at most ``size`` of each split."""
    views = frame["view"].isin(part.views)
    if not views.all():
        left = frame.loc[~views, "view"].value_counts()
        told = ", ".join(f"{count:,} {view}" for view, count in left.items())
        notes.append(f"{source.name}: films left out for their view: {told}.")
    frame = frame[views]
    if part.make_splits is not None:
        frame = frame.assign(split=_made(frame["patient_id"], part.make_splits, part.seed))
        shares = ", ".join(f"{name} {share:g}" for name, share in part.make_splits.items())
        notes.append(f"{source.name}: splits made by patient, seed {part.seed}: {shares}.")
    known = sorted(set(frame["split"]) - {""})
    if known:
        for split in splits:
            if split not in known:
                raise UsageError(
                    f"The dataset '{source.name}' has no frontal film of split '{split}'; its splits are "
                    f"{', '.join(known)}; 'make_splits' makes others.{did_you_mean(split, known)}"
                )
        frame = frame[frame["split"].isin(splits)]
    elif len(splits) > 1:
        raise UsageError(
            f"The dataset '{source.name}' has no splits of its own; say 'make_splits' beside it to have '{splits[1]}'."
        )
    return _drawn(_selected(frame, part, source.name, splits), part)


def _selected(frame: "pd.DataFrame", part: CohortSpec, name: str, splits: Sequence[str]) -> "pd.DataFrame":
    """Return the rows with the masks and values that are asked for."""
    for mask in part.with_masks:
        frame = frame[_masked(frame, mask, name)]
    for column, wanted in part.select.items():
        frame = frame[_has(frame, column, wanted, name)]
    if frame.empty:
        clauses = [
            *(f"mask {mask}" for mask in part.with_masks),
            *(f"{n} = {w}" for n, w in part.select.items()),
        ]
        raise UsageError(
            f"The dataset '{name}' has no film of split {', '.join(splits)} with "
            f"{', '.join(clauses) or 'such a view'}; relax select or views."
        )
    return frame


def _drawn(frame: "pd.DataFrame", part: CohortSpec) -> "pd.DataFrame":
    """Return at most ``size`` rows of each split; a smaller draw is a part of a larger one."""
    if part.size is None:
        return frame
    frame = frame.assign(
        _rank=frame["study_id"].map(lambda study: sha256_bytes(f"{part.seed}\n{study}".encode()))
    )
    drawn = frame.sort_values("_rank").groupby("split", sort=False).head(part.size).index
    return frame[frame.index.isin(drawn)].drop(columns="_rank")


def _made(patients: "pd.Series[str]", shares: Mapping[str, float], seed: int) -> "pd.Series[str]":
    """Return a split for every patient, by a hash of seed and patient: the same whatever else is in the dataset."""
    limits, total = [], 0.0
    for name, share in shares.items():
        total += share
        limits.append((total, name))

    def split(patient: str) -> str:
        place = int(sha256_bytes(f"{seed}\n{patient}".encode())[:12], 16) / 16**12
        return next((name for limit, name in limits if place < limit), limits[-1][1])

    named = {patient: split(patient) for patient in patients.unique()}
    return patients.map(named)


def _masked(frame: "pd.DataFrame", name: str, dataset: str) -> "pd.Series[bool]":
    if f"{_MASK}{name}" not in frame.columns:
        known = [found.removeprefix(_MASK) for found in frame.columns if found.startswith(_MASK)]
        raise UsageError(
            f"with_masks names '{name}', which no film of '{dataset}' has; its masks are {', '.join(known) or 'none'} "
            f"(masks_from adds those of other datasets).{did_you_mean(name, known)}"
        )
    return frame[f"{_MASK}{name}"].notna()


def _has(frame: "pd.DataFrame", name: str, wanted: str | float, dataset: str) -> "pd.Series[bool]":
    column = f"label_{name}" if f"label_{name}" in frame.columns else name
    if column not in frame.columns:
        known = [found.removeprefix("label_") for found in frame.columns if found not in {"image", "report"}]
        raise UsageError(
            f"select names '{name}', which no film of '{dataset}' has.{did_you_mean(name, known)}"
        )
    values = {value: value_is(value, wanted) for value in frame[column].unique()}
    return frame[column].map(values).astype(bool)


def _decide(frame: "pd.DataFrame", part: CohortSpec, notes: list[str]) -> None:
    """Say what becomes of uncertain labels; ``_entry`` never sees one."""
    meant = "ignore" if part.labels is None else part.labels.uncertain
    for column in frame.columns:
        if not column.startswith("label_"):
            continue
        uncertain = frame[column] == UNCERTAIN
        count = int(uncertain.sum())
        if count:
            frame.loc[uncertain, column] = _MEANT[meant]
            taken = "unknown" if meant == "ignore" else str(_MEANT[meant])
            finding = column.removeprefix("label_")
            notes.append(f"{part.cohort}: {count:,} uncertain labels of {finding} taken as {taken}.")


def _rows(frame: "pd.DataFrame") -> Iterator[dict[str, Any]]:
    """Yield the rows without what is not known of them."""
    names = list(frame.columns)
    for start in range(0, len(frame), _ROWS):
        part = frame.iloc[start : start + _ROWS]
        for values in part.astype(object).where(part.notna(), None).itertuples(index=False, name=None):
            yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _entry(
    row: dict[str, Any], root: Path, stores: Mapping[str, MaskStore], places: Mapping[str, int], number: int
) -> Entry:
    masks = {
        name.removeprefix("mask_"): int(value) for name, value in row.items() if name.startswith("mask_")
    }
    labels = {
        name.removeprefix("label_"): int(value) for name, value in row.items() if name.startswith("label_")
    }
    attributes = {
        name: value
        for name, value in row.items()
        if name not in {"study_id", "patient_id", "image", "report"}
        and not name.startswith(("label_", "mask_"))
    }
    whole = {
        name: int(value) if isinstance(value, float) and value.is_integer() else value
        for name, value in attributes.items()
        if value != ""
    }
    study = Study(
        str(row["study_id"]),
        str(row["patient_id"]),
        PackedLabels(places, labels),
        whole,
        row.get("report", ""),
    )
    held = {name: (stores[name], place) for name, place in masks.items() if name in stores}
    return Entry(number, study, root / str(row["image"]), StoredMasks(held), str(row.get("split", "")))


def _by_size(path: Path) -> str:
    """What identifies a dataset's file: its name and size. The pixels themselves are in every edit's key."""
    status = path.stat()
    return sha256_bytes(canonical_json([path.name, status.st_size]))
