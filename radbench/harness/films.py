"""What a cohort's films say beside their picture: odd ones, the same film under several patients, pixel spacing.

One film is one observation, whatever it is called. Patients are resampled because the images of one are not
independent. A film that stands in a cohort under twelve patients is not twelve observations either, so patients who
share a film (pixel by pixel) are joined, directly or by way of others, and count as one patient in every interval and
test.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

from numpy.typing import NDArray

from radbench.data.cohort import Cohort, Study
from radbench.data.compared import ComparedCohorts
from radbench.data.folder import FolderCohort
from radbench.data.images import array_digest
from radbench.data.joined import JoinedCohort
from radbench.runtime import atomic_write, canonical_json, sha256_bytes

_VERSION: Final = 1
_MOST_ELSEWHERE: Final = 5000
"""Films of other splits that are compared pixel by pixel; beyond it that is said."""
_NUMBER: Final = re.compile(r"\d+(\.\d+)?")
_STUDY: Final = re.compile(r"\b([Ss]tudy) (?=\w)")
NAMED: Final = 6
"""Most studies that a warning names."""
Spacing: TypeAlias = tuple[float, float]
"""From row to row and from column to column, in millimetres."""


@dataclass(frozen=True)
class FilmNotes:
    """Sentences about a cohort's films.

    Attributes:
        done: what was done to the stored values, with the number of films.
        warnings: what a person should look at.
    """

    done: Sequence[str] = ()
    warnings: Sequence[str] = ()


def film_notes(cohort: Cohort, cache: Path) -> FilmNotes:
    """Return what was done to a folder's films on reading, and what is odd about them; none for drawn ones.

    Every film is read once, and not again on a warm run.

    Args:
        cohort: the cohort.
        cache: root of the cache; the notes lie in ``films/`` under it.
    """
    if isinstance(cohort, ComparedCohorts):
        parts = {side: film_notes(part, cache) for side, part in cohort.parts.items()}
        done, warnings = (
            [_of_side(side, words) for side, notes in parts.items() for words in getattr(notes, name)]
            for name in ("done", "warnings")
        )
        return FilmNotes(done, warnings)
    if isinstance(cohort, JoinedCohort):
        told = [film_notes(part, cache) for part in cohort.parts.values()]
        return FilmNotes([d for one in told for d in one.done], [w for one in told for w in one.warnings])
    if not isinstance(getattr(cohort, "whole", cohort), FolderCohort):
        return FilmNotes()
    folder: Any = cohort  # or some of its studies, described otherwise
    key = sha256_bytes(canonical_json([_VERSION, folder.digest, folder.elsewhere_digest]))
    path = cache / "films" / f"{key}.json"
    known = _read(path)
    if known is not None:
        return known
    found = _survey(folder)
    atomic_write(path, canonical_json(asdict(found)))
    return found


def _of_side(side: str, words: str) -> str:
    """Return a sentence about the films of cohort A or B, with its studies as they are called there."""
    return f"Cohort {side}: " + _STUDY.sub(rf"\1 {side}:", words)


def _survey(cohort: Any) -> FilmNotes:
    from radbench.data.films import read_film
    from radbench.data.films.survey import FilmSurvey, film_digest

    survey = FilmSurvey()
    total = len(cohort.studies)
    done: dict[str, list[str]] = {}
    told: dict[str, list[str]] = {}
    seen: dict[str, str] = {}
    for study in cohort.studies:
        film = cohort.read(study)
        survey.add(study.study_id, study.patient_id, cohort.split(study), film)
        seen.setdefault(film_digest(film.pixels), study.study_id)
        for clause in film.provenance:
            done.setdefault(_NUMBER.sub("#", clause), []).append(clause)
        for warning in film.warnings:
            if not warning.startswith("The film is constant"):  # the survey names these
                told.setdefault(_NUMBER.sub("#", warning), []).append(study.study_id)
    # studies of one film are named where they are joined to one patient
    odd = [words for words in survey.warnings() if not words.startswith("The same pixels")]
    warnings = [*cohort.notes, *odd]
    for what, studies in sorted(told.items()):
        names = ", ".join(f"study {study}" for study in studies[:NAMED])
        more = " ..." if len(studies) > NAMED else ""
        warnings.append(f"{len(studies)} of {total} films ({names}{more}): {what}")
    others = cohort.elsewhere
    if len(others) > _MOST_ELSEWHERE:
        warnings.append(f"{len(others)} films of other splits were not compared with these.")
    else:
        for study, split, image in others:
            twin = seen.get(film_digest(read_film(image).pixels))
            if twin is not None:
                warnings.append(
                    f"The same pixels are in two splits: study {twin} here and study {study.study_id} (patient "
                    f"{study.patient_id}) in '{split}'."
                )
    alike = {name: " (and alike)" if len(set(clauses)) > 1 else "" for name, clauses in done.items()}
    words = [f"{len(some)} of {total}: {some[0]}{alike[name]}" for name, some in sorted(done.items())]
    return FilmNotes(words, warnings)


def _read(path: Path) -> FilmNotes | None:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        return FilmNotes(tuple(content["done"]), tuple(content["warnings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


@dataclass(frozen=True)
class Clusters:
    """Who counts as one patient.

    Attributes:
        of: patient -> what the patient counts as: itself, or all who are joined with it, such as "p1+p2".
        warnings: one sentence for every film that stands under several patients, or with opposite labels.
    """

    of: Mapping[str, str]
    warnings: tuple[str, ...] = field(default=())


def find_clusters(
    studies: Sequence[Study], load: Callable[[Study], NDArray[Any]], target: str | None = None
) -> Clusters:
    """Join the patients whose films are the same, pixel by pixel.

    Args:
        studies: the studies that are measured.
        load: a study's film, [H, W].
        target: the label of which opposite values are named; None for a segmentation.
    """
    same: dict[str, list[Study]] = {}
    for study in studies:
        same.setdefault(array_digest(load(study)), []).append(study)
    twins = [found for found in same.values() if len(found) > 1]
    joined = {study.patient_id: [study.patient_id] for study in studies}
    for found in twins:
        group = sorted({patient for study in found for patient in joined[study.patient_id]})
        joined.update(dict.fromkeys(group, group))
    names = {patient: _name(group) for patient, group in joined.items()}
    said = [words for found in twins if (words := _warning(found, target))]
    return Clusters(names, tuple(said))


def _name(patients: Sequence[str]) -> str:
    """Return what joined patients are called; no two groups share their first patient."""
    more = [f"{len(patients) - 3}-more"] if len(patients) > 3 else []
    return "+".join([*patients[:3], *more])


def _warning(twins: Sequence[Study], target: str | None) -> str:
    """Return what is odd about studies of one film, "" for several of one patient with one label."""
    patients = len({study.patient_id for study in twins})
    labels = {study.labels.get(target) for study in twins} if target is not None else set()
    if patients == 1 and len(labels) < 2:
        return ""
    opposite = len(labels) > 1
    listed = ", ".join(
        f"study {study.study_id}{f' ({target} {study.labels.get(target)})' if opposite and target else ''}"
        for study in twins[:NAMED]
    )
    more = f" and {len(twins) - NAMED} more" if len(twins) > NAMED else ""
    under = f" under {patients} patients, counted as one patient in every interval" if patients > 1 else ""
    labelled = ", with opposite labels: at least one of them is wrong" if opposite else ""
    return f"The same pixels stand in {len(twins)} studies{under}{labelled}: {listed}{more}."


def spacing_of(cohort: Cohort, study: Study, shape: tuple[int, int]) -> Spacing | None:
    """Return the spacing of a study's masks; None where its film's is not known.

    A cohort may say with ``spacing(study) -> (rows, columns) | None`` how far apart the pixels of the original film
    are. Masks of another size than the film have gone through the cohort's ``framing(study)``, whose resize is
    allowed for.

    Args:
        cohort: the cohort.
        study: one of its studies.
        shape: height and width of the study's masks.
    """
    tell = getattr(cohort, "spacing", None)
    found = None if tell is None else tell(study)
    if found is None or not _usable(found):
        return None
    rows, columns = float(found[0]), float(found[1])
    framing = cohort.framing(study)
    geometry = None if framing is None else framing.geometry
    if geometry is None or (geometry.height, geometry.width) == tuple(shape):
        return rows, columns
    tall, wide = geometry.resized
    return rows * geometry.height / tall, columns * geometry.width / wide


def all_known(cohort: Cohort, studies: Sequence[Study]) -> bool:
    """Whether the spacing of every study's film is known; a mean over some of them would mislead."""
    tell = getattr(cohort, "spacing", None)
    return tell is not None and all(_usable(tell(study)) for study in studies)


def _usable(spacing: Spacing | None) -> bool:
    return spacing is not None and min(spacing) > 0
