"""The films of CheXpert's patients, in whatever folders a release or a mirror has them.

A film is ``patient00001/study1/view1_frontal`` below a folder for its split. What stands before that in a table
(``CheXpert-v1.0-small/train/``), and the suffix, are those of one release; they are not gone by.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.source import NO_FILE, DatasetSource, FilmRow, Problems
from radbench.data.sources.trees import view_of
from radbench.errors import UsageError

_PATH: Final = re.compile(r"(?:^|/)(patient\d+)/(study\d+)/(view\d+_(frontal|lateral))(?:\.\w+)?$")
_SIDEWAYS: Final = "films called frontal whose AP/PA says that they are lateral, of unknown view"


@dataclass(frozen=True, slots=True)
class CheXpertPath:
    """What a path of CheXpert says: patient, study and view; ``frontal`` by the file's name."""

    patient: str
    study: str
    view: str
    frontal: bool

    @property
    def key(self) -> str:
        """What CheXlocalize calls the film: ``patient00001_study1_view1_frontal``."""
        return f"{self.patient}_{self.study}_{self.view}"

    @property
    def stem(self) -> str:
        """The film below its split's folder, without a suffix."""
        return f"{self.patient}/{self.study}/{self.view}"


def read_path(text: str, where: str) -> CheXpertPath:
    """Return what a path of a table says.

    Raises:
        UsageError: it is no path of CheXpert; the sentence begins with ``where``.
    """
    found = _PATH.search(text.replace("\\", "/"))
    if found is None:
        raise UsageError(
            f"{where}: the path is '{text}', expected one that ends like patient00001/study1/view1_frontal.jpg; "
            "download the table again."
        )
    patient, study, view, plane = found.groups()
    return CheXpertPath(patient, study, view, plane == "frontal")


def view_in(path: CheXpertPath, direction: str, problems: Problems) -> str:
    """Return a film's view by its name and the column AP/PA; 17 frontal films of CheXpert are LL or RL there."""
    if not path.frontal:
        return "lateral"
    known = view_of(direction)
    if known == "lateral":
        problems.add(_SIDEWAYS, path.key)
        return "unknown"
    return "frontal" if known == "unknown" else known


class CheXpertFilms(DatasetSource):
    """A dataset with CheXpert's films.

    Class attributes:
        folders: by split, patterns of the folders that may hold its patients, the preferred first.
        suffixes: what a film's file may end in, the preferred first.
    """

    folders: ClassVar[Mapping[str, tuple[str, ...]]]
    suffixes: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        self._places: dict[tuple[Path, str], list[Path]] = {}

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Look a film up by its name without the suffix in the folders of its split."""
        split, _, stem = row.image.partition("/")
        for path in self._candidates(root, split, stem.rpartition(".")[0]):
            if path.is_file():
                return replace(row, image=path.relative_to(root).as_posix())
        problems.add(NO_FILE, row.image)
        return None

    def image(self, split: str, path: CheXpertPath) -> str:
        """Return a film's file as a row has it before it is looked up."""
        return f"{split}/{path.stem}{self.suffixes[0]}"

    def _candidates(self, root: Path, split: str, stem: str) -> Iterator[Path]:
        if (root, split) not in self._places:
            found = [path for name in self.folders[split] for path in sorted(root.glob(name))]
            self._places[root, split] = [path for path in dict.fromkeys(found) if path.is_dir()]
        for suffix in self.suffixes:
            for place in self._places[root, split]:
                yield place / f"{stem}{suffix}"
