"""Anchors on the page, in the figure, the tables and on the console."""

import io

from html_page import Page
from rich.console import Console
from synthetic import with_anchors

from radbench.cli.summary import print_summary
from radbench.harness.result import Estimate, Verdict
from radbench.plots.anchors import anchors as draw
from radbench.plots.style import svg
from radbench.report.anchors import anchors_view
from radbench.report.identity import deidentified
from radbench.report.page import render_page
from radbench.report.tables import tables


def test_the_page_shows_anchors_synthetic_and_both_beside_each_other(result):
    text = render_page(with_anchors(result), []).decode()
    assert "Real films that show the shift" in text
    assert "16 real films of 14 patients in other with pneumothorax = 0 and drain = 1" in text
    assert "2 patients of them are also in the real set" in text
    assert "those edits are not borrowed" in text
    assert "3 further films had no label" in text
    assert "63.0 %" in text and "45 images borrowed" in text
    assert Page(text).headings
    assert "Real films that show the shift" not in render_page(result, []).decode()


def test_each_verdict_has_a_badge_and_several_scenarios_a_column(result):
    for verdict in ("agree", "disagree", "cannot tell", "not measured"):
        view = anchors_view(with_anchors(result, verdict))
        assert view.models[0].rows[0].badge.word == verdict
    view = anchors_view(with_anchors(result, scenarios=("left", "right")))
    assert view.several
    assert [row.scenario for row in view.models[0].rows] == ["left", "right"]


def test_the_figure_names_every_point_and_is_the_same_twice(result):
    found = with_anchors(result, scenarios=("left", "right"))
    figure = draw(found)
    for words in ("real set", "anchors (real)", "synthetic", "combined", "left", "right"):
        assert words in figure.description
    assert svg(figure) == svg(draw(found))
    assert "No anchor" in draw(result).description
    one = draw(found, [found.models[0].name])
    assert found.models[1].name not in one.description


def test_what_was_not_measured_is_said_and_not_drawn(result):
    found = with_anchors(result, "not measured")
    nothing = Estimate.undefined("no synthetic image could be measured")
    models = [
        model.model_copy(
            update={
                "anchors": [
                    one.model_copy(update={"stress": nothing, "difference": nothing}) for one in model.anchors
                ]
            }
        )
        for model in found.models
    ]
    bare = found.model_copy(update={"models": models})
    assert "synthetic" not in draw(bare).description
    assert "undefined" in render_page(bare, []).decode()


def test_tables_and_console_have_them(result):
    found = with_anchors(result, "disagree")
    table = tables(found)["anchors.csv"].decode().splitlines()
    assert table[0].startswith("model,shift,scenario,n,patients,margin,anchor_value")
    assert len(table) == 1 + len(found.models)
    assert "anchors.csv" not in tables(result)
    assert b",anchored," in tables(found)["metrics.csv"]
    sink = io.StringIO()
    print_summary(Console(file=sink, width=160), found)
    assert "Anchors disagree" in sink.getvalue()
    assert "Drop to anchored" in sink.getvalue()


def test_nobody_is_named(result):
    hidden = deidentified(with_anchors(result))
    assert hidden.models[0].anchors == with_anchors(result).models[0].anchors
    assert hidden.models[0].verdict in set(Verdict)
