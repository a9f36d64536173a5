"""Point metrics agree with their definitions and say why they are undefined."""

import numpy as np
import pytest

from radbench.metrics.points import point_metrics

ALL = ("accuracy", "sensitivity", "specificity", "auroc")


def test_match_the_definitions():
    labels = np.array([1, 1, 1, 0, 0])
    scores = np.array([0.9, 0.6, 0.2, 0.2, 0.7])
    found = point_metrics(ALL, labels, (scores >= 0.5).astype(int), scores)
    assert {name: point.value for name, point in found.items()} == pytest.approx(
        {"accuracy": 3 / 5, "sensitivity": 2 / 3, "specificity": 1 / 2, "auroc": 3.5 / 6}, abs=1e-6
    )
    assert not any(point.note for point in found.values())


@pytest.mark.parametrize(
    ("labels", "scores", "missing"),
    [
        ([0, 0], [0.1, 0.9], {"sensitivity": "no positives", "auroc": "one class"}),
        ([1, 1], [0.1, 0.9], {"specificity": "no negatives", "auroc": "one class"}),
        ([1, 0], None, {"auroc": "no scores"}),
        ([], [], dict.fromkeys(ALL, "no images")),
    ],
)
def test_undefined_is_none_with_a_reason(labels, scores, missing):
    decisions = np.zeros(len(labels), int)
    given = None if scores is None else np.array(scores, float)
    found = point_metrics(ALL, np.array(labels, int), decisions, given)
    assert list(found) == list(ALL)
    for name, point in found.items():
        assert (point.value is None) == (name in missing)
        assert missing.get(name, "") in point.note
