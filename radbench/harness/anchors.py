"""Anchors: real films that already show what a scenario's edit makes, as one more arm.

They come from the shift's own cohort or from another one. Patients are what is resampled, so whoever is in both the
real set and among the anchors is one patient: an anchor of the same cohort keeps its patient's name, one of another
cohort gets the cohort's name before it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from radbench.data.cohort import Cohort, Mask, Pixels, Study
from radbench.errors import UsageError
from radbench.harness.films import Spacing, spacing_of
from radbench.harness.result.material import AnchorSummary
from radbench.metrics.bootstrap import Draws, draw_patients, side_by_side
from radbench.specs import Scenario, ShiftSpec
from radbench.testsets.selection import in_order, knows_target

if TYPE_CHECKING:
    from radbench.harness.arms import ArmImages, Scene


@dataclass(frozen=True)
class AnchorSet:
    """The anchors of one scenario.

    Attributes:
        scenario: its name.
        cohort: that the films are of.
        studies: as the audit names them, in a fixed order.
        own: by the audit's study id, the study as its cohort names it.
        margin: largest difference of the primary metric that counts as none.
        unlabelled: films that were selected and have no label (of a segmentation, no mask) of the target.
    """

    scenario: str
    cohort: Cohort
    studies: tuple[Study, ...]
    own: Mapping[str, Study]
    margin: float
    unlabelled: int = 0


def anchor_set(
    shift: ShiftSpec,
    scenario: Scenario,
    cohort: Cohort,
    *,
    most: int | None = None,
    seed: int = 0,
    study_prefix: str = "",
    patient_prefix: str = "",
) -> AnchorSet:
    """Return the anchors of a scenario, held against what its edit makes.

    Args:
        shift: the shift.
        scenario: one of its scenarios, with an ``anchor``.
        cohort: the films that the anchor selects.
        most: anchors at most; None for all.
        seed: of the choice among more.
        study_prefix: what stands before the ids of studies.
        patient_prefix: likewise of patients; "" where they are patients of the shift's cohort.

    Raises:
        UsageError: no film has the target's label (or mask), or one has another label than the edit makes.
    """
    if scenario.anchor is None:
        raise ValueError(f"Scenario {scenario.name} declares no anchor.")
    known = [study for study in cohort.studies if knows_target(shift, cohort, study)]
    what = "mask" if shift.task == "segmentation" else "label"
    who = f"The anchor of scenario '{scenario.name}'"
    if not known:
        raise UsageError(
            f"{who} selects {len(cohort.studies)} films of cohort '{cohort.name}', none of them with a {what} of "
            f"'{shift.target}'; anchors need one, so select others or take another cohort."
        )
    after = scenario.labels_after.get(shift.target)
    wrong = [study for study in known if what == "label" and study.labels[shift.target] != after]
    if wrong:
        raise UsageError(
            f"{who} selects {len(wrong)} of {len(known)} films of cohort '{cohort.name}' with {shift.target} "
            f"{wrong[0].labels[shift.target]} (study {wrong[0].study_id} among them), expected {after}, which the edit "
            f"makes; add {shift.target}: {after} to its select."
        )
    chosen = known if most is None or most >= len(known) else in_order(known, seed)[:most]
    named = [
        replace(
            study,
            study_id=f"{study_prefix}{study.study_id}",
            patient_id=f"{patient_prefix}{study.patient_id}",
        )
        for study in chosen
    ]
    own = {name.study_id: study for name, study in zip(named, chosen, strict=True)}
    left_out = len(cohort.studies) - len(known)
    return AnchorSet(scenario.name, cohort, tuple(named), own, scenario.anchor.margin, left_out)


def anchor_film(anchors: AnchorSet, study_id: str, *, native: bool) -> Pixels:
    """Return what a model sees of an anchor: the film as it was stored, or the editor's square."""
    own = anchors.own[study_id]
    return anchors.cohort.film(own) if native else anchors.cohort.image(own)


def anchor_arm(scene: "Scene") -> "ArmImages":
    """Return the anchors of all scenarios, in the scenarios' order, as one arm."""
    from radbench.harness.arms import ArmImages

    every = [(anchors, study) for anchors in scene.anchors for study in anchors.studies]
    native, target = scene.native, scene.shift.target

    def mask(index: int) -> Mask:
        anchors, study = every[index]
        own = anchors.own[study.study_id]
        return anchors.cohort.native_mask(own, target) if native else anchors.cohort.mask(own, target)

    def spacing(index: int) -> Spacing:
        anchors, study = every[index]
        height, width = mask(index).shape
        found = spacing_of(anchors.cohort, anchors.own[study.study_id], (height, width))
        if found is None:
            raise ValueError(f"The spacing of study {study.study_id} was known and is not any more.")
        return found

    return ArmImages(
        arm="anchor",
        study_ids=tuple(study.study_id for _, study in every),
        patient_ids=tuple(scene.patient(study) for _, study in every),
        scenarios=tuple(anchors.scenario for anchors, _ in every),
        doses=("",) * len(every),
        labels=None if scene.segments else np.array([scene.label(study) for _, study in every], np.int64),
        load=lambda index: anchor_film(every[index][0], every[index][1].study_id, native=native),
        mask=mask if scene.segments else None,
        spacing=spacing if scene.millimetres else None,
    )


def draw_everyone(scene: "Scene", *, replicates: int, seed: int) -> Draws:
    """Return the draw of all patients: those of the real set as ever, and beside them those of the anchors alone.

    The two groups are drawn apart, so that anchors change no other figure of the audit.
    """
    real = {scene.patient(study) for study in scene.studies.values()}
    draws = draw_patients(real, replicates=replicates, seed=seed)
    further = {scene.patient(study) for anchors in scene.anchors for study in anchors.studies} - real
    if not further:
        return draws
    return side_by_side(draws, draw_patients(further, replicates=replicates, seed=(seed, 1)))


def summarise_anchors(scene: "Scene") -> list[AnchorSummary]:
    """Return what the anchors of each scenario are, and how many of their patients are also in the real set."""
    real = {scene.patient(study) for study in scene.studies.values()}
    edited = {(case.record.scenario, scene.patient(case.study)) for case in scene.cases}
    found = []
    for anchors in scene.anchors:
        patients = {scene.patient(study) for study in anchors.studies}
        spec = scene.scenarios[anchors.scenario].anchor
        found.append(
            AnchorSummary(
                scenario=anchors.scenario,
                cohort=anchors.cohort.name,
                digest=anchors.cohort.digest,
                select={} if spec is None else dict(spec.select),
                margin=anchors.margin,
                studies=len(anchors.studies),
                patients=len(patients),
                unlabelled=anchors.unlabelled,
                in_real=len(patients & real),
                edited=len({patient for name, patient in edited if name == anchors.scenario} & patients),
            )
        )
    return found
