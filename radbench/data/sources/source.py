"""What a public dataset is to radbench: where it comes from, what it holds, and one row for every film.

A dataset is one file beside this one with one subclass of ``DatasetSource``. It reads tables and file names and
nothing else: films are read when a cohort asks for them, masks are decoded when one is wanted.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Final, TypeAlias

from radbench.data.films import film_shape, read_film
from radbench.data.films.film import Film
from radbench.errors import UsageError

Kind: TypeAlias = type[str] | type[int] | type[float]
UNCERTAIN: Final = -1
"""A label that the dataset calls uncertain."""
NO_FINDINGS: Final = "No findings"
"""What a film's report is where a dataset names no finding (Section 5.1 of the paper)."""
_EXAMPLES: Final = 10


@dataclass(frozen=True, slots=True)
class FilmRow:
    """One film of a dataset, as its tables and file names describe it.

    Attributes:
        study_id: Unique in the dataset; what other tables (CheXmask) call the film, without a suffix.
        patient_id: Its patient.
        image: The file relative to the dataset's root, with forward slashes; "" in a row of a companion.
        view: As ``radbench.specs.source.View`` has it.
        split: The dataset's own, in our words (``train``, ``val``, ``test``); "" for none.
        labels: Finding to 0, 1 or ``UNCERTAIN``; a finding that is not mentioned is not there.
        attributes: As declared in the source's ``attributes``.
        report: The report's text; "" to make it of the labels (``DatasetSource.describe``).
        masks: Name to what ``radbench.data.masks`` reads; files relative to the root.
    """

    study_id: str
    patient_id: str
    image: str
    view: str
    split: str = ""
    labels: Mapping[str, int] = field(default_factory=dict)
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    report: str = ""
    masks: Mapping[str, str] = field(default_factory=dict)


class Problems:
    """What was odd while a dataset was read: how often, with the first ten examples of each kind."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.examples: dict[str, list[str]] = {}

    def add(self, kind: str, example: str) -> None:
        """Note one problem.

        Args:
            kind: what is wrong and what is done about it: ``"films of the table without a file, left out"``.
            example: the film, row or file.
        """
        self.counts[kind] = self.counts.get(kind, 0) + 1
        examples = self.examples.setdefault(kind, [])
        if len(examples) < _EXAMPLES:
            examples.append(example)

    def merge(self, counts: Mapping[str, int], examples: Mapping[str, Sequence[str]]) -> None:
        """Add what was noted elsewhere, such as before an interruption."""
        for kind, count in counts.items():
            self.counts[kind] = self.counts.get(kind, 0) + count
            known = self.examples.setdefault(kind, [])
            known.extend(examples.get(kind, ())[: _EXAMPLES - len(known)])

    def sentences(self, *, named: bool = True) -> list[str]:
        """Return one sentence a kind: ``"12 films of the table without a file, left out: a, b, ..."``.

        Args:
            named: give examples; a report names no film unless it is asked for.
        """
        found = []
        for kind, count in self.counts.items():
            shown = ", ".join(self.examples[kind][:3]) if named else ""
            found.append(
                f"{count:,} {kind}{f': {shown}' if shown else ''}{', ...' if shown and count > 3 else ''}"
            )
        return found


NO_FILE: Final = "films of the table without a file, left out"


def look(root: Path, *names: str) -> Path | None:
    """Return the first of several files or folders that is under ``root``, None for none; a name may be a pattern."""
    for name in names:
        found = sorted(root.glob(name)) if any(letter in name for letter in "*?[") else [root / name]
        if found and found[0].exists():
            return found[0]
    return None


class DatasetSource(ABC):
    """A public dataset.

    Class attributes:
        name: What a shift's ``cohort:`` says, such as ``siim-acr``.
        title: For people.
        url: Where it is published.
        licence: The agreement under which it is had, in a few words.
        download: What has to be downloaded, one line a file or folder.
        labels: Every finding that a row may have, in our words (lower case, ``_`` between words). Labels of another
            reader or labeller have that one's name before them: ``negbio_pneumothorax``.
        words: Our findings in the dataset's own words, in the order of the report that is made of them; a finding that
            is not there is not told of.
        attributes: Every attribute of a row with its type.
        masks: Every mask that a row may have.
        done_to_films: What was done to the films before they were published, a sentence each; part of a report.
        overlaps: Datasets that hold some of the same films or patients.
        hosts: Of a companion (masks or labels of other datasets' films): those datasets.
        at_once: Rows that are held in memory while the index is made; fewer where a row's masks are long.
        version: Raise it when the rows of the same files change.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    url: ClassVar[str]
    licence: ClassVar[str]
    download: ClassVar[tuple[str, ...]]
    labels: ClassVar[tuple[str, ...]] = ()
    words: ClassVar[Mapping[str, str]] = {}
    attributes: ClassVar[Mapping[str, Kind]] = {}
    masks: ClassVar[tuple[str, ...]] = ()
    done_to_films: ClassVar[tuple[str, ...]] = ()
    overlaps: ClassVar[tuple[str, ...]] = ()
    hosts: ClassVar[tuple[str, ...]] = ()
    at_once: ClassVar[int] = 5000
    version: ClassVar[int] = 1

    @abstractmethod
    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the tables that decide the rows, the one with a row a film first.

        A folder stands for the names and sizes of the files in it.

        Raises:
            UsageError: One is missing; the sentence names it, and says what to download.
        """

    @abstractmethod
    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield every film that the tables name, lateral ones too, in a fixed order; no film is opened.

        Args:
            root: The dataset's folder.
            problems: Gains what is odd; such a row is left out or mended as its sentence says.
            host: Of a companion: the dataset whose films the rows are about.

        Raises:
            UsageError: A table is not as published; the sentence names file, row, what was found and expected.
        """

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Look at a row's file: None where it is not there, else the row, completed by the file's header if need be.

        This one asks only whether the file is there.
        """
        if not row.image or (root / row.image).is_file():
            return row
        problems.add(NO_FILE, row.image)
        return None

    def read(self, path: Path) -> Film:
        """Read a film; a source whose files need more than their own header to be read says how."""
        return read_film(path)

    def shape(self, path: Path) -> tuple[int, int]:
        """Height and width of what ``read`` gives, without the pixels."""
        return film_shape(path)

    def describe(self, row: FilmRow) -> FilmRow:
        """Return the row with a report: its own, or the findings in the dataset's words (Section 5.1).

        ``"Cardiomegaly. Pneumothorax."``, and ``"No findings"`` where none is positive.
        """
        if row.report or not self.words:
            return row
        found = [word for label, word in self.words.items() if row.labels.get(label) == 1]
        return replace(row, report=" ".join(f"{word}." for word in found) or NO_FINDINGS)

    def find(self, root: Path, *names: str, what: str = "") -> Path:
        """Return the first of several files or folders that is under ``root``; a name may be a pattern.

        Args:
            root: The dataset's folder.
            names: What it may be called, relative to the root.
            what: What it is, for the error.

        Raises:
            UsageError: None is there.
        """
        found = look(root, *names)
        if found is None:
            raise self.missing(root, names, what)
        return found

    def missing(self, root: Path, names: Sequence[str], what: str = "") -> UsageError:
        """Return the error of a root that lacks something: what there is, what is expected, where to get it."""
        if not root.is_dir():
            return UsageError(
                f"{self.name}: the folder {root} does not exist; name the folder of the download with "
                f"'radbench data add {self.name} PATH'."
            )
        there = sorted(path.name for path in root.iterdir())
        listed = ", ".join(there[:8]) + (", ..." if len(there) > 8 else "") if there else "nothing"
        return UsageError(
            f"{self.name}: {root} has no {' or '.join(names)}{f' ({what})' if what else ''}; it holds {listed}. "
            f"Expected the download of {self.url} ({'; '.join(self.download)})."
        )
