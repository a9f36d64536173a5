"""How good edits were: scenario by scenario in an audit, and editors side by side on the same edits.

The paper compares editors by eye (Section 4, Figures 2 and 3). Here its claims are numbers: what each editor changes
where, and what the models under test then say. All regions are the scenario's own masks, whether or not an editor
looks at them:

* error inside the edit mask, against the true counterfactual where it is known;
* change in the keep mask and outside both masks, against the source: ideally nothing;
* kept object retained: the share of images in which the object in the keep mask (a drain) has at least half of its
  true contrast against a ring around it (``quality.artefacts.contrast_retained``);
* seam: gradient energy on a ring around the edit mask's border, relative to the source's, and to the true
  counterfactual's where it is known; 1 for none, more for an edge that should not be there;
* the models' primary metric on the edited images.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import JsonValue

from radbench.data.cohort import Cohort, Study
from radbench.harness.arms import Case, Scene
from radbench.harness.result import AuditResult, EditQuality, Estimate, Strict
from radbench.metrics.bootstrap import Draws, draw_patients
from radbench.metrics.intervals import mean, share
from radbench.metrics.points import NO_IMAGES
from radbench.quality.artefacts import contrast_retained, masked_error, seam

if TYPE_CHECKING:
    from radbench.testsets.records import Record
    from radbench.testsets.testset import TestSet

RETAINED: Final = 0.5
"""Share of its true contrast from which a kept object counts as still there."""

REPLICATES: Final = 2000
NO_REGION: Final = "undefined: no image has this region, or its truth is not known"


_FIGURES: Final = (
    "edit_error",
    "source_error",
    "keep_change",
    "outside_change",
    "retained",
    "seam",
    "seam_vs_truth",
)
RECORDED: Final = (
    "editing_score",
    "change_edit",
    "change_keep",
    "change_outside",
    "effect_edit",
    "seam",
    "saturation",
)
"""Measures that were taken when the edit was made, and that decided whether it was kept."""


def edit_quality(scene: Scene) -> list[EditQuality]:
    """Return one row a scenario that has usable edits, in the shift's order; see ``EditQuality``."""
    found = []
    for scenario in scene.shift.scenarios:
        cases = [case for case in scene.cases if case.record.scenario == scenario.name]
        if cases:
            measured = [_measure(scene, case) for case in cases]
            means = {name: _mean(row[name] for row in measured) for name in measured[0]}
            means |= {name: _mean(case.record.measures.get(name) for case in cases) for name in RECORDED}
            found.append(EditQuality(scenario=scenario.name, n=len(cases), **means))
    return found


def _measure(scene: Scene, case: Case) -> dict[str, float | None]:
    testset, record = scene.testset, case.record
    source, edited = scene.square(record.study_id), testset.image(record)
    edit, keep = testset.edit_mask(record), testset.keep_mask(record)
    everywhere = np.ones_like(edit)
    # The kept object is compared with how it truly looks after the edit, its surroundings being edited too.
    reference = source if case.truth is None else case.truth
    found: dict[str, float | None] = {
        "edited_vs_truth": None if case.truth is None else masked_error(edited, case.truth, edit),
        "source_vs_truth": None if case.truth is None else masked_error(source, case.truth, edit),
        "keep_vs_truth": None if case.truth is None else masked_error(edited, case.truth, keep),
        "keep_vs_source": masked_error(edited, source, keep),
        "outside_vs_source": masked_error(edited, source, ~(edit | keep)),
        "reconstruction_vs_source": masked_error(testset.reconstruction(record), source, everywhere),
        "keep_contrast": contrast_retained(reference, edited, keep),
    }
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    known: Sequence[float] = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


class EditorRow(Strict):
    """One editor on one shift; see the module's docstring. Errors and changes are shares of the grey range."""

    editor: str
    n: int
    failed: int
    edit_error: Estimate
    source_error: Estimate
    keep_change: Estimate
    outside_change: Estimate
    retained: Estimate
    seam: Estimate
    seam_vs_truth: Estimate
    models: dict[str, Estimate]
    truth: dict[str, Estimate]
    seconds: float | None = None


class EditorComparison(Strict):
    """Several editors on one shift; ``settings`` are those that all of them share."""

    schema_version: Literal[1] = 1
    tool: dict[str, str]
    shift: str
    title: str
    primary: str
    seed: int
    settings: dict[str, JsonValue]
    rows: list[EditorRow]

    def to_json(self) -> bytes:
        """Return the comparison as UTF-8 JSON with a stable layout."""
        return (self.model_dump_json(indent=2) + "\n").encode()


def editor_row(
    editor: str, cohort: Cohort, testset: "TestSet", result: AuditResult, *, seconds: float | None = None
) -> EditorRow:
    """Measure one editor's test set.

    Args:
        editor: its name.
        cohort: what was edited.
        testset: its edits.
        result: the audit on that test set, for the models' figures.
        seconds: time an image, where it was measured.
    """
    studies = {study.study_id: study for study in cohort.studies}
    records = testset.usable
    counted = {case.study_id: case.patient_id for case in result.cases}
    patients = [counted.get(record.study_id, record.patient_id) for record in records]
    draws = draw_patients(patients, replicates=REPLICATES, seed=result.seed)
    rows = [_measures(cohort, testset, record, studies[record.study_id]) for record in records]
    figures = {
        name: _estimate(draws, patients, [row[name] for row in rows], is_share=name == "retained")
        for name in _FIGURES
    }
    return EditorRow(
        editor=editor,
        n=len(records),
        failed=sum(record.status == "failed" for record in testset.of("stress")),
        models=_primary(result, "stress"),
        truth=_primary(result, "truth"),
        seconds=seconds,
        **figures,
    )


def _measures(cohort: Cohort, testset: "TestSet", record: "Record", study: Study) -> dict[str, float | None]:
    """Return what an editor did to one image; None where the image has no such region, or its truth is not known."""
    source, edited = cohort.image(study), testset.image(record)
    edit, keep = testset.edit_mask(record), testset.keep_mask(record)
    truth = None
    if cohort.truth_known:
        truth = cohort.counterfactual(study, record.labels_after, record.attributes_after)
    kept = contrast_retained(source if truth is None else truth, edited, keep)
    return {
        "edit_error": None if truth is None else masked_error(edited, truth, edit & ~keep),
        "source_error": None if truth is None else masked_error(source, truth, edit & ~keep),
        "keep_change": masked_error(edited, source, keep),
        "outside_change": masked_error(edited, source, ~(edit | keep)),
        "retained": None if kept is None else float(kept >= RETAINED),
        "seam": seam(source, edited, edit),
        "seam_vs_truth": None if truth is None else seam(truth, edited, edit),
    }


def _estimate(
    draws: Draws, patients: Sequence[str], values: Sequence[float | None], *, is_share: bool
) -> Estimate:
    known = [index for index, value in enumerate(values) if value is not None]
    if not known:
        return Estimate.undefined(NO_REGION if patients else NO_IMAGES)
    numbers = np.array([values[index] for index in known], dtype=np.float64)
    places = draws.places([patients[index] for index in known])
    found = mean(draws, places, numbers, (0.0, math.inf))
    if is_share:
        found = share(draws, places, numbers == 1.0)
    return Estimate.of(float(numbers.mean()), found.interval(), len(known))


def _primary(result: AuditResult, arm: str) -> dict[str, Estimate]:
    return {
        model.name: model.arms[arm].metrics[result.primary] for model in result.models if arm in model.arms
    }
