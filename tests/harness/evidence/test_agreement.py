"""Predicted against true drops."""

import numpy as np
import pytest
from audit_world import Cohort, TestSet, audit, biased, robust
from scipy.stats import spearmanr

from radbench.harness.evidence.agreement import agreement, spearman


def test_rows_compare_the_same_studies(tmp_path):
    cohort = Cohort(400)
    results = [
        audit(tmp_path, [biased(), robust()], cohort=cohort, testset=TestSet(cohort, wrong=wrong), seed=seed)
        for wrong, seed in ((0, 1), (50, 2))
    ]
    found = agreement(results)
    assert [(row.model, row.seed) for row in found.rows] == [
        ("biased", 1),
        ("robust", 1),
        ("biased", 2),
        ("robust", 2),
    ]
    assert [row.predicted for row in found.rows] == [1.0, 0.0, 1.0, 0.25]
    assert [row.true for row in found.rows] == [1.0, 0.0, 1.0, 0.0]
    assert [row.error for row in found.rows] == [0.0, 0.0, 0.0, 0.25]
    assert [row.covered for row in found.rows] == [True, True, True, False]
    assert found.overall.mean_absolute_error == 0.0625
    assert found.overall.coverage == 0.75
    assert found.overall.rank_correlation == pytest.approx(spearmanr([1, 0, 1, 0.25], [1, 0, 1, 0]).statistic)
    assert found.of("accuracy").n == 4
    assert found.of("dice").mean_absolute_error is None


def test_without_truth_there_is_nothing_to_agree_with(tmp_path):
    cohort = Cohort(truth_known=False)
    found = agreement([audit(tmp_path, [robust()], cohort=cohort)])
    assert found.rows == []
    assert found.overall.rank_correlation is None


def test_rank_correlation_is_scipys():
    rng = np.random.default_rng(0)
    for _ in range(20):
        first, second = rng.integers(0, 6, 12) / 3, rng.normal(size=12)
        assert spearman(first, second) == pytest.approx(spearmanr(first, second).statistic)
    assert spearman(np.ones(5), np.arange(5.0)) is None
    assert spearman(np.array([0.1 + 0.2, 0.3, 1.0]), np.array([1.0, 1.0, 2.0])) == pytest.approx(1.0)
