"""What an editor's row says, on pictures whose figures are known."""

from types import SimpleNamespace

import numpy as np
import pytest

from radbench.data.cohort import SquareFilms, Study
from radbench.harness.evidence.edits import RETAINED, editor_row

SHAPE = (32, 32)


def _object(image: np.ndarray, level: int) -> np.ndarray:
    out = image.copy()
    out[14:18, 4:28] = level
    return out


class Cohort(SquareFilms):
    truth_known = True

    def __init__(self) -> None:
        self.studies = [Study(f"s{i}", f"p{i}", {"finding": 1}, {}, "") for i in range(4)]
        self.plain = np.full(SHAPE, 100, np.uint8)

    def image(self, study: Study) -> np.ndarray:
        image = _object(self.plain, 200)
        image[20:30, 20:30] = 40
        return image

    def counterfactual(self, study: Study, labels: object, attributes: object = None) -> np.ndarray:
        return _object(self.plain, 200)


def _testset(edited: np.ndarray) -> SimpleNamespace:
    edit, keep = np.zeros(SHAPE, bool), np.zeros(SHAPE, bool)
    edit[20:30, 20:30] = True
    keep[14:18, 4:28] = True
    records = [
        SimpleNamespace(
            study_id=f"s{i}",
            patient_id=f"p{i}",
            status="ok",
            labels_after={"finding": 0},
            attributes_after={},
        )
        for i in range(4)
    ]
    return SimpleNamespace(
        usable=records,
        of=lambda arm: records,
        image=lambda record: edited,
        edit_mask=lambda record: edit,
        keep_mask=lambda record: keep,
    )


RESULT = SimpleNamespace(seed=0, primary="accuracy", models=[], cases=[])


def test_a_perfect_editor_has_no_error_and_keeps_everything() -> None:
    cohort = Cohort()
    row = editor_row("perfect", cohort, _testset(cohort.counterfactual(cohort.studies[0], {})), RESULT)  # type: ignore[arg-type]
    assert row.edit_error.value == row.keep_change.value == row.outside_change.value == 0
    assert row.source_error.value == pytest.approx(60 / 255)
    assert row.retained.value == row.seam_vs_truth.value == 1


def test_an_editor_that_does_nothing_has_the_sources_error() -> None:
    cohort = Cohort()
    row = editor_row("idle", cohort, _testset(cohort.image(cohort.studies[0])), RESULT)  # type: ignore[arg-type]
    assert row.edit_error.value == row.source_error.value
    assert row.seam.value == 1
    assert (row.seam_vs_truth.value or 0) > 1, "the finding's border is an edge that the truth does not have"


def test_an_object_below_half_its_contrast_is_lost() -> None:
    cohort = Cohort()
    for level, kept in ((100 + int(100 * RETAINED) + 5, 1.0), (100 + int(100 * RETAINED) - 5, 0.0)):
        row = editor_row("fading", cohort, _testset(_object(cohort.plain, level)), RESULT)  # type: ignore[arg-type]
        assert row.retained.value == kept
