"""The charts' geometry: everything inside the drawing, values in order, nothing lost."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.harness.result import Estimate
from radbench.harness.words import show
from radbench.reporting.charts import (
    Dose,
    Group,
    Step,
    Tenth,
    box_chart,
    curve_chart,
    flow_chart,
    forest_chart,
    reliability_chart,
)
from radbench.reporting.charts.axis import make_axis

numbers = st.floats(-1e3, 1e3, allow_nan=False).map(lambda value: round(value, 6))


@settings(max_examples=80, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=12), st.sampled_from([1.0, 100.0]))
def test_an_axis_holds_its_values_between_round_ticks(values, scale):
    axis = make_axis(values, 10, 350, scale=scale)
    assert axis.low <= min(values) + 1e-6
    assert axis.high >= max(values) - 1e-6
    places = [place for place, _ in axis.ticks]
    assert places == sorted(places)
    assert places[0] == 10 and places[-1] == 350
    assert 2 <= len(places) <= 8
    labels = [float(label.replace("−", "-")) for _, label in axis.ticks]
    assert len(set(labels)) == len(labels)
    middle = axis.low + (axis.high - axis.low) / 2
    assert axis.at(middle) == pytest.approx(180, abs=0.01)


def test_bounds_hold_the_axis_of_a_share():
    axis = make_axis([0.02, 0.99], 200, 0, scale=100.0, bounds=(0.0, 1.0))
    assert (axis.low, axis.high) == (0.0, 1.0)
    assert axis.at(0.0) == 200 and axis.at(1.0) == 0
    assert axis.at(7.0) == 0


def effect(value, half, label="x"):
    return ("shift", label, show(Estimate(value=value, low=value - half, high=value + half, n=9), "points"))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0, 0.5)), min_size=1, max_size=8))
def test_a_forest_keeps_each_point_inside_its_interval_and_the_drawing(pairs):
    chart = forest_chart([effect(*pair) for pair in pairs], caption="c", limits=[-0.05, 0.05])
    assert 0 <= chart.limit_xs[0] <= chart.zero_x <= chart.limit_xs[1] <= chart.width
    for line in chart.lines:
        assert 0 <= line.low_x <= line.x <= line.high_x <= chart.width
        assert line.text_y < line.y < chart.axis_y


def test_a_forest_without_figures_is_none_and_an_undefined_one_is_said():
    gone = ("sham", "by the sham", show(None, missing="no sham edits"))
    assert forest_chart([gone], caption="c") is None
    chart = forest_chart([effect(0.1, 0.1), gone], caption="c")
    assert "undefined, no sham edits" in chart.description
    assert chart.lines[1].x is None


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(st.floats(0, 1), max_size=30), min_size=1, max_size=5),
    st.lists(st.floats(0, 1), min_size=1, max_size=30),
)
def test_boxes_stay_inside_and_count_every_image(groups, first):
    found = [Group("Real", {"a": first, "b": first}), *(Group("x-y z", {"a": g}) for g in groups)]
    chart = box_chart(found, ["a", "b"], caption="Dice", bounds=(0.0, 1.0))
    for box in chart.boxes:
        assert chart.left <= box.x <= box.x + box.width <= chart.width
        tops = [box.whisker_top, box.upper, box.upper + box.height, box.whisker_bottom]
        assert chart.top <= min(tops) and max(tops) <= chart.bottom + 1
        assert box.whisker_top <= box.median_y <= box.whisker_bottom + 0.01
        assert all(chart.top <= y <= chart.bottom for _, y in box.dots)
    assert sum(len(box.dots) for box in chart.boxes) == 2 * len(first) + sum(map(len, groups))
    assert len(chart.baselines) == 2


def test_one_far_image_does_not_flatten_the_boxes():
    values = [*np.linspace(0.9, 0.95, 40).tolist(), 0.0]
    chart = box_chart([Group("Real", {"a": values})], ["a"], caption="Dice", bounds=(0.0, 1.0))
    assert chart.axis.low > 0.5
    assert chart.outside == "Dice: 1 image lies beyond the axis, the furthest at 0; drawn at its end."
    assert box_chart([Group("Real", {"a": []})], ["a"], caption="Dice", bounds=(0.0, 1.0)) is None


def test_curves_run_in_the_order_of_the_doses():
    points = [Dose(5.0, 0.3, 0.2, 0.4), Dose(1.0, 0.9), Dose(3.0, 0.5, 0.4, 0.6, main=True)]
    chart = curve_chart({"a": points, "b": points[:1]}, ["a", "b", "c"], caption="c", across="scale")
    xs = [mark.x for mark in chart.curves[0].marks]
    assert xs == sorted(xs)
    assert [curve.name for curve in chart.curves] == ["a", "b"]
    assert [mark.main for mark in chart.curves[0].marks] == [False, True, False]
    assert [label for _, label in chart.ticks] == ["1", "3", "5"]
    assert curve_chart({}, ["a"], caption="c", across="scale") is None


losses = st.lists(st.tuples(st.integers(0, 99), st.text(max_size=80)), max_size=4)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.text(max_size=60), st.integers(0, 9999), losses), min_size=1, max_size=5),
)
def test_a_flow_keeps_its_words_in_its_boxes_and_its_boxes_apart(stages):
    chart = flow_chart([Step(words, number, losses) for words, number, losses in stages])
    for box in chart.boxes:
        assert box.x >= 0 and box.x + box.width <= chart.width
        assert box.y >= 0 and box.y + box.height <= chart.height
        assert all(box.y < y < box.y + box.height for y, _ in box.lines)
        assert all(6.9 * len(line) <= box.width for _, line in box.lines)
    ordered = sorted(chart.boxes, key=lambda box: box.y)
    assert all(a.y + a.height < b.y for a, b in pairwise(ordered))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(Tenth, st.floats(0, 1), st.floats(0, 1), st.integers(0, 500)), max_size=10))
def test_a_reliability_diagram_holds_its_points_and_large_ones_hold_more(tenths):
    chart = reliability_chart([("real", "Real", tenths), ("stress", "none", [])])
    held = [tenth for tenth in tenths if tenth.n]
    assert (chart is None) == (not held)
    if chart is None:
        return
    (line,) = chart.lines
    assert len(line.spots) == len(held)
    for spot in line.spots:
        assert chart.left <= spot.x <= chart.right and chart.top <= spot.y <= chart.bottom
    sizes = [spot.radius for spot in line.spots]
    ordered = sorted(held, key=lambda tenth: tenth.score)
    assert max(sizes) == sizes[max(range(len(ordered)), key=lambda place: ordered[place].n)]


@pytest.mark.parametrize(
    "names",
    [
        ("Real", "oedema", "pacemaker", "consolidation-left", "consolidation-right"),
        ("Real", "a", "b"),
        tuple(f"a scenario with a long name {n}" for n in range(12)),
        ("Averyveryveryverylongwordwithoutspaces", "b"),
    ],
)
def test_labels_of_boxes_do_not_touch(names):
    chart = box_chart(
        [Group(name, {"m": [0.1, 0.9]}) for name in names], ["m"], caption="x", bounds=(0.0, 1.0)
    )
    column = (chart.right - chart.left) / len(names)
    for label in chart.labels:
        if label.slanted:
            (words,) = label.words
            assert 0.8 * 6.2 * len(words) <= label.x + 4
            assert column * 0.57 > 12 or len(names) > 12
        else:
            assert all(6.2 * len(line) <= column for line in label.words)


def test_a_long_label_of_a_forest_stops_before_its_figure():
    (line,) = forest_chart([effect(0.1, 0.02, "a model with a very long name " * 4)], caption="x").lines
    assert line.label.endswith("…")
    assert 6.5 * len(line.label) + 7.2 * len(line.shown.text) <= 332
