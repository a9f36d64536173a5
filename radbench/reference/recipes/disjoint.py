"""No patient, and no film, may both train a model and choose its best epoch."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from radbench.errors import UsageError
from radbench.reference.recipes.films import IMAGE_DIGEST, Films
from radbench.specs import CohortSpec

_SHOWN: Final = 3


def dataset_of(part: CohortSpec, resolved: Path | None) -> str:
    """Return what a cohort's patient ids are unique in: the embedded world, a dataset, or a folder.

    Args:
        part: the declared cohort.
        resolved: where its path leads, None where it has none.
    """
    if part.is_phantom:
        return "phantom"
    return part.cohort if resolved is None else f"{part.cohort.partition(':')[0]}:{resolved.resolve()}"


def refuse_shared(train: Sequence[Films], val: Sequence[Films]) -> None:
    """Refuse patients, and films pixel by pixel the same, that are in the training and in the validation cohorts.

    Patients are compared within one dataset: two datasets may call one person by two names, or two by one. Films are
    compared whatever they are called.

    Raises:
        UsageError: there is one; the sentence counts them and names three.
    """
    patients = sorted(_patients(train) & _patients(val))
    if patients:
        listed = ", ".join(patient for _, patient in patients[:_SHOWN])
        raise UsageError(
            f"{len(patients)} patients of '{patients[0][0]}' are both in the training and in the validation cohorts "
            f"({listed}{', ...' if len(patients) > _SHOWN else ''}); expected none: choose splits by patient "
            "(a dataset: 'make_splits')."
        )
    same = sorted(_films(train).keys() & _films(val).keys())
    if same:
        first, second = _films(train)[same[0]], _films(val)[same[0]]
        raise UsageError(
            f"{len(same)} films are, pixel by pixel, both in the training and in the validation cohorts ('{first}' and "
            f"'{second}' among them); expected none: leave one of the two out."
        )


def repeated_films(films: Iterable[Films]) -> int:
    """Return how many films are copies, pixel by pixel, of another of these."""
    counts = Counter(image for part in films for image in _images(part))
    return sum(count - 1 for count in counts.values())


def _patients(parts: Sequence[Films]) -> set[tuple[str, str]]:
    return {(part.dataset, study.patient_id) for part in parts for study in part.studies}


def _films(parts: Sequence[Films]) -> dict[bytes, str]:
    return {
        image: study.study_id
        for part in parts
        for image, study in zip(_images(part), part.studies, strict=True)
    }


def _images(part: Films) -> list[bytes]:
    return [bytes(row[:IMAGE_DIGEST]) for row in part.rows]
