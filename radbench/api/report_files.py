"""An audit's files and the pictures in them: edited images with masks, truth and scores; rejected ones with reasons."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from radbench.api.gates import ci_files
from radbench.api.job import Audited
from radbench.data.cohort import GrayImage, Pixels
from radbench.models.saliency_maps import SaliencyMaps
from radbench.plots import Plots
from radbench.report.gallery import GalleryItem, LazyGallery, RejectedItem
from radbench.report.identity import deidentified
from radbench.report.outputs import write_outputs
from radbench.testsets.composite import put_back

if TYPE_CHECKING:
    from radbench.data.cohort import Cohort, Study
    from radbench.harness.result import AuditResult
    from radbench.testsets.records import Record
    from radbench.testsets.testset import TestSet

Scores = Mapping[tuple[str, str, str], dict[str, float | None]]
"""Scores by model, of one arm ("real" or "stress"), study and scenario."""


def gallery(
    result: "AuditResult",
    cohort: "Cohort",
    testset: "TestSet",
    maps: "SaliencyMaps | None" = None,
    *,
    native: bool = False,
) -> LazyGallery:
    """Return the edited images that are judged; the report reads those that it shows.

    Args:
        result: The audit, for the scores.
        cohort: The cohort, for the originals and, where it is known, the truth.
        testset: The test set, for the edited images and the masks.
        maps: Where the models looked; None for no saliency.
        native: Whether the models saw films with the edit put back, and not the edited squares; shown is the square
            of what they saw.
    """
    studies = {study.study_id: study for study in cohort.studies}
    records = {(record.study_id, record.scenario): record for record in testset.usable}
    scores = _scores(result)

    def seen(record: "Record") -> Pixels:
        square = testset.image(record)
        return put_back(cohort, testset, studies[record.study_id], record, square) if native else square

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
            edited=_square(cohort, study, seen(record), native=native),
            edit_mask=testset.edit_mask(record),
            keep_mask=keep if keep.any() else None,
            truth=cohort.counterfactual(study, *changed) if cohort.truth_known else None,
            scores={model: (before.get(model), score) for model, score in after.items()},
            label_after=record.labels_after.get(result.shift.target),
        )

    def load(key: tuple[str, str]) -> GalleryItem:
        item = bare(key)
        if maps is None:
            return item
        framing = cohort.framing(studies[records[key].study_id]) if native else None
        looked = maps.of(seen(records[key]))
        if framing is not None:
            looked = {model: framing.geometry.plane(heat) for model, heat in looked.items()}
        return replace(item, saliency=looked)

    return LazyGallery(list(records), load, bare)


def _square(cohort: "Cohort", study: "Study", shown: Pixels, *, native: bool) -> GrayImage:
    """Return what was shown to the models as the square that the page shows."""
    framing = cohort.framing(study) if native else None
    return np.asarray(shown, np.uint8) if framing is None else framing.square(shown)


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
    for case in [*result.cases, *result.originals]:
        if case.arm in {"real", "stress"}:
            scenario = "" if case.arm == "real" else case.scenario
            scores.setdefault((case.arm, case.study_id, scenario), {})[case.model] = case.score
    return scores


def write(
    found: Audited,
    folder: Path,
    cache: Path,
    *,
    identifiers: bool = False,
    sidecar: bool = False,
    figures: bool = False,
) -> Path:
    """Write an audit's files, all or none; return the report's path.

    Args:
        found: The audit.
        folder: Where to; made if missing.
        cache: The cache's root, where the maps of what models looked at are kept.
        identifiers: Name studies and patients; otherwise running numbers stand for them in every file.
        sidecar: Also write every edited image.
        figures: Also write the figures as SVG and PNG, for papers, into ``figures/``.

    Raises:
        UsageError: The folder cannot be written.
    """
    opened, result = found.opened, found.result
    maps = SaliencyMaps(opened.everyone, cache)
    shown = gallery(result, opened.cohort, found.testset, maps, native=opened.job.shift.composite == "native")
    report = write_outputs(
        result,
        shown,
        folder,
        rejected_gallery(opened.cohort, found.testset),
        identifiers=identifiers,
        sidecar=sidecar,
        beside=ci_files([result if identifiers else deidentified(result)]),
    )
    if figures:
        Plots(result).save(folder / "figures")
    return report
