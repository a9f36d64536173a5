"""Models ranked on the same images, resampled together."""

import pytest
from audit_world import Cohort, TestSet, Threshold, audit, biased, robust

from radbench.metrics.significance import holm


def test_the_better_one_comes_first_with_its_lead(tmp_path):
    result = audit(tmp_path, [biased(), robust()], cohort=Cohort(200))
    (pair,) = result.comparisons
    assert (pair.first, pair.second) == ("robust", "biased")
    assert pair.difference.value == pair.drop_difference.value == 1.0
    assert 0.8 < pair.difference.low < pair.difference.high == pytest.approx(1.0)
    assert pair.drop_difference.low > 0.8
    assert pair.p == pair.p_holm < 0.01


def test_every_pair_once_best_first_and_corrected_together(tmp_path):
    testset = TestSet(Cohort(), wrong=6)
    models = [biased(), Threshold("blind", 300), robust(), Threshold("twin", 100)]
    result = audit(tmp_path, models, testset=testset, control_models=[Threshold("known", 101)])
    order = ["blind", "robust", "twin", "biased"]
    accuracy = {model.name: model.metric("stress", "accuracy").value for model in result.models}
    assert sorted(order, key=lambda name: -accuracy[name]) == order
    pairs = [(pair.first, pair.second) for pair in result.comparisons]
    assert pairs == [(one, other) for i, one in enumerate(order) for other in order[i + 1 :]]
    assert [pair.p_holm for pair in result.comparisons] == pytest.approx(
        holm([pair.p for pair in result.comparisons])
    )
    same = result.comparisons[pairs.index(("robust", "twin"))]
    assert (same.difference.value, same.p) == (0.0, 1.0)
    assert same.difference.low <= 0 <= same.difference.high
    drops = {model.name: model.paired["stress"].drop.value for model in result.models}
    for pair in result.comparisons:
        assert pair.difference.value == pytest.approx(accuracy[pair.first] - accuracy[pair.second])
        assert pair.drop_difference.value == pytest.approx(drops[pair.second] - drops[pair.first])
        assert pair.difference.low <= pair.difference.value <= pair.difference.high
        assert pair.drop_difference.low <= pair.drop_difference.value <= pair.drop_difference.high


def test_one_model_or_one_that_broke_has_nobody_beside_it(tmp_path):
    assert audit(tmp_path, [robust()]).comparisons == []
    assert audit(tmp_path, [robust(), biased(error=RuntimeError("no"))]).comparisons == []
