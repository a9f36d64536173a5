"""What was done to a cohort's films when they were read, and what a person should look at; remembered by the cohort."""

import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from radbench.data.cohort import Cohort
from radbench.data.folder import FolderCohort
from radbench.runtime import atomic_write, canonical_json, sha256_bytes

_VERSION: Final = 1
_MOST_ELSEWHERE: Final = 5000
"""Films of other splits that are compared pixel by pixel; beyond it that is said."""
_NUMBER: Final = re.compile(r"\d+(\.\d+)?")
_NAMED: Final = 6


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
    """Return the notes of a folder's films; none for drawn ones. Every film is read once, and not again on a warm run.

    Args:
        cohort: the cohort.
        cache: root of the cache; the notes lie in ``films/`` under it.
    """
    if not isinstance(cohort, FolderCohort):
        return FilmNotes()
    key = sha256_bytes(canonical_json([_VERSION, cohort.digest, cohort.elsewhere_digest]))
    path = cache / "films" / f"{key}.json"
    known = _read(path)
    if known is not None:
        return known
    found = _survey(cohort)
    atomic_write(path, canonical_json(asdict(found)))
    return found


def _survey(cohort: FolderCohort) -> FilmNotes:
    from radbench.data.films import read_film
    from radbench.data.films.survey import FilmSurvey, film_digest

    survey = FilmSurvey()
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
    warnings += [f"{_of(studies, len(cohort.studies))}: {what}" for what, studies in sorted(told.items())]
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
    total = len(cohort.studies)
    words = [f"{len(clauses)} of {total}: {_example(clauses)}" for _, clauses in sorted(done.items())]
    return FilmNotes(words, warnings)


def _example(clauses: Sequence[str]) -> str:
    return clauses[0] if len(set(clauses)) == 1 else f"{clauses[0]} (and alike)"


def _of(studies: Sequence[str], total: int) -> str:
    names = ", ".join(f"study {study}" for study in studies[:_NAMED]) + (
        " ..." if len(studies) > _NAMED else ""
    )
    return f"{len(studies)} of {total} films ({names})"


def _read(path: Path) -> FilmNotes | None:
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
        return FilmNotes(tuple(content["done"]), tuple(content["warnings"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
