"""Millimetres: only where every film's spacing is known, and at the size at which the masks are compared."""

import pytest
from audit_world import TestSet
from test_segmentation import Lungs, Segmenter, Shy, lungs, run

from radbench.data.framing import Framing
from radbench.data.geometry import Geometry
from radbench.harness.films import all_known, spacing_of
from radbench.harness.gates import gated
from radbench.harness.result import Verdict
from radbench.specs import GatesSpec


class Ruled(Lungs):
    """Every film is known to have pixels of half a millimetre, or all but ``unknown``."""

    unknown = None

    def spacing(self, study):
        return None if study.study_id == self.unknown else (0.5, 0.5)


def rules(**limit):
    rule = {"measure": "metric", "metric": "hausdorff_95_mm", "arm": "real"} | limit
    return GatesSpec.model_validate({"name": "g", "rules": [rule]})


def test_distances_are_given_in_millimetres_beside_the_pixels(tmp_path):
    cohort = Ruled(40)
    result = run(tmp_path, [Shy("shy", weak=False)], (cohort, TestSet(cohort)))
    metrics = result.models[0].arms["real"].metrics
    assert list(metrics) == [
        "dice", "iou", "hausdorff_95", "average_symmetric_surface_distance", "hausdorff_95_mm",
        "average_symmetric_surface_distance_mm",
    ]  # fmt: skip
    for name in ("hausdorff_95", "average_symmetric_surface_distance"):
        assert metrics[f"{name}_mm"].value == pytest.approx(metrics[name].value / 2, abs=1e-5)
        assert "14 of 40 missed, counted as the diagonal" in metrics[f"{name}_mm"].note
    (found,) = gated(result.model_copy(update={"gate": False}), rules(max=1)).gates
    assert found.verdict is Verdict.FAIL
    assert "missed" in found.left_out[0]
    row = next(row for row in result.cases if row.arm == "real")
    assert "hausdorff_95_mm" in row.figures


def test_one_film_of_unknown_spacing_leaves_pixels_only(tmp_path):
    cohort = Ruled(40)
    cohort.unknown = "s003"
    assert not all_known(cohort, cohort.studies)
    result = run(tmp_path, [Segmenter("strong", weak=False)], (cohort, TestSet(cohort)))
    assert not any(name.endswith("_mm") for name in result.models[0].arms["real"].metrics)
    (found,) = gated(result.model_copy(update={"gate": False}), rules(max=1)).gates
    assert found.verdict is Verdict.NOT_RUN
    assert "the pixel spacing of some film is not known" in found.reason


def test_a_cohort_that_knows_nothing_of_spacings_has_none():
    cohort = Lungs(4)
    assert not all_known(cohort, cohort.studies)
    assert spacing_of(cohort, cohort.studies[0], (16, 16)) is None
    assert lungs().task == "segmentation"


def test_a_resized_mask_has_the_spacing_of_its_own_pixels():
    cohort = Ruled(4)
    study = cohort.studies[0]
    cohort.framing = lambda study: Framing(Geometry(64, 96, 16), 0.0, 255.0)
    assert spacing_of(cohort, study, (16, 16)) == (2.0, 2.0)
    assert spacing_of(cohort, study, (64, 96)) == (0.5, 0.5)
    cohort.spacing = lambda study: (0.0, 0.5)
    assert spacing_of(cohort, study, (64, 96)) is None
