"""Limits to reasons."""

import re
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.quality.filter import judge

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
