"""Direct standardisation: weights, weighted means, and how often their intervals hold the truth."""

import numpy as np
import pytest

from radbench.metrics.bootstrap import draw_patients
from radbench.metrics.intervals import difference, mean, share
from radbench.metrics.significance import error_between, unpaired_bootstrap
from radbench.metrics.standard import Standard, Weighting, kish, standard_mean, standard_share
from radbench.metrics.weighted_scores import WEIGHTED, weighted_interval

SETS = ("a", "b")


def two_sets(strata_a, strata_b, *, replicates=300, seed=0, per=1):
    """Return the weightings and places of two sets, ``per`` images a patient, all strata being in both."""
    strata = [np.repeat(np.asarray(one), per) for one in (strata_a, strata_b)]
    ids = [[f"{name}{k // per}" for k in range(len(one))] for name, one in zip(SETS, strata, strict=True)]
    draws = draw_patients([*ids[0], *ids[1]], replicates=replicates, seed=seed)
    places = [draws.places(one) for one in ids]
    counts = [np.zeros((len(draws.patients), int(max(map(np.max, strata))) + 1)) for _ in SETS]
    for table, place, one in zip(counts, places, strata, strict=True):
        np.add.at(table, (place, one), 1.0)
    standard = Standard(draws, *counts)
    return [Weighting(standard, one, weighted=bool(k)) for k, one in enumerate(strata)], places


def test_the_same_case_mix_has_weights_of_one_and_plain_figures():
    rng = np.random.default_rng(0)
    strata = np.repeat([0, 1, 2], 20)
    (_, weighting), (_, places) = two_sets(strata, strata)
    np.testing.assert_allclose(weighting.image_weights(), 1.0)
    assert weighting.standard.effective == pytest.approx(60)
    hits = rng.random(60) < 0.8
    plain = share(weighting.standard.draws, places, hits)
    assert standard_share(weighting, places, hits).value == pytest.approx(plain.value)


def test_weights_bring_the_shares_of_the_strata_to_the_reference():
    strata_a, strata_b = np.repeat([0, 1], [60, 20]), np.repeat([0, 1], [10, 30])
    (_, weighting), _ = two_sets(strata_a, strata_b)
    weights = weighting.image_weights()
    assert weights.mean() == pytest.approx(1)
    assert weights[strata_b == 0].sum() / weights.sum() == pytest.approx(0.75)
    assert weighting.standard.effective == pytest.approx(weights.sum() ** 2 / (weights**2).sum())
    assert kish(np.ones(3), np.array([1.0, 2.0, 3.0])) == pytest.approx(6)


def test_an_outcome_that_hangs_on_the_stratum_alone_leaves_no_difference():
    strata_a, strata_b = np.repeat([0, 1], [80, 20]), np.repeat([0, 1], [20, 80])
    (reference, weighting), (place_a, place_b) = two_sets(strata_a, strata_b)
    first, second = strata_a == 0, strata_b == 0  # right in stratum 0, wrong in stratum 1
    draws = weighting.standard.draws
    assert share(draws, place_a, first).value - share(draws, place_b, second).value == pytest.approx(0.6)
    left, right = standard_share(reference, place_a, first), standard_share(weighting, place_b, second)
    assert left.value - right.value == pytest.approx(0.0)
    limits = difference(left, right)
    assert limits.low < 0 < limits.high


def test_the_influences_are_the_derivatives():
    rng = np.random.default_rng(1)
    strata_a, strata_b = rng.integers(0, 3, 50), rng.integers(0, 3, 40)
    (_, weighting), (_, places) = two_sets(strata_a, strata_b)
    some = rng.random(40) < 0.6  # such as the positives
    found = standard_mean(weighting.take(np.flatnonzero(some)), places[some], rng.random(int(some.sum())))
    patients = len(weighting.standard.draws.patients)
    step = 1e-6
    for patient in (0, 10, patients - 1):
        block = np.ones((1, patients))
        block[0, patient] += step
        slope = (found.resample(block)[0][0] - found.value) / step
        assert found.moves[patient] == pytest.approx(slope, abs=1e-5)
    assert found.moves.sum() == pytest.approx(0, abs=1e-12)


def test_a_stratum_of_one_image_does_not_make_a_figure_sure():
    strata_a, strata_b = np.repeat([0, 1], [50, 50]), np.repeat([0, 1], [99, 1])
    (_, weighting), (_, places) = two_sets(strata_a, strata_b)
    found = standard_share(weighting, places, np.ones(100, bool))
    assert found.trials < 5  # one image stands for half of them
    assert found.interval().low < 0.6


def test_a_stratum_that_a_resample_misses_is_cut_in_both_sets():
    strata_a, strata_b = np.repeat([0, 1], [10, 10]), np.repeat([0, 1], [19, 1])
    (reference, weighting), (place_a, place_b) = two_sets(strata_a, strata_b)
    block = np.ones((1, 40))
    block[0, place_b[-1]] = 0  # the only image of stratum 1
    values, right = np.r_[np.zeros(10), np.ones(10)], np.r_[np.zeros(19), 1.0]
    assert standard_mean(weighting, place_b, right).resample(block)[0][0] == 0
    assert standard_mean(reference, place_a, values).resample(block)[0][0] == 0


@pytest.mark.parametrize("name", list(WEIGHTED))
def test_figures_of_scores_with_whole_weights_are_those_of_repeated_images(name):
    rng = np.random.default_rng(2)
    labels, scores = rng.integers(0, 2, 30), np.round(rng.random(30), 1)
    weights = rng.integers(0, 4, 30).astype(np.float64)
    again = np.repeat(np.arange(30), weights.astype(int))
    once = WEIGHTED[name](weights[None], labels, scores)[0]
    repeated = WEIGHTED[name](np.ones((1, len(again))), labels[again], scores[again])[0]
    assert once == pytest.approx(repeated)


@pytest.mark.parametrize("name", list(WEIGHTED))
def test_every_figure_of_weighted_scores_has_an_interval_that_holds_it(name):
    rng = np.random.default_rng(4)
    (_, weighting), (_, places) = two_sets(rng.integers(0, 2, 60), rng.integers(0, 2, 60))
    labels = rng.integers(0, 2, 60)
    scores = np.clip(0.3 * labels + 0.7 * rng.random(60), 0, 1)
    value = float(WEIGHTED[name](weighting.image_weights()[None], labels, scores)[0])
    low, high, _ = weighted_interval(name, weighting, places, labels, scores, value)
    assert 0 <= low < value < high <= 1


def test_a_perfect_area_is_never_certain():
    (_, weighting), (_, places) = two_sets(
        np.repeat([0, 1, 2], [7, 11, 13]), np.repeat([0, 1, 2], [11, 3, 17])
    )
    labels = np.arange(31) % 2
    value = float(WEIGHTED["auroc"](weighting.image_weights()[None], labels, labels.astype(float))[0])
    low, high, note = weighted_interval("auroc", weighting, places, labels, labels.astype(float), value)
    assert (value, high) == (1.0, 1.0)
    assert low < 0.95
    assert "widened" in note


def test_cohorts_that_differ_are_told_apart_and_few_patients_are_not_sure():
    draws = draw_patients([f"p{n:03d}" for n in range(120)], replicates=500, seed=0)
    places = np.arange(120)
    good = share(draws, places[:60], np.arange(60) < 57)
    bad = share(draws, places[60:], np.arange(60) < 30)
    assert unpaired_bootstrap(good, bad).p < 0.01
    assert unpaired_bootstrap(good, good).p == 1.0
    assert 0.05 < error_between(good, bad) < 0.09
    five = mean(draws, places[:5], np.ones(5)), mean(draws, places[60:65], np.zeros(5))
    assert unpaired_bootstrap(*five).p == pytest.approx(2 / 252)
    assert unpaired_bootstrap(good, mean(draws, places[60:63], np.zeros(3))).p is None


@pytest.mark.parametrize("kind", ["share", "mean"])
def test_the_interval_of_a_reweighted_difference_covers(kind):
    mix_a, mix_b = np.array([0.5, 0.3, 0.2]), np.array([0.2, 0.3, 0.5])
    right_a, right_b = np.array([0.95, 0.85, 0.6]), np.array([0.9, 0.8, 0.6])
    truth = float((mix_a * (right_a - right_b)).sum())
    rng, covered, runs = np.random.default_rng(5), 0, 150
    for run in range(runs):
        strata = rng.choice(3, 90, p=mix_a), rng.choice(3, 80, p=mix_b)
        (first, second), (place_a, place_b) = two_sets(*strata, replicates=300, seed=run)
        chance = right_a[strata[0]], right_b[strata[1]]
        if kind == "share":
            values = [rng.random(len(one)) < one for one in chance]
            means = standard_share(first, place_a, values[0]), standard_share(second, place_b, values[1])
        else:
            values = [rng.beta(6 * one, 6 * (1 - one)) for one in chance]
            means = standard_mean(first, place_a, values[0]), standard_mean(second, place_b, values[1])
        low, high, _ = difference(*means)
        covered += low <= truth <= high
    assert covered / runs >= 0.90  # 95 % nominal; the simulation's own error is 2 points
