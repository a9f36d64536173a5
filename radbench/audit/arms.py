"""The sets of images that a model is shown: real, reconstructed, edited, and truly rendered."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from radbench.audit.result import ALL_SCENARIOS, Arm
from radbench.data.cohort import Cohort, GrayImage, Study
from radbench.errors import UsageError
from radbench.specs import ShiftSpec

if TYPE_CHECKING:
    from radbench.testsets.records import Record
    from radbench.testsets.testset import TestSet


@dataclass(frozen=True)
class ArmImages:
    """One arm, before any model has seen it.

    Attributes:
        arm: which.
        study_ids: [N].
        patient_ids: [N].
        scenarios: [N], "all" in the real arm.
        labels: int64 [N], the target's label in this arm, 0 or 1.
        load: image number -> uint8 [H, W].
    """

    arm: Arm
    study_ids: tuple[str, ...]
    patient_ids: tuple[str, ...]
    scenarios: tuple[str, ...]
    labels: NDArray[np.int64]
    load: Callable[[int], GrayImage]

    def __len__(self) -> int:
        return len(self.study_ids)


@dataclass(frozen=True)
class Case:
    """One usable edit with the study it came from and, where it is known, its true counterfactual."""

    record: "Record"
    study: Study
    truth: GrayImage | None


class Scene:
    """A shift's cohort and test set, joined study by study.

    Images of the cohort are kept while they are likely to be wanted again (drawing one may be slow).

    Raises:
        UsageError: a record of a study that the cohort does not have, or a study without the target's label.
    """

    def __init__(self, shift: ShiftSpec, cohort: Cohort, testset: "TestSet") -> None:
        self.shift = shift
        self.cohort = cohort
        self.testset = testset
        self.studies: dict[str, Study] = {study.study_id: study for study in cohort.studies}
        self.source = lru_cache(maxsize=512)(self._source)
        usable = [record for record in testset.records if record.status == "ok"]
        self.cases = [self._case(record) for record in usable]

    def label(self, study: Study) -> int:
        """Return the study's real label of the target."""
        if self.shift.target not in study.labels:
            raise UsageError(
                f"Study '{study.study_id}' of cohort '{self.cohort.name}' has no label "
                f"'{self.shift.target}', which shift '{self.shift.name}' measures; it has "
                f"{', '.join(sorted(study.labels)) or 'none'}."
            )
        return int(study.labels[self.shift.target])

    def label_after(self, case: Case) -> int:
        """Return the target's label after the edit: as declared, or the real one if it is unchanged."""
        return int(case.record.labels_after.get(self.shift.target, self.label(case.study)))

    def arms(self) -> dict[Arm, ArmImages]:
        """Return the arms that can be shown; those of edited studies only if there are any."""
        found = {"real": self._real()}
        if self.cases:
            edited, rebuilt = self.testset.image, self.testset.reconstruction
            cases = self.cases
            found["reconstruction"] = self._edited(
                "reconstruction", cases, lambda index: rebuilt(cases[index].record)
            )
            found["stress"] = self._edited("stress", cases, lambda index: edited(cases[index].record))
        known = [(case, case.truth) for case in self.cases if case.truth is not None]
        if known:
            found["truth"] = self._edited("truth", [case for case, _ in known], lambda index: known[index][1])
        return {images.arm: images for images in found.values()}

    def _real(self) -> ArmImages:
        studies = list(self.studies.values())
        return ArmImages(
            arm="real",
            study_ids=tuple(study.study_id for study in studies),
            patient_ids=tuple(study.patient_id for study in studies),
            scenarios=(ALL_SCENARIOS,) * len(studies),
            labels=np.array([self.label(study) for study in studies], np.int64),
            load=lambda index: self.source(studies[index].study_id),
        )

    def _edited(self, arm: Arm, cases: Sequence[Case], load: Callable[[int], GrayImage]) -> ArmImages:
        label = (lambda case: self.label(case.study)) if arm == "reconstruction" else self.label_after
        return ArmImages(
            arm=arm,
            study_ids=tuple(case.study.study_id for case in cases),
            patient_ids=tuple(case.study.patient_id for case in cases),
            scenarios=tuple(case.record.scenario for case in cases),
            labels=np.array([label(case) for case in cases], np.int64),
            load=load,
        )

    def _source(self, study_id: str) -> GrayImage:
        return self.cohort.image(self.studies[study_id])

    def _case(self, record: "Record") -> Case:
        study = self.studies.get(record.study_id)
        if study is None:
            raise UsageError(
                f"The test set {self.testset.key[:12]} edits study '{record.study_id}', which cohort "
                f"'{self.cohort.name}' does not have; build it from this cohort."
            )
        truth = self.cohort.counterfactual(study, record.labels_after) if self.cohort.truth_known else None
        return Case(record, study, truth)
