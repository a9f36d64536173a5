"""Figures: what they hold, that nothing lies outside, and that the same result gives the same bytes."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
import synthetic
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.errors import UsageError
from radbench.plots import Plots, find_plot, plot_names
from radbench.plots.curves import _counts, _precision_recall, _roc, doses, roc
from radbench.plots.effects import effects, parts, subgroups
from radbench.plots.flow import Step, flow
from radbench.plots.pictures import boxes, error_map, worst
from radbench.plots.scores import bland_altman, calibration, scores
from radbench.plots.style import png, shortened, svg


@pytest.fixture(scope="module")
def full(result):
    import evidence

    return evidence.with_evidence(synthetic.with_controls(result))


@pytest.mark.parametrize("name", plot_names())
def test_the_same_result_gives_the_same_bytes_whatever_the_user_has_set(full, name):
    draw = find_plot(name)
    first = svg(draw(full))
    with mpl.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path"}):
        assert svg(draw(full)) == first
    assert "<text" in first


@pytest.mark.parametrize("draw", [effects, parts, subgroups])
def test_a_forest_holds_every_interval_and_says_it_in_words(full, draw):
    figure = draw(full)
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    for line in axes.lines:
        across = np.asarray(line.get_xdata(), float)
        assert low - 1e-9 <= across.min() and across.max() <= high + 1e-9
    for model in full.models:
        assert model.name in figure.description


def test_single_models_share_one_axis(full):
    spans = {effects(full, [model.name]).axes[0].get_xlim() for model in full.models}
    assert len(spans) == 1


def test_words_of_a_forest_stand_beside_its_axes(full):
    figure = effects(full, width=4.6)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    box = axes.get_window_extent()
    for text in axes.texts:
        assert text.get_window_extent().x0 >= box.x1
    for label in axes.get_yticklabels():
        assert label.get_window_extent().x1 <= box.x0
    assert all(figure.bbox.x0 <= text.get_window_extent().x0 for text in axes.get_yticklabels())
    assert all(text.get_window_extent().x1 <= figure.bbox.x1 + 1 for text in axes.texts)


def test_a_result_without_edits_says_so(result):
    bare = result.model_copy(
        update={"models": [one.model_copy(update={"paired": {}, "scenarios": {}}) for one in result.models]}
    )
    assert "no effect to draw" in effects(bare).description
    nothing = result.model_copy(update={"cases": []})
    assert "No model gave scores" in scores(nothing).description
    assert "no curve" in roc(nothing).description
    assert "no other strengths" in doses(result).description


@settings(max_examples=50)
@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.integers(0, 1)), min_size=2, max_size=30))
def test_the_area_under_the_drawn_curve_is_the_auroc(pairs):
    values, truth = (np.array(one) for one in zip(*[*pairs, (0.3, 0), (0.4, 1)], strict=True))
    false, true = _roc(values.astype(float), truth)
    gaps = values[truth == 1][:, None] - values[truth == 0]
    assert np.trapezoid(true, false) == pytest.approx(((gaps > 0) + 0.5 * (gaps == 0)).mean())
    recall, precision = _precision_recall(values.astype(float), truth)
    assert recall[-1] == 1
    assert precision[-1] == pytest.approx(truth.mean())
    false, true = _counts(values.astype(float), truth)
    assert (false[-1], true[-1]) == ((truth == 0).sum(), truth.sum())


def test_bars_of_scores_count_every_image_and_stay_inside(result):
    model = result.models[0]
    figure = scores(result, [model.name])
    edited = [case.score for case in result.cases if case.model == model.name and case.arm == "stress"]
    axes = next(one for one in figure.axes if f"(n = {len(edited)})" in one.texts[0].get_text())
    tallest = np.histogram(edited, bins=25, range=(0, 1))[0].max()
    assert sum(bar.get_height() for bar in axes.patches) * tallest == pytest.approx(len(edited))
    assert all(bar.get_x() >= 0 and bar.get_x() + bar.get_width() <= 1 for bar in axes.patches)
    share = np.mean(np.array(edited) >= model.operating_point)
    assert f"{share:.0%} at or above the operating point" in figure.description


def test_a_roc_curve_of_the_real_images_has_its_operating_point(full):
    figure = roc(full)
    assert len(figure.axes) == len(full.models)
    axes, model = figure.axes[0], full.models[0]
    real = [case for case in full.cases if case.model == model.name and case.arm == "real"]
    said = {label: np.mean([case.decision for case in real if case.label == label]) for label in (0, 1)}
    dot = next(line for line in axes.lines if line.get_marker() == "o")
    assert (dot.get_xdata()[0], dot.get_ydata()[0]) == (pytest.approx(said[0]), pytest.approx(said[1]))


def test_bland_altman_has_the_mean_and_its_limits(result):
    figure = bland_altman(result)
    model = result.models[0]
    own = [case for case in result.cases if case.model == model.name]
    real = {case.study_id: case.score for case in own if case.arm == "real"}
    change = np.array([case.score - real[case.study_id] for case in own if case.arm == "stress"])
    heights = sorted(line.get_ydata()[0] for line in figure.axes[0].lines)
    centre, spread = change.mean(), 1.96 * change.std(ddof=1)
    assert heights == pytest.approx(sorted([0, centre, centre - spread, centre + spread]))


def test_large_points_of_a_calibration_hold_many_images(full):
    figure = calibration(full, [full.models[0].name])
    rows = [row for row in full.models[0].calibration if row.n]
    sizes = np.concatenate([points.get_sizes() for points in figure.axes[0].collections])
    assert len(sizes) == len(rows)
    assert sizes.max() == pytest.approx(112)


def test_one_far_image_does_not_flatten_the_boxes(result):
    drawn = synthetic.segmentation(result)
    first = next(number for number, case in enumerate(drawn.cases) if case.arm == "real")
    far = drawn.cases[first].model_copy(update={"value": 0.0})
    cases = [far if number == first else case for number, case in enumerate(drawn.cases)]
    figure = boxes(drawn.model_copy(update={"cases": cases}))
    assert figure.axes[0].get_ylim()[0] > 0.3
    assert "beyond the axis, the furthest at 0" in figure.description


words = st.text(st.characters(categories=("L", "Nd", "Zs")), max_size=60)


@settings(max_examples=20)
@given(
    st.lists(
        st.tuples(words, st.integers(0, 9999), st.lists(st.tuples(st.integers(0, 99), words), max_size=4)),
        min_size=1,
        max_size=5,
    )
)
def test_a_flow_keeps_its_boxes_apart_and_inside(stages):
    figure = flow([Step(text, number, losses) for text, number, losses in stages])
    (axes,) = figure.axes
    placed = sorted(
        (box.get_y(), box.get_y() + box.get_height()) for box in axes.patches if hasattr(box, "get_y")
    )
    bottom = max(axes.get_ylim())
    assert placed[-1][1] <= bottom
    assert all(above[1] < below[0] for above, below in pairwise(placed))


def test_the_worst_cases_are_those_that_lost_most(result):
    keys = [(f"p{number:04d}", "remove_pneumothorax") for number in range(6)]
    real = {(case.model, case.study_id): case.value for case in result.cases if case.arm == "real"}
    stress = {(case.model, case.study_id): case.value for case in result.cases if case.arm == "stress"}
    lost = {key: max(real[m.name, key[0]] - stress[m.name, key[0]] for m in result.models) for key in keys}
    chosen = worst(result, keys, 3)
    assert [lost[key] for key in chosen] == sorted(lost.values(), reverse=True)[:3]


def test_a_map_is_hottest_where_the_lost_images_were_edited(result):
    class Item:
        original = np.full((32, 32), 100, np.uint8)

        def __init__(self, top):
            self.edit_mask = np.zeros((32, 32), bool)
            self.edit_mask[8:16, 8:16] = top
            self.edit_mask[20:28, 8:16] = not top

    model = result.models[0].name
    real = {case.study_id: case.value for case in result.cases if case.model == model and case.arm == "real"}
    rows = [case for case in result.cases if case.model == model and case.arm == "stress"]
    items = [((row.study_id, row.scenario), Item(top=real[row.study_id] > row.value)) for row in rows]
    figure = error_map(result, items)
    heat = np.ma.filled(figure.axes[0].images[1].get_array(), np.nan)
    assert np.nanargmax(heat) // 32 in range(8, 16)
    assert heat[10, 10] == 1
    assert np.isnan(heat[0, 0])
    assert "no map" in error_map(result, items[:1]).description


def test_figures_are_written_for_papers(full, tmp_path):
    plots = Plots(full)
    written = plots.save(tmp_path / "figures")
    assert {path.name for path in written} >= {"effects.svg", "effects.png", "roc.svg"}
    assert "boxes.svg" not in {path.name for path in written}
    assert (tmp_path / "figures" / "roc.png").read_bytes() == png(plots.roc())


def test_another_package_adds_a_figure(full, monkeypatch):
    class Point:
        name = "mine"

        def load(self):
            return effects

    monkeypatch.setattr(
        "radbench.plots.entry_points", lambda group: [Point()] if group == "radbench.plots" else []
    )
    assert "mine" in plot_names()
    assert Plots(full).mine().axes
    with pytest.raises(UsageError, match="Did you mean 'effects'"):
        find_plot("efects")


def test_long_and_hostile_names_are_cut(full):
    name = "a\x1b[2J\r" + "very long name " * 10
    assert len(shortened(name)) <= 32 and shortened(name).isprintable()
    odd = full.model_copy(
        update={"models": [full.models[0].model_copy(update={"name": name}), *full.models[1:]]}
    )
    assert "\x1b" not in svg(effects(odd))


def test_options_of_a_figure_reach_it(full):
    assert Plots(full).effects(models=[full.models[0].name]).axes
