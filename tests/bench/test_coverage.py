"""The coverage of intervals is counted as it says, and is near 0.95 where it can be."""

import math

import numpy as np
import pytest

from radbench.bench import coverage as bench_coverage
from radbench.bench.coverage import FIGURES, measure_coverage
from radbench.metrics.intervals import Interval


def test_every_figure_has_a_row_for_every_size():
    found = measure_coverage((20,), (1, 3), draws=4, replicates=50)
    assert [(one.figure, one.images) for one in found] == [
        (name, each) for name in FIGURES for each in (1, 3)
    ]
    assert all(0 <= one.coverage <= 1 and one.width > 0 for one in found)
    assert found == measure_coverage((20,), (1, 3), draws=4, replicates=50)


def test_it_counts_what_holds_the_truth_and_leaves_out_what_has_no_interval(monkeypatch):
    limits = iter([(0.4, 0.6), (0.6, 0.8), (None, None), (0.5, 0.9)])
    monkeypatch.setattr(bench_coverage, "FIGURES", {"one": (0.5, lambda *_: Interval(*next(limits)))})
    (found,) = measure_coverage((8,), (1,), draws=4, replicates=10)
    assert (found.coverage, found.none) == (pytest.approx(2 / 3), 1)
    assert found.width == pytest.approx(np.mean([0.2, 0.2, 0.4]))


def test_nothing_that_has_an_interval_is_no_coverage(monkeypatch):
    monkeypatch.setattr(bench_coverage, "FIGURES", {"one": (0.5, lambda *_: Interval(None, None))})
    (found,) = measure_coverage((8,), (1,), draws=3, replicates=10)
    assert math.isnan(found.coverage)
    assert found.none == 3


@pytest.mark.slow
def test_means_and_shares_are_covered(monkeypatch):
    names = ("share 0.8", "mean Dice 0.96, more skewed", "drop of a mean Dice, paired")
    monkeypatch.setattr(bench_coverage, "FIGURES", {name: FIGURES[name] for name in names})
    for one in measure_coverage((20, 100), (1, 3), draws=400, replicates=400):
        assert 0.92 <= one.coverage <= 0.985, one  # 0.95, give or take what 400 samples can be off
