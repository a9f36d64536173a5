"""The material of the report's galleries: edited images with masks, truth and scores; rejected ones with reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from radbench.reporting.gallery import GalleryItem, LazyGallery, RejectedItem

if TYPE_CHECKING:
    from radbench.audit.result import AuditResult
    from radbench.cli.looks import Looks
    from radbench.data.cohort import Cohort
    from radbench.testsets.testset import TestSet

Scores = Mapping[tuple[str, str, str], dict[str, float | None]]
"""Scores by model, of one arm ("real" or "stress"), study and scenario."""


def gallery(
    result: "AuditResult", cohort: "Cohort", testset: "TestSet", looks: "Looks | None" = None
) -> LazyGallery:
    """Return the edited images that are judged; the report reads those that it shows.

    Args:
        result: The audit, for the scores.
        cohort: The cohort, for the originals and, where it is known, the truth.
        testset: The test set, for the edited images and the masks.
        looks: Where the models looked; None for no saliency.
    """
    studies = {study.study_id: study for study in cohort.studies}
    records = {(record.study_id, record.scenario): record for record in testset.usable}
    scores = _scores(result)

    def bare(key: tuple[str, str]) -> GalleryItem:
        record = records[key]
        study = studies[record.study_id]
        before = scores.get(("real", record.study_id, ""), {})
        after = scores.get(("stress", record.study_id, record.scenario), {})
        keep = testset.keep_mask(record)
        changed = (record.labels_after, record.attributes_after)
        return GalleryItem(
            study_id=record.study_id,
            scenario=record.scenario,
            original=cohort.image(study),
            edited=testset.image(record),
            edit_mask=testset.edit_mask(record),
            keep_mask=keep if keep.any() else None,
            truth=cohort.counterfactual(study, *changed) if cohort.truth_known else None,
            scores={model: (before.get(model), score) for model, score in after.items()},
            label_after=record.labels_after.get(result.shift.target),
        )

    def load(key: tuple[str, str]) -> GalleryItem:
        item = bare(key)
        return item if looks is None else replace(item, saliency=looks.of(item.edited))

    return LazyGallery(list(records), load, bare)


def rejected_gallery(cohort: "Cohort", testset: "TestSet") -> Iterator[RejectedItem]:
    """Yield an item for each stress edit that was rejected; one rejected before any edit shows the original.

    Args:
        cohort: The cohort, for the originals.
        testset: The test set, for the edited images and the reasons.
    """
    studies = {study.study_id: study for study in cohort.studies}
    for record in testset.of("stress"):
        if record.status == "rejected":
            edited = bool(record.files)
            image = testset.image(record) if edited else cohort.image(studies[record.study_id])
            yield RejectedItem(record.study_id, record.scenario, record.reason, image, edited)


def _scores(result: "AuditResult") -> Scores:
    scores: dict[tuple[str, str, str], dict[str, float | None]] = {}
    for case in result.cases:
        if case.arm in {"real", "stress"}:
            scenario = "" if case.arm == "real" else case.scenario
            scores.setdefault((case.arm, case.study_id, scenario), {})[case.model] = case.score
    return scores
