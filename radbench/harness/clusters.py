"""The same pixels under several patients: one film is one observation, whatever it is called.

Patients are resampled because the images of one are not independent. A film that stands in a cohort under twelve
patients is not twelve observations either, so patients who share a film (pixel by pixel) are joined, directly or by way
of others, and count as one patient in every interval and test.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from radbench.data.cohort import Study

NAMED: Final = 6
"""Most studies that a warning names."""


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
        same.setdefault(_digest(load(study)), []).append(study)
    twins = [found for found in same.values() if len(found) > 1]
    leader = {study.patient_id: study.patient_id for study in studies}

    def root(patient: str) -> str:
        while leader[patient] != patient:
            leader[patient] = leader[leader[patient]]
            patient = leader[patient]
        return patient

    for found in twins:
        for study in found[1:]:
            first, second = sorted((root(found[0].patient_id), root(study.patient_id)))
            leader[second] = first
    joined: dict[str, list[str]] = {}
    for patient in sorted(leader):
        joined.setdefault(root(patient), []).append(patient)
    names = {patient: _name(group) for group in joined.values() for patient in group}
    said = [words for found in twins if (words := _warning(found, target))]
    return Clusters(names, tuple(said))


def _digest(film: NDArray[Any]) -> str:
    header = f"{film.dtype.str}:{'x'.join(map(str, film.shape))}:".encode()
    return hashlib.sha256(header + np.ascontiguousarray(film).tobytes()).hexdigest()


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
