"""The material of the report's gallery: every edited image with its masks, its truth and its scores."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from radbench.reporting.gallery import GalleryItem

if TYPE_CHECKING:
    from radbench.audit.result import AuditResult
    from radbench.data.cohort import Cohort
    from radbench.testsets.testset import TestSet

Scores = Mapping[tuple[str, str, str], dict[str, float | None]]
"""Scores by model, of one arm ("real" or "stress"), study and scenario."""


def gallery(result: "AuditResult", cohort: "Cohort", testset: "TestSet") -> Iterator[GalleryItem]:
    """Yield an item for each edited image that is in the test set; the report chooses among them.

    Args:
        result: The audit, for the scores.
        cohort: The cohort, for the originals and, where it is known, the truth.
        testset: The test set, for the edited images and the masks.
    """
    studies = {study.study_id: study for study in cohort.studies}
    scores = _scores(result)
    for record in testset.usable:
        study = studies[record.study_id]
        before = scores.get(("real", record.study_id, ""), {})
        after = scores.get(("stress", record.study_id, record.scenario), {})
        keep = testset.keep_mask(record)
        yield GalleryItem(
            study_id=record.study_id,
            scenario=record.scenario,
            original=cohort.image(study),
            edited=testset.image(record),
            edit_mask=testset.edit_mask(record),
            keep_mask=keep if keep.any() else None,
            truth=cohort.counterfactual(study, record.labels_after) if cohort.truth_known else None,
            scores={model: (before.get(model), score) for model, score in after.items()},
            label_after=record.labels_after.get(result.shift.target),
        )


def _scores(result: "AuditResult") -> Scores:
    scores: dict[tuple[str, str, str], dict[str, float | None]] = {}
    for case in result.cases:
        if case.arm in {"real", "stress"}:
            scenario = "" if case.arm == "real" else case.scenario
            scores.setdefault((case.arm, case.study_id, scenario), {})[case.model] = case.score
    return scores
