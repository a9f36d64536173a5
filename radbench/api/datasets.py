"""The public datasets: which are known, where they lie, whether a download is whole, and their index."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from radbench.api.progress import Callback, Progress, progress_of
from radbench.data.sources import dataset_names, get_source
from radbench.data.sources.cohort import root_for
from radbench.data.sources.index import Facts, build_index, current_index, open_index
from radbench.data.sources.mask_store import MaskStore
from radbench.data.sources.roots import remember, root_of
from radbench.data.sources.source import DatasetSource, Problems
from radbench.declared import cache_dir
from radbench.errors import UsageError
from radbench.specs import ShiftSpec

SAMPLE: Final = 50
"""Films that a check reads whole, unless another number is asked for."""


@dataclass(frozen=True)
class Dataset:
    """A public dataset that radbench reads.

    Attributes:
        name: What a shift's ``cohort`` says.
        title: For people.
        url: Where it is published, ``licence`` under which agreement, ``download`` what has to be fetched.
        hosts: Of a companion (masks or labels of other datasets' films), those datasets; a shift names it under
            ``masks_from``.
        root: Where it lies on this machine; None where nobody said.
    """

    name: str
    title: str
    url: str
    licence: str
    download: tuple[str, ...]
    hosts: tuple[str, ...]
    root: Path | None


@dataclass(frozen=True)
class DatasetCheck:
    """What was found in a download.

    Attributes:
        facts: counts by view, split, label and mask, the tables' digests, and what was odd in the tables.
        sampled: films that were read whole, their masks with them.
        sizes: how many of these have which height and width.
        problems: what was odd in these, a sentence each.
    """

    name: str
    root: Path
    facts: Facts
    sampled: int
    sizes: dict[str, int] = field(default_factory=dict)
    problems: tuple[str, ...] = ()


def datasets() -> list[Dataset]:
    """Return every public dataset that can be read, and where it lies."""
    found = []
    for name in dataset_names():
        source = get_source(name)
        found.append(
            Dataset(
                name,
                source.title,
                source.url,
                source.licence,
                tuple(source.download),
                tuple(source.hosts),
                root_of(name),
            )
        )
    return found


def add_dataset(name: str, root: str | Path) -> Dataset:
    """Remember where a dataset lies, after a look at its tables.

    Raises:
        UsageError: there is no such dataset, or the folder does not hold its tables.
    """
    source = get_source(name)
    place = Path(root).expanduser()
    for host in source.hosts or ("",):
        try:
            source.tables(place, host)
            break
        except UsageError:
            if host == (source.hosts or ("",))[-1]:
                raise
    remember(name, place)
    return next(one for one in datasets() if one.name == name)


def index_dataset(
    name: str,
    root: str | Path | None = None,
    *,
    host: str = "",
    again: bool = False,
    progress: "bool | Callback | Progress" = True,
) -> Facts:
    """Make the index of a dataset, or go on with it; what is there and current is left as it is.

    Args:
        name: The dataset.
        root: Its folder; None for the place that is known.
        host: Of a companion: the dataset whose films its masks or labels are of.
        again: Make it anew.
        progress: What is told how far it is.

    Raises:
        UsageError: The dataset is unknown, not on this machine, or not as published.
    """
    source, place = _located(name, root, host)
    make = build_index if again else open_index
    with progress_of(progress).loop("Indexing") as report:
        return make(source, place, cache_dir(), host=host, report=report).facts


def index_named(shift: ShiftSpec, progress: Progress) -> None:
    """Make the index of every dataset that a shift names and that has no current one, and say how far it is.

    Raises:
        UsageError: A dataset is not on this machine, or not as published.
    """
    anchors = [one.anchor for one in shift.scenarios if one.anchor is not None and one.anchor.cohort]
    for part in [*shift.source.parts, *([] if shift.against is None else [shift.against]), *anchors]:
        for name in [part.cohort, *part.masks_from] if part.is_dataset else []:
            source, host = get_source(name), "" if name == part.cohort else part.cohort
            declared = shift.resolve(part.root) if part.root is not None and not host else None
            root = root_for(source, declared)
            if current_index(source, root, cache_dir(), host) is None:
                with progress.loop(f"Indexing {name}") as report:
                    open_index(source, root, cache_dir(), host=host, report=report)


def check_dataset(
    name: str,
    root: str | Path | None = None,
    *,
    host: str = "",
    sample: int = SAMPLE,
    progress: "bool | Callback | Progress" = True,
) -> DatasetCheck:
    """Look at a download before anything rests on it: tables, counts, and a sample of films and masks read whole.

    Args:
        name: The dataset.
        root: Its folder; None for the place that is known.
        host: Of a companion: the dataset whose films its masks or labels are of.
        sample: Films that are read, evenly spread over the index.
        progress: What is told how far it is.

    Raises:
        UsageError: The dataset is unknown, not on this machine, or not as published.
    """
    source, place = _located(name, root, host)
    told = progress_of(progress)
    with told.loop("Indexing") as report:
        index = open_index(source, place, cache_dir(), host=host, report=report)
    if host:
        return DatasetCheck(name, place, index.facts, 0)
    problems = Problems()
    sizes: dict[str, int] = {}
    with told.loop("Reading") as report:
        numbers = _spread(index.facts.films, sample)
        rows, store = index.films().take(numbers).to_pylist(), MaskStore(index.masks, place)
        for done, row in enumerate(rows, 1):
            size = _read_one(source, place, row, store, problems)
            if size:
                sizes[size] = sizes.get(size, 0) + 1
            report(done, len(numbers))
    return DatasetCheck(name, place, index.facts, len(numbers), sizes, tuple(problems.sentences()))


def _located(name: str, root: str | Path | None, host: str) -> tuple[DatasetSource, Path]:
    source = get_source(name)
    if source.hosts and host not in source.hosts:
        said = f"'{host}'" if host else "none"
        raise UsageError(
            f"{name} holds masks or labels of other datasets' films; say which with --host (found {said}, expected one "
            f"of {', '.join(source.hosts)})."
        )
    if host and not source.hosts:
        raise UsageError(f"{name} has films of its own and no host; leave --host out.")
    return source, root_for(source, None if root is None else Path(root).expanduser())


def _spread(total: int, wanted: int) -> list[int]:
    """Return ``wanted`` numbers below ``total``, evenly spread, or all."""
    if wanted >= total:
        return list(range(total))
    return sorted({number * total // wanted for number in range(wanted)})


def _read_one(
    source: DatasetSource, root: Path, row: Mapping[str, Any], store: MaskStore, problems: Problems
) -> str:
    """Read the film of an index's row and its masks; return its size, "" where it cannot be read."""
    from radbench.data.masks import read_mask
    from radbench.data.masks.reference import MaskReference

    path, study = root / row["image"], row["study_id"]
    try:
        film = source.read(path)
    except UsageError as error:
        problems.add("films that cannot be read", f"{study} ({error})")
        return ""
    for warning in film.warnings:
        problems.add("films with a doubt", f"{study} ({warning})")
    shape = source.shape(path)
    if film.pixels.shape != tuple(shape):
        problems.add("films of another size than their header says", study)
    for mask in source.masks:
        if row[f"mask_{mask}"] is None:
            continue
        try:
            reference = MaskReference.read(store[row[f"mask_{mask}"]], root)
            for warning in read_mask(reference, shape, film=path, study_id=study).warnings:
                if row.get(f"label_{mask}") != 0:
                    problems.add(f"masks of {mask} with a doubt", f"{study} ({warning})")
        except UsageError as error:
            problems.add(f"masks of {mask} that cannot be read", f"{study} ({error})")
    return f"{shape[0]} x {shape[1]}"
