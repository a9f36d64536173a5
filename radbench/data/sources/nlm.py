"""What the two tuberculosis sets of the National Library of Medicine share: names of films, clinical readings, masks.

A film's name ends in its label: ``MCUCXR_0104_1.png`` shows tuberculosis, ``_0`` does not. The label is that digit and
nothing else: readings say "normal", but also "?active" or "no active disease". A clinical reading is a text file of the
film's name. Kaggle's "Chest X-ray Masks and Labels" has both sets in one folder, with ``masks/``.

Source: Jaeger et al. 2014, doi 10.3978/j.issn.2223-4292.2014.11.20.
"""

import re
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.sources.source import DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import sex_of
from radbench.data.sources.trees import walk

_SEX = re.compile(r"sex\s*:\s*([a-z]+)|^\W*(female?|male)", re.IGNORECASE)
_AGE = re.compile(r"age\s*:\s*(\d+)\s*([a-z]?)|^\W*(?:female?|male)\W*(\d+)\s*([a-z]?)", re.IGNORECASE)
_NO_READING: Final = "films without a clinical reading, whose sex and age are unknown"
_NO_AGE: Final = "clinical readings without an age in years, months or days, whose age is unknown"
_NO_SEX: Final = "clinical readings without a sex of M or F, whose sex is unknown"
_NO_LABEL: Final = "films whose name does not end in _0 or _1, left out"


@dataclass
class NlmFiles:
    """The files of one set by the film's name without a suffix."""

    films: dict[str, Path] = field(default_factory=dict)
    readings: dict[str, Path] = field(default_factory=dict)
    left: dict[str, Path] = field(default_factory=dict)
    right: dict[str, Path] = field(default_factory=dict)
    both: dict[str, Path] = field(default_factory=dict)

    def folders(self) -> tuple[Path, ...]:
        """The folders that the files are in, that of the films first."""
        kinds = (self.films, self.readings, self.left, self.right, self.both)
        return tuple(dict.fromkeys(path.parent for kind in kinds for path in kind.values()))


class NlmSet(DatasetSource):
    """One of the two sets.

    Class attributes:
        prefix: What the names of its films begin with.
        film_view: The view of every film.
    """

    prefix: ClassVar[str]
    film_view: ClassVar[str]
    labels = ("tuberculosis",)
    words: ClassVar[Mapping[str, str]] = {"tuberculosis": "Tuberculosis"}
    attributes: ClassVar[Mapping[str, Kind]] = {"sex": str, "age": int}

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the folders of films, readings and masks: their names are the table."""
        del host
        return self._files(root).folders()

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield every film in the order of its name."""
        del host
        files = self._files(root)
        texts = {
            stem: path.read_text(encoding="utf-8", errors="replace") for stem, path in files.readings.items()
        }
        patients = self.patients(texts)
        for stem, path in files.films.items():
            if not re.fullmatch(rf"{self.prefix}\d+_[01]", stem):
                problems.add(_NO_LABEL, path.name)
                continue
            if stem not in texts:
                problems.add(_NO_READING, stem)
            yield FilmRow(
                study_id=stem,
                patient_id=patients.get(stem, stem[:-2]),
                image=path.relative_to(root).as_posix(),
                view=self.film_view,
                labels={"tuberculosis": int(stem[-1])},
                attributes=read_reading(texts[stem], problems, stem) if stem in texts else {},
                masks=self.masks_of(stem, files, root),
            )

    @abstractmethod
    def masks_of(self, stem: str, files: NlmFiles, root: Path) -> dict[str, str]:
        """Return the masks of a film, files relative to the root."""

    def patients(self, readings: Mapping[str, str]) -> dict[str, str]:
        """Return the patient of films that share one with another, as the readings say; here none does."""
        del readings
        return {}

    def _files(self, root: Path) -> NlmFiles:
        self.find(root, "CXR_png", "*/CXR_png", "*/*/CXR_png", what="the films")
        found = NlmFiles()
        kinds = {
            "cxr_png": found.films,
            "clinicalreadings": found.readings,
            "leftmask": found.left,
            "rightmask": found.right,
            "mask": found.both,
            "masks": found.both,
        }
        for path in walk(root):
            kind = kinds.get(path.parent.name.lower())
            suffix = ".txt" if kind is found.readings else ".png"
            if kind is not None and path.suffix.lower() == suffix and path.name.startswith(self.prefix):
                kind.setdefault(path.stem.removesuffix("_mask") if kind is found.both else path.stem, path)
        if not found.films:
            raise self.missing(root, [f"CXR_png/{self.prefix}*.png"], "the films")
        return found


def read_reading(text: str, problems: Problems, name: str) -> dict[str, str | int | float]:
    """Return sex and age of a clinical reading, as far as it tells them.

    Montgomery writes ``Patient's Sex: F`` and ``Patient's Age: 027Y``; Shenzhen ``male 45yrs``, but also
    ``femal 32yrs``, ``female24yrs``, ``male , 29yrs``, ``male 16month``, ``female 64days``, and ``male 42``, which is
    no age.
    """
    told: dict[str, str | int | float] = {}
    sex = _SEX.search(text)
    word = (sex[1] or sex[2]).lower() if sex else ""
    known = sex_of("female" if word == "femal" else word)
    if known is None:
        problems.add(_NO_SEX, name)
    else:
        told["sex"] = known
    age = _AGE.search(text)
    count, unit = (age[1] or age[3], (age[2] or age[4] or "").lower()) if age else ("", "")
    if count and unit in {"y", "m", "d"}:
        told["age"] = int(count) // {"y": 1, "m": 12, "d": 365}[unit]
    else:
        problems.add(_NO_AGE, name)
    return told
