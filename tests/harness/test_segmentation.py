"""Segmentations go the same way as classifications: drop, sham, shift and truth in Dice."""

import sys

import numpy as np
import pytest
from audit_world import Cohort, TestSet, Threshold, audit, shift

from radbench.harness.gates import gated
from radbench.harness.result import AuditResult, Verdict
from radbench.harness.result.words import metric_rows
from radbench.models.base import Prediction
from radbench.specs import GatesSpec

METRICS = ("dice", "iou", "hausdorff_95", "average_symmetric_surface_distance")


class Lungs(Cohort):
    """Every image has the same lungs; a healthy one is bright exactly there."""

    def mask(self, study, name):
        assert name == "lungs"
        mask = np.zeros((16, 16), bool)
        mask[4:12, 2:14] = True
        return mask

    def image(self, study):
        image = np.where(self.mask(study, "lungs"), 200, 20).astype(np.uint8)
        image[0, 0] = study.attributes["number"]
        return image

    def counterfactual(self, study, labels, attributes=None):
        return covered(self.image(study), 4)


def covered(image, columns):
    """The lungs with some of their columns white as bone: a segmenter that looks for grey loses them."""
    edited = image.copy()
    edited[4:12, 2 : 2 + columns] = 255
    return edited


class Segmenter(Threshold):
    """Marks what is bright and, if it is ``weak``, not white."""

    task = "segmentation"

    def __init__(self, name, *, weak, **changes):
        super().__init__(name, int(weak), target="lungs", **changes)
        self.weak = weak

    def predict(self, images):
        self.shown += len(images)
        masks = [(image > 100) & ((image < 255) | (not self.weak)) for image in images]
        return Prediction("masks", np.array(masks))


def world(columns=6, sham_columns=0):
    cohort = Lungs(40)
    testset = TestSet(cohort, healed=0)
    studies = {study.study_id: study for study in cohort.studies}
    for number, row in enumerate(testset.records):
        lost = (columns if row.arm == "stress" else sham_columns) + (number // 4) % 2
        row.image = covered(
            cohort.image(studies[row.study_id]), lost if row.arm == "stress" else sham_columns
        )
    return cohort, testset


def lungs(**changes):
    return shift(
        metrics=METRICS,
        task="segmentation",
        target="lungs",
        kind="population",
        sham_prompt="{report}",
        **changes,
    )


def run(tmp_path, models, built=None, **options):
    cohort, testset = built or world()
    return audit(tmp_path, models, cohort=cohort, testset=testset, spec=lungs(), **options)


def test_the_weak_segmenter_falls_and_the_strong_one_holds(tmp_path):
    result = run(tmp_path, [Segmenter("weak", weak=True), Segmenter("strong", weak=False)])
    assert (result.task, result.primary) == ("segmentation", "dice")
    assert result.cohort.positives is None
    weak, strong = result.models
    assert weak.metric("real", "dice").value == 1.0
    dice = np.mean([2 * kept / (kept + 12) for kept in (6, 5)])
    assert weak.metric("stress", "dice").value == pytest.approx(dice, abs=1e-6)
    drop = weak.paired["stress"].drop
    assert drop.value == pytest.approx(1 - dice, abs=1e-6)
    assert drop.low < drop.value < drop.high
    assert weak.verdict is Verdict.FAIL
    assert "Dice changes by -0.37" in weak.reason
    assert (weak.sham_effect.value, strong.paired["stress"].drop.value) == (0.0, 0.0)
    assert weak.shift_effect.value == pytest.approx(drop.value)
    assert weak.truth_gap.value == pytest.approx(dice - 16 / 20, abs=1e-6)
    assert weak.paired["stress"].flip_rate is None
    assert weak.paired["stress"].changes["hausdorff_95"].value == pytest.approx(6.5)
    assert weak.paired["stress"].changes["dice"].value == pytest.approx(-drop.value)
    row = next(row for row in result.cases if row.arm == "stress")
    assert (row.label, row.score, row.decision) == (None, None, None)
    assert row.value == row.figures["dice"] == pytest.approx(2 * 6 / 18, abs=1e-6)
    assert ("stress", "hausdorff_95_change") in {(row.arm, row.metric) for row in metric_rows(result)}


def test_a_mask_that_is_empty_scores_nothing_and_is_counted(tmp_path):
    model = run(tmp_path, [Segmenter("weak", weak=True)], world(columns=11)).models[0]
    stress = model.arms["stress"]
    assert stress.empty == 10  # half of the edits cover all twelve columns
    assert stress.metrics["dice"].n == 20
    assert stress.metrics["dice"].value == pytest.approx((2 / 13) / 2, abs=1e-6)
    assert (stress.missed, model.arms["real"].missed) == (10, 0)
    distance = stress.metrics["hausdorff_95"]
    assert distance.n == 20
    assert distance.value == pytest.approx((16 * 2**0.5 + 11) / 2, abs=1e-5)
    assert distance.note.startswith("10 of 20 missed, counted as the diagonal")
    assert "missed" not in stress.metrics["dice"].note
    assert "missed" not in model.arms["real"].metrics["hausdorff_95"].note
    assert "10 of 20 missed" in model.paired["stress"].changes["hausdorff_95"].note
    assert model.arms["real"].empty == 0
    nothing = run(tmp_path, [Segmenter("weak", weak=True)], world(columns=12)).models[0]
    everywhere = nothing.arms["stress"].metrics["hausdorff_95"]
    assert everywhere.value == pytest.approx(16 * 2**0.5, abs=1e-5)
    assert everywhere.note.startswith("20 of 20 missed")
    assert nothing.metric("stress", "dice").value == 0.0


class Shy(Segmenter):
    """Draws the lungs as they are, and nothing at all in every third image."""

    def predict(self, images):
        drawn = [(image > 100) & (image[0, 0] % 3 > 0) for image in images]
        return Prediction("masks", np.array(drawn))


def test_drawing_nothing_passes_no_gate_on_a_distance(tmp_path):
    rule = {"measure": "metric", "metric": "average_symmetric_surface_distance", "arm": "real", "max": 3}
    spec = GatesSpec.model_validate({"name": "g", "rules": [rule]})
    result = run(tmp_path, [Shy("shy", weak=False), Segmenter("strong", weak=False)])
    shy, strong = gated(result, spec).gates[-2:]
    assert shy.verdict is Verdict.FAIL
    assert (strong.estimate.value, strong.estimate.n) == (0.0, 40)
    assert "14 of 40 missed, counted as the diagonal" in shy.reason
    assert shy.estimate.value == pytest.approx(16 * 2**0.5 * 14 / 40, abs=1e-5)


def test_where_there_is_nothing_to_draw_nothing_is_missed(tmp_path):
    class Bare(Lungs):
        def mask(self, study, name):
            return super().mask(study, name) & (study.attributes["number"] % 2 == 0)

    cohort = Bare(40)
    real = run(tmp_path, [Segmenter("strong", weak=False)], (cohort, TestSet(cohort))).models[0].arms["real"]
    assert real.missed == 0
    assert real.metrics["hausdorff_95"].n == 20
    assert "undefined in 20 of 40 images, where both masks are empty" in real.metrics["hausdorff_95"].note


def test_a_warm_run_needs_neither_model_nor_torch_nor_monai(tmp_path, monkeypatch):
    cold = run(tmp_path, [Segmenter("weak", weak=True)])
    again = Segmenter("weak", weak=True)
    for heavy in ("torch", "monai", "torchmetrics"):
        monkeypatch.setitem(sys.modules, heavy, None)
    warm = run(tmp_path, [again])
    assert again.shown == 0
    assert warm.to_json() == cold.to_json()
    assert AuditResult.from_json(cold.to_json()) == cold


def test_the_sham_is_judged_in_dice(tmp_path):
    built = world(columns=6, sham_columns=2)
    model = run(tmp_path, [Segmenter("weak", weak=True)], built).models[0]
    assert model.sham_effect.value == pytest.approx(1 - 20 / 22, abs=1e-6)
    assert model.verdict is model.instrument.verdict is Verdict.INCONCLUSIVE
    assert "change dice by -0.09" in model.instrument.reason


def test_a_model_that_draws_no_mask_or_another_size_is_an_error(tmp_path):
    class Wrong(Segmenter):
        def predict(self, images):
            return Prediction("masks", np.zeros((len(images), 8, 8), bool))

    model = run(tmp_path, [Wrong("wrong", weak=True)]).models[0]
    assert model.verdict is Verdict.ERROR
    assert "expected [40, 16, 16]" in model.error


def test_no_limit_lies_beyond_what_a_figure_can_be(tmp_path):
    """Few images and one that is far off make a bootstrap-t that reaches beyond 1."""
    cohort, testset = world(columns=0)
    for number, row in enumerate(one for one in testset.records if one.arm == "stress"):
        row.image = covered(cohort.image(cohort.studies[number]), 10 if number in {0, 7} else 0)
    result = run(tmp_path, [Segmenter("weak", weak=True)], (cohort, testset))
    (model,) = result.models
    arm, paired = model.arms["stress"], model.paired["stress"]
    for name in ("dice", "iou"):
        found, change = arm.metrics[name], paired.changes[name]
        assert 0 <= found.low <= found.value <= found.high == 1.0, name
        assert -1 <= change.low <= change.value <= change.high <= 1, name
    assert 0 <= arm.metrics["hausdorff_95"].low < arm.metrics["hausdorff_95"].high
    assert -1 <= paired.drop.low < paired.drop.high <= 1
