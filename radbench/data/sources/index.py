"""A dataset's index: one row a film in Parquet, its masks beside it, and what was odd when it was made.

``films.parquet``   one row a film: ``study_id``, ``patient_id``, ``image``, ``view``, ``split``, ``report``,
                    ``label_<finding>`` (1, 0, -1 for uncertain, empty for not mentioned), one column an attribute,
                    ``mask_<name>`` (the row in ``masks.parquet``, empty for none)
``masks.parquet``   one row a mask: the reference that ``radbench.data.masks`` reads
``index.json``      the tables with their digests, counts, problems

It is made in parts of 5,000 films (fewer where the source's ``at_once`` says so). A part that is finished is not made
again after an interruption. A table that changed since is found by its size and time, then by its digest, and the index
is made anew.
"""

import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from radbench.data.sources.source import UNCERTAIN, DatasetSource, FilmRow, Problems
from radbench.data.sources.tables import count_lines
from radbench.errors import UsageError
from radbench.runtime import atomic_write, canonical_json, sha256_bytes, sha256_file
from radbench.version import __version__

if TYPE_CHECKING:
    import pyarrow as pa

PART: Final = 5000
MASK_GROUP: Final = 256
_FILMS, _MASKS, _FACTS = "films.parquet", "masks.parquet", "index.json"
_LAYOUT: Final = 1
_FIXED: Final = ("study_id", "patient_id", "image", "view", "split", "report")
Report = Callable[[int, int], None]


@dataclass(frozen=True)
class TableFile:
    """A table that decided the rows: its path, size in bytes, time of change in ns, and SHA-256.

    A folder's SHA-256 is that of the names and sizes of the files in it.
    """

    path: str
    size: int
    changed: int
    sha256: str


@dataclass(frozen=True)
class Facts:
    """What is known of an index beside its rows.

    Attributes:
        films: rows.
        patients: patients.
        views: films by view.
        splits: films by the dataset's own split.
        labels: by finding, films by value ("1", "0", "-1").
        masks: films by mask.
        straddling: patients that the dataset has in several of its splits, and ten of them.
        problems: what was odd, by kind, with ``examples``.
    """

    source: str
    version: int
    layout: int
    radbench: str
    root: str
    host: str
    tables: list[TableFile]
    films: int = 0
    patients: int = 0
    views: dict[str, int] = field(default_factory=dict)
    splits: dict[str, int] = field(default_factory=dict)
    labels: dict[str, dict[str, int]] = field(default_factory=dict)
    masks: dict[str, int] = field(default_factory=dict)
    straddling: int = 0
    straddlers: list[str] = field(default_factory=list)
    problems: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def told(self, *, named: bool = True) -> list[str]:
        """Return the problems, one sentence each; ``named``: with examples."""
        noted = Problems()
        noted.merge(self.problems, self.examples)
        return noted.sentences(named=named)


@dataclass(frozen=True)
class Index:
    """An index that was made: its folder and its facts."""

    folder: Path
    facts: Facts

    def films(self) -> "pa.Table":
        """Return all rows."""
        import pyarrow.parquet as pq

        return pq.read_table(self.folder / _FILMS, memory_map=True)

    @property
    def masks(self) -> Path:
        """The file of the masks."""
        return self.folder / _MASKS


def index_folder(source: DatasetSource, root: Path, cache: Path, host: str = "") -> Path:
    """Return where the index of a dataset at a root lies."""
    place = sha256_bytes(str(root.resolve()).encode())[:12]
    return cache / "datasets" / f"{source.name}{f'@{host}' if host else ''}-{place}"


def open_index(
    source: DatasetSource, root: Path, cache: Path, *, host: str = "", report: Report | None = None
) -> Index:
    """Return the index of a dataset, made first where there is none or a table has changed.

    Args:
        source: the dataset.
        root: its folder.
        cache: root of the cache.
        host: of a companion, the dataset whose films it speaks of.
        report: called with the films done and about how many there are.

    Raises:
        UsageError: a table is missing or not as published, or no film of it is there.
    """
    found = current_index(source, root, cache, host)
    return found or build_index(source, root, cache, host=host, report=report)


def current_index(source: DatasetSource, root: Path, cache: Path, host: str = "") -> Index | None:
    """Return the index of a dataset if there is one and no table has changed since; errors as ``open_index``."""
    folder = index_folder(source, root, cache, host)
    known = _read_facts(folder / _FACTS)
    return Index(folder, known) if known is not None and _is_current(known, source, root, host) else None


def build_index(
    source: DatasetSource, root: Path, cache: Path, *, host: str = "", report: Report | None = None
) -> Index:
    """Make the index of a dataset, going on with finished parts of the same tables; errors as ``open_index``."""
    from filelock import FileLock

    folder = index_folder(source, root, cache, host)
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(str(folder) + ".lock"):
        tables = [_table(path) for path in source.tables(root, host)]
        key = sha256_bytes(
            canonical_json([_LAYOUT, source.version, __version__, [[one.path, one.sha256] for one in tables]])
        )
        parts = folder / f"parts-{key[:12]}"
        for other in folder.glob("parts-*"):
            if other != parts:
                shutil.rmtree(other, ignore_errors=True)
        parts.mkdir(exist_ok=True)
        about = count_lines(Path(tables[0].path)) if tables else 0
        problems = Problems()
        numbers = list(_make_parts(source, root, host, parts, problems, report or _silent, about))
        facts = Facts(source.name, source.version, _LAYOUT, __version__, str(root), host, tables)
        facts = _join(source, parts, numbers, folder, problems, facts)
        if not facts.films:
            told = "; ".join(problems.sentences()) or "its tables have no row"
            raise UsageError(f"{source.name}: no film of {root} can be used ({told}).")
        atomic_write(folder / _FACTS, json.dumps(asdict(facts), indent=1, ensure_ascii=False).encode())
        shutil.rmtree(parts, ignore_errors=True)
    return Index(folder, facts)


def _silent(done: int, total: int) -> None:
    """Say nothing."""


def _table(path: Path) -> TableFile:
    status = path.stat()
    return TableFile(str(path), status.st_size, status.st_mtime_ns, _digest(path))


def _digest(path: Path) -> str:
    if not path.is_dir():
        return sha256_file(path)
    held = sorted([one.name, one.stat().st_size] for one in path.iterdir() if not one.name.startswith("."))
    return sha256_bytes(canonical_json(held))


def _read_facts(path: Path) -> Facts | None:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        tables = [TableFile(**table) for table in content.pop("tables")]
        return Facts(tables=tables, **content)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _is_current(facts: Facts, source: DatasetSource, root: Path, host: str) -> bool:
    if (facts.source, facts.version, facts.layout) != (source.name, source.version, _LAYOUT):
        return False
    paths = [str(path) for path in source.tables(root, host)]
    if paths != [table.path for table in facts.tables]:
        return False
    for table in facts.tables:
        status = Path(table.path).stat()
        if (status.st_size, status.st_mtime_ns) != (table.size, table.changed) and (
            status.st_size != table.size or _digest(Path(table.path)) != table.sha256
        ):
            return False
    return True


def _make_parts(
    source: DatasetSource, root: Path, host: str, parts: Path, problems: Problems, report: Report, about: int
) -> Iterator[int]:
    """Write every part that is not there yet; yield their numbers."""
    rows = source.films(root, problems, host)
    done = 0
    for number in range(10**6):
        chunk = list(islice(rows, min(PART, source.at_once)))
        if not chunk:
            return
        facts = parts / f"{number:06}.json"
        if not facts.is_file():
            noted = Problems()
            probed = (row if host else source.probe(root, row, noted) for row in chunk)
            _write_part(source, [source.describe(row) for row in probed if row is not None], parts, number)
            atomic_write(facts, canonical_json({"counts": noted.counts, "examples": noted.examples}))
        content = json.loads(facts.read_bytes())
        problems.merge(content["counts"], content["examples"])
        done += len(chunk)
        report(done, max(about, done))
        yield number


def _write_part(source: DatasetSource, rows: list[FilmRow], parts: Path, number: int) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    masks: list[str] = []
    columns: dict[str, list[Any]] = {name: [] for name in _schema(source).names}
    for row in rows:
        for name in _FIXED:
            columns[name].append(getattr(row, name))
        for label in source.labels:
            columns[f"label_{label}"].append(row.labels.get(label))
        for attribute in source.attributes:
            columns[attribute].append(row.attributes.get(attribute))
        for mask in source.masks:
            text = row.masks.get(mask)
            columns[f"mask_{mask}"].append(None if text is None else len(masks))
            if text is not None:
                masks.append(text)
    pq.write_table(pa.table({"reference": pa.array(masks, pa.string())}), parts / f"{number:06}.masks")
    pq.write_table(pa.table(columns, schema=_schema(source)), parts / f"{number:06}.films")


def _schema(source: DatasetSource) -> "pa.Schema":
    import pyarrow as pa

    kinds = {str: pa.string(), int: pa.int32(), float: pa.float64()}
    return pa.schema(
        [(name, pa.string()) for name in _FIXED]
        + [(f"label_{label}", pa.int8()) for label in source.labels]
        + [(name, kinds[kind]) for name, kind in source.attributes.items()]
        + [(f"mask_{mask}", pa.int64()) for mask in source.masks]
    )


class _Tally:
    """Counts over all parts, and who was seen."""

    def __init__(self, source: DatasetSource) -> None:
        self.source = source
        self.seen: set[str] = set()
        self.views: Counter[str] = Counter()
        self.splits: Counter[str] = Counter()
        self.labels: dict[str, Counter[str]] = {label: Counter() for label in source.labels}
        self.masks: Counter[str] = Counter()
        self.split_of: dict[str, str] = {}
        self.straddlers: dict[str, None] = {}

    def add(self, table: "pa.Table") -> None:
        """Count the rows of a part."""
        for column, counter in (("view", self.views), ("split", self.splits)):
            counter.update(value for value in table[column].to_pylist() if value)
        for label, counts in self.labels.items():
            found = table[f"label_{label}"].value_counts()
            counts.update(
                {str(one["values"]): one["counts"] for one in found.to_pylist() if one["values"] is not None}
            )
        for mask in self.source.masks:
            column = table[f"mask_{mask}"]
            self.masks[mask] += len(column) - column.null_count
        for patient, split in zip(table["patient_id"].to_pylist(), table["split"].to_pylist(), strict=True):
            if split and self.split_of.setdefault(patient, split) != split:
                self.straddlers[patient] = None
            self.split_of.setdefault(patient, split)


def _join(
    source: DatasetSource, parts: Path, numbers: list[int], folder: Path, problems: Problems, facts: Facts
) -> Facts:
    """Write the parts as one index, without films that are there twice; return its facts."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    films, masks = folder / f".{_FILMS}.part", folder / f".{_MASKS}.part"
    tally, before = _Tally(source), 0
    with (
        pq.ParquetWriter(films, _schema(source), compression="zstd") as film_writer,
        pq.ParquetWriter(masks, pa.schema([("reference", pa.string())]), compression="zstd") as mask_writer,
    ):
        for number in numbers:
            table = _without_twins(pq.read_table(parts / f"{number:06}.films"), tally.seen, problems)
            table = _moved(source, table, before)
            tally.add(table)
            film_writer.write_table(table)
            references = pq.read_table(parts / f"{number:06}.masks")
            mask_writer.write_table(references, row_group_size=MASK_GROUP)
            before += references.num_rows
    films.replace(folder / _FILMS)
    masks.replace(folder / _MASKS)
    return Facts(
        **{
            **{
                name: getattr(facts, name)
                for name in ("source", "version", "layout", "radbench", "root", "host", "tables")
            },
            "films": len(tally.seen),
            "patients": len(tally.split_of),
            "views": dict(sorted(tally.views.items())),
            "splits": dict(sorted(tally.splits.items())),
            "labels": {
                label: dict(sorted(counts.items())) for label, counts in tally.labels.items() if counts
            },
            "masks": {mask: count for mask, count in tally.masks.items() if count},
            "straddling": len(tally.straddlers),
            "straddlers": list(islice(tally.straddlers, 10)),
            "problems": problems.counts,
            "examples": problems.examples,
        }
    )


def _without_twins(table: "pa.Table", seen: set[str], problems: Problems) -> "pa.Table":
    keep = []
    for study in table["study_id"].to_pylist():
        keep.append(study not in seen)
        if study in seen:
            problems.add("films that the tables name twice, the first one taken", study)
        seen.add(study)
    return table if all(keep) else table.filter(keep)


def _moved(source: DatasetSource, table: "pa.Table", before: int) -> "pa.Table":
    """Return the table with its masks' rows counted from the first part on."""
    import pyarrow.compute as pc

    for mask in source.masks if before else ():
        place = table.schema.get_field_index(f"mask_{mask}")
        table = table.set_column(place, f"mask_{mask}", pc.add(table.column(place), before))
    return table


def label_counts(facts: Facts) -> Mapping[str, tuple[int, int, int]]:
    """Return by finding how many films are positive, negative and uncertain."""
    return {
        label: (counts.get("1", 0), counts.get("0", 0), counts.get(str(UNCERTAIN), 0))
        for label, counts in facts.labels.items()
    }
