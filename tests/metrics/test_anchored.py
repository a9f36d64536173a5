"""The anchored estimate: it holds its coverage for any error of the editor, and borrows only what agrees."""

import numpy as np
import pytest
from scipy.stats import binom

from radbench.metrics.anchored import BELIEF, anchored, fall_to, share_limits, without, worth
from radbench.metrics.bootstrap import draw_patients, side_by_side
from radbench.metrics.intervals import UNIT, mean, share

ANCHORS, EDITS = 16, 64
IDS = [f"p{number:03d}" for number in range(ANCHORS + EDITS)]
DRAWS = draw_patients(IDS, replicates=500, seed=0)
OWN, MORE = DRAWS.places(IDS[:ANCHORS]), DRAWS.places(IDS[ANCHORS:])


def shares(hits, more):
    return share(DRAWS, OWN, np.arange(ANCHORS) < hits), share(DRAWS, MORE, np.arange(EDITS) < more)


def means(own, more):
    return mean(DRAWS, OWN, own, UNIT), mean(DRAWS, MORE, more, UNIT)


@pytest.mark.parametrize("trials", [5, 16, 40])
@pytest.mark.parametrize("prior", [(1.0, 1.0), (65.0, 1.0), (1.0, 65.0), (40.0, 26.0), (601.0, 401.0)])
def test_a_share_is_covered_whatever_the_synthetic_images_say(trials, prior):
    low, high = share_limits(trials, *prior, BELIEF)
    hits = np.arange(trials + 1)
    for truth in np.linspace(0, 1, 201):
        held = binom.pmf(hits, trials, truth)[(low <= truth) & (truth <= high)].sum()
        assert held >= 0.95 - 1e-9, truth
    assert (np.diff(low) >= 0).all() and (np.diff(high) >= 0).all()
    assert (low <= hits / trials).all() and (hits / trials <= high).all()


def test_it_is_narrower_than_the_anchors_alone_where_they_agree_and_goes_back_to_them_where_not():
    own, more = shares(15, 60)
    found, alone = anchored(own, more), own.interval()
    assert found.high - found.low < 0.9 * (alone.high - alone.low)
    assert found.belief > 0.7
    assert found.value == own.value  # both sets have it
    far = anchored(*shares(15, 10))
    assert far.belief < 0.001 and far.borrowed < 0.1
    assert far.value == pytest.approx(own.value, abs=1e-3)
    nothing = anchored(own, without(more, more))
    assert (far.low, far.high) == pytest.approx((nothing.low, nothing.high), abs=0.02)


def test_the_estimate_lies_between_the_anchors_and_the_pooled_share():
    for hits in range(ANCHORS + 1):
        for more in range(0, EDITS + 1, 4):
            found = anchored(*shares(hits, more))
            ends = sorted((hits / ANCHORS, (hits + more) / (ANCHORS + EDITS)))
            assert found.low <= found.value <= found.high
            assert ends[0] - 1e-9 <= found.value <= ends[1] + 1e-9


def test_edits_of_a_patient_who_has_an_anchor_are_not_borrowed():
    own, more = shares(14, 60)
    twice = np.concatenate([MORE, OWN])
    also = share(DRAWS, twice, np.r_[np.arange(EDITS) < 60, np.zeros(ANCHORS, bool)])
    assert anchored(own, also) == anchored(own, more)


def test_images_of_one_patient_are_worth_less_than_their_number():
    ids = [f"p{number // 4}" for number in range(40)]
    draws = draw_patients([*ids, *(f"q{number}" for number in range(40))], replicates=200, seed=0)
    same = share(draws, draws.places(ids), np.repeat(np.arange(10) < 8, 4))
    apart = share(draws, draws.places([f"q{number}" for number in range(40)]), np.arange(40) < 32)
    assert worth(apart) == 40
    assert worth(same) < 15
    wide, narrow = anchored(same, apart), anchored(apart, same)
    assert wide.high - wide.low > narrow.high - narrow.low


@pytest.mark.parametrize("bias", [-0.3, -0.05, 0.0, 0.03])
def test_a_mean_is_covered_whatever_the_bias(bias):
    rng = np.random.default_rng(5)
    held, width, alone = [], [], []
    for _ in range(150):
        own, more = means(rng.beta(18, 2, ANCHORS), np.clip(rng.beta(18, 2, EDITS) + bias, 0, 1))
        found, usual = anchored(own, more), own.interval()
        held.append(found.low <= 0.9 <= found.high)
        width.append(found.high - found.low)
        alone.append(usual.high - usual.low)
        assert found.low <= found.value <= found.high
    assert np.mean(held) >= 0.9  # 0.95, less what 150 samples can be off
    if bias == 0:
        assert np.mean(width) < 0.95 * np.mean(alone)
    if bias == -0.3:
        assert np.mean(width) < 1.1 * np.mean(alone)


def test_what_cannot_be_estimated_says_so():
    own, more = means(np.full(ANCHORS, 0.9), np.linspace(0.8, 1.0, EDITS))
    assert anchored(own, more).low is None
    assert "no interval" in anchored(own, more).note
    assert anchored(without(own, own), more).value is None


def test_the_fall_to_it_has_the_width_of_both():
    real = share(DRAWS, MORE, np.arange(EDITS) < 62)
    own, more = shares(8, 32)
    found = anchored(own, more)
    low, high, _ = fall_to(real, own, found)
    assert low < real.value - found.value < high
    assert high - low > found.high - found.low
    same = share(DRAWS, OWN, np.arange(ANCHORS) >= 8)  # wrong on the very patients whose anchors are right
    apart, together = fall_to(real, own, found), fall_to(same, own, found)
    assert together.high - together.low > apart.high - apart.low


def test_a_group_beside_another_leaves_its_draw_as_it_was():
    first, second = (draw_patients(ids, replicates=50, seed=1) for ids in (IDS[:10], IDS[10:14]))
    both = side_by_side(first, second)
    assert (both.counts[:, :10] == first.counts).all()
    assert (both.counts.sum(axis=1) == 14).all()
    assert both.places(IDS[:14]).tolist() == list(range(14))
