"""Editors side by side on the same edits: what each changes where, and what the models under test then say.

The paper compares editors by eye (Section 4, Figures 2 and 3). Here its claims are numbers. All regions are the
scenario's own masks, whether or not an editor looks at them:

* error inside the edit mask, against the true counterfactual where it is known;
* change in the keep mask and outside both masks, against the source: ideally nothing;
* kept object retained: the share of images in which the object in the keep mask (a drain) has at least half of its
  true contrast against a ring around it (``quality.artefacts.contrast_retained``);
* seam: gradient energy on a ring around the edit mask's border, relative to the source's, and to the true
  counterfactual's where it is known; 1 for none, more for an edge that should not be there;
* the models' primary metric on the edited images.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np
from pydantic import JsonValue

from radbench.data.cohort import Cohort, GrayImage, Mask, Study
from radbench.harness.result import AuditResult, Estimate, Strict
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


@dataclass(frozen=True)
class _Seen:
    """The pictures of one edit."""

    source: GrayImage
    edited: GrayImage
    truth: GrayImage | None
    edit: Mask
    keep: Mask


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
    values: dict[str, list[float | None]] = {name: [] for name in _MEASURES}
    for record in records:
        pictures = _pictures(cohort, testset, record, studies[record.study_id])
        for name, measure in _MEASURES.items():
            values[name].append(measure(pictures))
    figures = {
        name: _estimate(draws, patients, found, is_share=name == "retained") for name, found in values.items()
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


def _pictures(cohort: Cohort, testset: "TestSet", record: "Record", study: Study) -> _Seen:
    after = (record.labels_after, record.attributes_after)
    return _Seen(
        source=cohort.image(study),
        edited=testset.image(record),
        truth=cohort.counterfactual(study, *after) if cohort.truth_known else None,
        edit=testset.edit_mask(record),
        keep=testset.keep_mask(record),
    )


def _edit_error(seen: _Seen) -> float | None:
    return None if seen.truth is None else masked_error(seen.edited, seen.truth, seen.edit & ~seen.keep)


def _source_error(seen: _Seen) -> float | None:
    return None if seen.truth is None else masked_error(seen.source, seen.truth, seen.edit & ~seen.keep)


def _retained(seen: _Seen) -> float | None:
    reference = seen.source if seen.truth is None else seen.truth
    found = contrast_retained(reference, seen.edited, seen.keep)
    return None if found is None else float(found >= RETAINED)


_MEASURES: Mapping[str, Callable[[_Seen], float | None]] = {
    "edit_error": _edit_error,
    "source_error": _source_error,
    "keep_change": lambda seen: masked_error(seen.edited, seen.source, seen.keep),
    "outside_change": lambda seen: masked_error(seen.edited, seen.source, ~(seen.edit | seen.keep)),
    "retained": _retained,
    "seam": lambda seen: seam(seen.source, seen.edited, seen.edit),
    "seam_vs_truth": lambda seen: None if seen.truth is None else seam(seen.truth, seen.edited, seen.edit),
}


def _estimate(
    draws: Draws, patients: Sequence[str], values: Sequence[float | None], *, is_share: bool
) -> Estimate:
    known = [index for index, value in enumerate(values) if value is not None]
    if not known:
        return Estimate(value=None, n=0, note=NO_REGION if patients else NO_IMAGES)
    numbers = np.array([values[index] for index in known], dtype=np.float64)
    places = draws.places([patients[index] for index in known])
    found = (
        share(draws, places, numbers == 1.0) if is_share else mean(draws, places, numbers, (0.0, math.inf))
    )
    low, high, note = found.interval()
    return Estimate(value=float(numbers.mean()), low=low, high=high, n=len(known), note=note)


def _primary(result: AuditResult, arm: str) -> dict[str, Estimate]:
    return {
        model.name: model.arms[arm].metrics[result.primary] for model in result.models if arm in model.arms
    }
