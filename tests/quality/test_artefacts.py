"""Artefact measures on pictures whose answer is known, and limits to reasons."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.quality.artefacts import (
    contrast,
    contrast_retained,
    edit_measures,
    judge,
    masked_error,
    saturation,
    seam,
)


def drain(level, ground=100):
    image = np.full((32, 32), ground, np.uint8)
    mask = np.zeros((32, 32), bool)
    mask[5:28, 15:17] = True
    image[mask] = level
    return image, mask


def test_masked_error_counts_only_the_mask_both_ways():
    first, mask = drain(200)
    second, _ = drain(150, ground=0)
    assert masked_error(first, second, mask) == pytest.approx(50 / 255)
    assert masked_error(second, first, mask) == pytest.approx(50 / 255)
    assert masked_error(first, second, ~mask) == pytest.approx(100 / 255)
    assert masked_error(first, first, mask) == 0
    assert masked_error(first, second, mask & False) is None


def test_masked_error_needs_one_size():
    image, mask = drain(200)
    with pytest.raises(ValueError, match="differ"):
        masked_error(image, image[:16], mask)


def test_contrast_is_inside_less_surroundings():
    image, mask = drain(151)
    assert contrast(image, mask) == pytest.approx(51 / 255)
    assert contrast(image, mask & False) is None
    assert contrast(image, mask | True) is None


@pytest.mark.parametrize(("after", "share"), [(200, 1.0), (150, 0.5), (100, 0.0), (50, -0.5)])
def test_contrast_retained(after, share):
    before, mask = drain(200)
    assert contrast_retained(before, drain(after)[0], mask) == pytest.approx(share)


def test_a_faint_object_says_nothing():
    before, mask = drain(101)
    assert contrast_retained(before, drain(200)[0], mask) is None


def disc(size=32, radius=9):
    rows, columns = np.indices((size, size)) - size / 2
    return np.hypot(rows, columns) < radius


def noise(seed, size=32, low=60, high=190):
    return np.random.default_rng(seed).integers(low, high, (size, size), dtype=np.uint8)


def test_no_edit_has_no_seam_and_a_step_has_one():
    image, mask = noise(0), disc()
    assert seam(image, image, mask) == 1
    flat = np.full((32, 32), 100, np.uint8)
    assert seam(flat, flat, mask) == 1
    weak, strong = (flat + np.uint8(step) * mask for step in (10, 60))
    assert 1 < seam(flat, weak, mask) < seam(flat, strong, mask)
    assert seam(weak, flat, mask) == pytest.approx(1 / seam(flat, weak, mask))


@given(st.integers(0, 1000), st.integers(-50, 50))
@settings(max_examples=20, deadline=None)
def test_a_seam_is_about_steps_near_the_border_only(seed, shift):
    image, mask = noise(seed), disc()
    moved = (image.astype(int) + shift).astype(np.uint8)
    assert seam(image, moved, mask) == pytest.approx(1)
    inner = image.copy()
    inner[disc(radius=4)] = 255
    assert seam(image, inner, mask) == 1
    turned = seam(image.T, inner.T, mask.T)
    assert turned == pytest.approx(seam(image, inner, mask))


def test_a_seam_needs_a_border():
    image = noise(1)
    assert seam(image, image, disc() & False) is None
    assert seam(image, image, disc() | True) is None


@given(st.integers(0, 1000), st.integers(0, 40))
@settings(max_examples=20, deadline=None)
def test_saturation_counts_what_newly_reached_an_end(seed, count):
    before, mask = noise(seed), np.ones((32, 32), bool)
    after = before.copy()
    after.flat[:count] = 0
    after.flat[count : 2 * count] = 255
    assert saturation(before, after, mask) == pytest.approx(2 * count / 1024)
    assert saturation(after, before, mask) == 0
    assert saturation(after, after, mask) == 0
    assert saturation(before, after, mask & False) is None


def test_edit_measures_split_the_image_and_the_keep_mask_wins():
    before = noise(2)
    edit, keep = disc(), np.zeros((32, 32), bool)
    keep[:, 15:17] = True
    after = before.copy()
    after[keep] += np.uint8(51)
    measured = edit_measures(before, after, edit, keep)
    assert measured["change_keep"] == pytest.approx(0.2)
    assert measured["change_edit"] == measured["change_outside"] == 0
    assert measured["saturation"] == 0
    assert set(measured) == {"change_edit", "change_keep", "change_outside", "seam", "saturation"}
    assert edit_measures(before, after, edit, keep & False)["change_keep"] is None


NAMES = {
    "editing_score": ("min_editing_score", "editing score"),
    "change_outside": ("max_change_outside", "change outside the masks"),
    "change_keep": ("max_change_keep", "change in the keep mask"),
    "seam": ("max_seam", "seam"),
    "saturation": ("max_saturation", "saturation"),
}


def limits(**given_limits):
    return SimpleNamespace(**(dict.fromkeys(limit for limit, _ in NAMES.values()) | given_limits))


def test_a_reason_has_the_figure_and_the_limit():
    assert judge({"editing_score": 0.1112}, limits(min_editing_score=0.2)) == [
        "editing score 0.11 under 0.20"
    ]
    assert judge({"seam": 2.5}, limits(max_seam=2)) == ["seam 2.50 over 2.00"]


@pytest.mark.parametrize("measure", NAMES)
@given(value=st.floats(-5, 5), limit=st.floats(-5, 5))
def test_rejected_exactly_beyond_the_limit(measure, value, limit):
    name, words = NAMES[measure]
    reasons = judge({measure: value}, limits(**{name: limit}))
    beyond = value < limit if name.startswith("min_") else value > limit
    assert bool(reasons) == beyond
    if beyond:
        found = re.fullmatch(rf"{words} (\S+) (under|over) (\S+)", reasons[0])
        assert found and found[1] != found[3]


@pytest.mark.parametrize("measure", NAMES)
def test_what_does_not_apply_is_not_judged(measure):
    name, _ = NAMES[measure]
    assert judge({measure: None}, limits(**{name: 0.1})) == []
    assert judge({}, limits(**{name: 0.1})) == []
    assert judge({measure: 99.0}, limits()) == []


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_what_is_not_a_number_never_passes(value):
    assert judge({"editing_score": value}, limits(min_editing_score=-1)) == ["editing score is not a number"]


def test_every_reason_is_given_in_a_fixed_order():
    bad = {"saturation": 0.9, "seam": 9.0, "change_keep": 0.9, "change_outside": 0.9, "editing_score": -0.9}
    low = {name: 0.1 for name, _ in NAMES.values()}
    reasons = judge(bad, limits(**low))
    assert [reason.split(" 0.")[0].split(" -")[0].split(" 9")[0] for reason in reasons] == [
        words for _, words in NAMES.values()
    ]
