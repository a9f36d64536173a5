"""The benchmark times the same figures both ways, and prints both."""

import numpy as np
import pytest

from radbench.bench.bootstrap import (
    FIGURES,
    _at_once,
    _one_by_one,
    _sample,
    measure_bootstrap,
    print_bootstrap,
)
from radbench.metrics.bootstrap import draw_patients


@pytest.mark.parametrize("name", FIGURES)
def test_both_ways_have_the_same_distribution(name):
    sample = _sample(200)
    fast = _at_once(name, draw_patients(sample.ids, replicates=600, seed=1), sample)
    slow = np.array(_one_by_one(name, sample, 600))
    assert fast.mean() == pytest.approx(slow.mean(), abs=4 * slow.std() / np.sqrt(600))
    assert fast.std() == pytest.approx(slow.std(), rel=0.15)


def test_every_size_is_timed_and_the_loop_once():
    found = measure_bootstrap(sizes=(60, 30), replicates=40, looped=2)
    assert [row.images for row in found] == [30, 60]
    assert [set(row.loop) for row in found] == [set(), set(FIGURES)]
    assert all(row.total > 0 for row in found)


def test_it_prints_both_tables():
    from rich.console import Console

    console = Console(record=True, width=120)
    print_bootstrap(console, sizes=(30, 60), replicates=40, looped=2)
    text = console.export_text()
    assert "40 resamples of 60 images" in text
    assert "times faster" in text
    assert all(name in text for name in FIGURES)
