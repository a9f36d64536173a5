"""BIMCV-COVID19+ and BIMCV-COVID19- (Valencian Region, 2020): films of patients with and without a positive test.

``participants.tsv``, ``derivatives/labels/*.tsv`` (a row a session), ``sub-S03169/ses-E07193/mod-rx/*.png`` with the
DICOM header as JSON beside each. The PNG are stored values: LUT or window and the direction of the header are applied
when a film is read. Hand corrections by DeGrave et al. 2021 (``bimcv_corrections.txt``).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import ClassVar, Final

from radbench.data.cohort import Pixels
from radbench.data.films import read_film
from radbench.data.films.film import Film
from radbench.data.sources.bimcv_corrections import AS_STORED, FRONTAL, LATERAL, UNUSABLE, UPSIDE_DOWN, needs
from radbench.data.sources.bimcv_labels import (
    COVID,
    COVID_UNCERTAIN,
    FINDINGS,
    dates_by_session,
    days_from,
    labels_by_session,
    positive_tests,
    resolved,
)
from radbench.data.sources.bimcv_sidecar import (
    dataset_of,
    description_of,
    read_sidecar,
    shown_by,
    text_of,
)
from radbench.data.sources.bimcv_views import position_in, view_in, view_of_name
from radbench.data.sources.padchest_findings import labels_of, name_of, names_of, report_of, told_by
from radbench.data.sources.source import NO_FILE, UNCERTAIN, DatasetSource, FilmRow, Kind, Problems
from radbench.data.sources.tables import age_of, rows_of, sex_of
from radbench.data.sources.trees import BROKEN_PNG, is_whole_png
from radbench.errors import UsageError

_LABELS: Final = "derivatives/labels/[Ll]abels*.tsv"
_NO_SIDECAR: Final = (
    "films without a JSON file beside them that can be read (no window, no direction), left out"
)
_NO_DIRECTION: Final = "films whose header is neither MONOCHROME1 nor MONOCHROME2, left out"
_UNUSABLE: Final = (
    "films that DeGrave et al. found unusable (abdomen, hand, failed scan, wrong window), left out"
)
_NO_LABELS: Final = "films of sessions without labels in the table, of which only covid is known"
_ABSENT: Final = "participants with radiographs without a folder (an archive that is not unpacked), left out"
_BY_DEPTH: Final = "films without window and LUT, shown over the whole depth of their values"
_MODALITY, _MAKER, _SEX, _AGE, _PHOTOMETRIC = "00080060", "00080070", "00100040", "00101010", "00280004"


@dataclass(frozen=True)
class _Tables:
    people: Mapping[str, Mapping[str, str]]
    labels: Mapping[str, tuple[str, ...]]
    tests: Mapping[str, list[date]]


class Bimcv(DatasetSource):
    """What both cohorts have in common; ``covid`` is the cohort, by the patient's tests, whatever the film shows."""

    url = "https://bimcv.cipf.es/bimcv-projects/bimcv-covid19/"
    licence = "BIMCV-COVID19 research use agreement (CC BY 4.0 on IEEE DataPort)"
    download = (
        "every archive, unpacked into one folder: participants.tsv, derivatives/ and the folders sub-S...",
    )
    labels = ("covid", *names_of(FINDINGS))
    words: ClassVar[Mapping[str, str]] = told_by(FINDINGS)
    attributes: ClassVar[Mapping[str, Kind]] = {
        "sex": str,
        "age": int,
        "session": str,
        "position": str,
        "modality": str,
        "manufacturer": str,
        "shown_by": str,
        "days_from_test": int,
    }
    done_to_films = (
        (
            "the PNG hold stored values; LUT or window and the direction of the header beside each are applied here "
            "(attribute shown_by)"
        ),
        (
            "views come from the name of the series; hand corrections by DeGrave et al. 2021 are applied (lateral "
            "films called PA or AP, films upside down, unusable films)"
        ),
        "covid is the patient's cohort by tests (PCR or antibodies); covid_19 is what the report says",
    )
    covid: ClassVar[int]

    def tables(self, root: Path, host: str = "") -> tuple[Path, ...]:
        """Return the participants, the labels of the sessions, and the tests where there are any."""
        del host
        name = "participants.tsv"
        bases = (
            [root] if (root / name).is_file() else [path.parent for path in sorted(root.glob(f"*/{name}"))]
        )
        if not bases:
            raise self.missing(root, (name,), "the participants")
        base, labels = self._cohort(root, bases)
        tests = sorted(base.glob("derivatives/EHR/[Ss][Ii][Ll]_*"))[:1]
        return (base / name, labels, *tests)

    def films(self, root: Path, problems: Problems, host: str = "") -> Iterator[FilmRow]:
        """Yield every PNG of the tree; view, sex and age are completed by the header beside it (``probe``)."""
        people, labels, *tests = self.tables(root, host)
        columns = ("modality_dicom", "age", "gender")
        rows = rows_of(people, ["participant"], optional=columns, delimiter="\t")
        tables = _Tables(
            {row["participant"]: row for _, row in rows},
            labels_by_session(labels, problems),
            positive_tests(tests[0] if tests else None, problems),
        )
        for name, row in tables.people.items():
            films = any(kind in row["modality_dicom"] for kind in ("CR", "DX"))
            if films and not (people.parent / name).is_dir():
                problems.add(_ABSENT, name)
        for subject in sorted(people.parent.glob("sub-*")):
            if subject.is_dir():
                yield from self._of_subject(root, subject, tables, problems)

    def probe(self, root: Path, row: FilmRow, problems: Problems) -> FilmRow | None:
        """Complete a row by the header beside its film; a film that cannot be shown right is left out."""
        path = root / row.image
        if not path.is_file():
            problems.add(NO_FILE, row.image)
            return None
        if not is_whole_png(path):
            problems.add(BROKEN_PNG, row.image)
            return None
        stored = needs(path.name, AS_STORED)
        header = read_sidecar(path.with_suffix(".json"))
        if header is None:
            if not stored:
                problems.add(_NO_SIDECAR, row.image)
            return row if stored else None
        if not stored and text_of(header, _PHOTOMETRIC).upper() not in {"MONOCHROME1", "MONOCHROME2"}:
            problems.add(_NO_DIRECTION, row.image)
            return None
        shown = "stored" if stored else shown_by(header)
        if shown == "depth":
            problems.add(_BY_DEPTH, row.image)
        described = description_of(header)
        told = {
            "sex": sex_of(text_of(header, _SEX)),
            "age": age_of(text_of(header, _AGE)),
            "position": position_in(described),
            "modality": text_of(header, _MODALITY) or None,
            "manufacturer": text_of(header, _MAKER) or None,
            "shown_by": shown,
        }
        more = {name: value for name, value in told.items() if value is not None}
        view = view_in(described) if row.view == "unknown" else row.view
        view = view_of_name(path.name) if view == "unknown" else view
        return replace(row, view=view, attributes={**row.attributes, **more})

    def read(self, path: Path) -> Film:
        """Read a film: LUT or window, direction, and what was corrected by hand.

        Raises:
            UsageError: as ``read_film``, or the header beside it is gone.
        """
        header = None
        if not needs(path.name, AS_STORED):
            sidecar = read_sidecar(path.with_suffix(".json"))
            if sidecar is None:
                raise UsageError(
                    f"The film {path} has no JSON file beside it that can be read; expected its DICOM header "
                    f"({path.stem}.json), without which its window and direction are unknown, so unpack it again."
                )
            header = dataset_of(sidecar)
        film = read_film(path, header=header)
        if not needs(path.name, UPSIDE_DOWN):
            return film
        turned: Pixels = film.pixels[::-1].copy()
        done = (*film.provenance, "turned upside down by hand correction")
        return replace(film, pixels=turned, provenance=done)

    def describe(self, row: FilmRow) -> FilmRow:
        """Return the row as it is: a film without labels has no report, instead of "No findings"."""
        return row

    def _cohort(self, root: Path, bases: Sequence[Path]) -> tuple[Path, Path]:
        """Return the folder of this cohort and its table of labels: one with ``neg`` in its name is the other's."""
        found = [(base, path) for base in bases for path in sorted(base.glob(_LABELS))]
        for base, path in found:
            if ("neg" in path.name.lower()) == (self.covid == 0):
                return base, path
        if not found:
            raise self.missing(bases[0], (_LABELS,), "the labels of the sessions")
        raise UsageError(
            f"{self.name}: {root} holds {found[0][1].name}, the labels of the other cohort; expected the download of "
            f"{self.title}, so name its folder with 'radbench data add {self.name} PATH'."
        )

    def _of_subject(
        self, root: Path, subject: Path, tables: _Tables, problems: Problems
    ) -> Iterator[FilmRow]:
        person = tables.people.get(subject.name, {})
        dates = dates_by_session(subject)
        known = {
            "sex": sex_of(person.get("gender", "")),
            "age": age_of(person.get("age", "").strip("[]'\" ")),
        }
        for session in sorted(subject.glob("ses-*")):
            words = resolved(session.name, tables.labels, dates)
            days = days_from(tables.tests.get(subject.name, ()), dates.get(session.name))
            told = {**known, "session": session.name, "days_from_test": days}
            for path in sorted(session.rglob("*.png")):
                if needs(path.name, UNUSABLE):
                    problems.add(_UNUSABLE, path.name)
                    continue
                if words is None:
                    problems.add(_NO_LABELS, path.name)
                yield FilmRow(
                    study_id=path.stem,
                    patient_id=subject.name,
                    image=path.relative_to(root).as_posix(),
                    view=_view_seen(path.name),
                    labels={"covid": self.covid, **_labels(words, path.name, problems)},
                    attributes={name: value for name, value in told.items() if value is not None},
                    report=report_of(words or ()),
                )


def _view_seen(name: str) -> str:
    """Return the view of a film that people looked at, ``unknown`` for others."""
    if needs(name, LATERAL):
        return "lateral"
    return "frontal" if needs(name, FRONTAL) else "unknown"


def _labels(words: list[str] | None, film: str, problems: Problems) -> dict[str, int]:
    if words is None:
        return {}
    labels = labels_of(words, FINDINGS, film, problems)
    if labels.pop(name_of(COVID_UNCERTAIN), 0) and COVID not in words:
        labels[name_of(COVID)] = UNCERTAIN
    return labels


class BimcvPositive(Bimcv):
    """BIMCV-COVID19+: every patient has a positive test."""

    name = "bimcv-covid19-positive"
    title = "BIMCV-COVID19+"
    overlaps = ("siim-fisabio-covid19",)
    covid = 1


class BimcvNegative(Bimcv):
    """BIMCV-COVID19-: no patient has a positive test."""

    name = "bimcv-covid19-negative"
    title = "BIMCV-COVID19-"
    overlaps = ("siim-fisabio-covid19",)
    covid = 0
