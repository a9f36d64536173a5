"""The summary for a pull request: what was found, in tables, and nothing of others' words is markup."""

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from radbench.harness.gates import gated, unmet
from radbench.harness.gates.baseline import Earlier
from radbench.harness.result import GateResult, Verdict
from radbench.report.summary import ROWS, code, summary_markdown, text
from radbench.specs import GateRule, GatesSpec

PARSER = MarkdownIt("commonmark").enable("table").enable("strikethrough")
HOSTILE = (
    "a|b <img src=x onerror=1> [x](http://evil) ![y](//e) @team #12 www.evil.com ~~s~~ **b** `c` \\| $x$ GH-1"
)


def markdown(*results, **options):
    return summary_markdown(results, **options).decode()


def tokens(source):
    found = []
    for token in PARSER.parse(source):
        found += [token, *(token.children or [])]
    return found


def cells(source):
    """The tables' rows as the parser reads them."""
    rows, inside = [], PARSER.parse(source)
    for token, after in pairwise(inside):
        if token.type == "tr_open":
            rows.append([])
        if token.type in {"td_open", "th_open"}:
            rows[-1].append(after.content)
    return rows


def rules(*declared):
    return GatesSpec(name="g", rules=[GateRule(**one) for one in declared])


def test_without_gates_the_models_are_shown_with_their_figures(make_result):
    found = markdown(make_result().model_copy(update={"gate": False}))
    assert found.startswith("## radbench: FAIL\n\n2 models: 1 FAIL, 1 PASS. No gate was asked for.\n")
    rows = cells(found)
    assert rows[0][:2] == ["Model", "Verdict on the drop"]
    assert rows[1] == ["`pneumothorax-biased`", "FAIL", "0.975", "0.030", "0.945 (0.915 to 0.975)", "–"]
    assert "- FAIL, `pneumothorax-biased`: Accuracy drops by 94.5 points" in found
    assert "160 real and 64 edited images, seed 0, test set `efefefefefef`" in found
    assert "no clinical evidence" in found


@pytest.mark.parametrize("held", [True, False])
def test_a_forced_model_is_named_even_where_it_passes(make_result, held):
    result = make_result()
    models = [
        model.model_copy(update={"forced": True, "reason": "Forced it was."}) for model in result.models
    ]
    result = result.model_copy(update={"models": models})
    found = markdown(gated(result, rules({"measure": "kept", "min": 50})) if held else result)
    assert {model.verdict for model in models} == {Verdict.FAIL, Verdict.PASS}
    assert all(f"`{model.name}`: Forced it was." in found for model in models)


def test_gates_are_a_table_and_what_does_not_pass_says_why(make_result):
    spec = rules(
        {"measure": "kept", "min": 50, "why": "fewer decide nothing"}, {"measure": "drop", "max": 0.1}
    )
    result = gated(make_result(), spec, Earlier.of(make_result()))
    found = markdown(result)
    assert ["images kept at least 50", "–", "64", "PASS", "fewer decide nothing"] in cells(found)
    assert "- FAIL, drop in stress at most 0.10 (`pneumothorax-biased`): Measured 0.945" in found.replace(
        "\\", ""
    )
    assert "on the same test set" in found
    assert "No gate was asked for" not in found


def test_what_was_not_run_is_the_verdict(make_result):
    passing = gated(make_result().model_copy(update={"gate": False}), rules({"measure": "kept", "min": 5}))
    left = unmet(rules({"measure": "drop", "max": 0.5, "shift": "population"}), [passing])
    assert markdown(passing).startswith("## radbench: PASS")
    found = markdown(passing, unmet=left)
    assert found.startswith("## radbench: NOT_RUN\n\n2 rules: 1 NOT_RUN, 1 PASS.")
    assert "### Rules that nothing was run for" in found


def test_hostile_words_are_shown_and_do_nothing(make_result):
    result = make_result(names=(HOSTILE, "b"), title=HOSTILE)
    gate = GateResult(
        rule=HOSTILE, shift="s", model=HOSTILE, estimate=None, limit=1, sense="max", verdict=Verdict.FAIL,
        reason=HOSTILE, why=HOSTILE,
    )  # fmt: skip
    found = markdown(result.model_copy(update={"gates": [gate]}))
    kinds = {token.type for token in tokens(found)}
    assert not kinds & {"html_inline", "html_block", "link_open", "image", "s_open"}
    for row in cells(found):
        assert len(row) in {5, 6}
    outside_code = re.sub(r"`[^`]*`|&#124;", "", found)
    assert not re.search(r"@\w|(?<!^)(?<!#)#\d|://|www\.|GH-", outside_code)
    assert "team" in outside_code


@settings(max_examples=40, deadline=None, derandomize=True)
@given(st.text(max_size=60))
def test_any_words_come_out_as_the_words_they_are(words):
    shown = tokens(f"x{text(words)}x")
    assert {token.type for token in shown} <= {
        "paragraph_open",
        "inline",
        "text",
        "paragraph_close",
        "text_special",
    }
    row = cells(f"| a | b |\n| --- | --- |\n| {text(words)} | {code(words)} |")[-1]
    assert len(row) == 2


@pytest.mark.parametrize("name", ["", "   ", "\x00"])
def test_no_name_is_a_dash(name):
    assert code(name) == "–"


def test_a_crowd_is_cut_to_what_a_comment_may_hold_and_keeps_what_fails(make_result):
    gates = [
        GateResult(
            rule=f"rule {number} " + "long " * 30, shift="s", model="m", estimate=None, limit=1, sense="max",
            verdict=Verdict.FAIL if number == 499 else Verdict.PASS, reason="r", why="because " * 10,
        )
        for number in range(500)
    ]  # fmt: skip
    found = markdown(make_result().model_copy(update={"gates": gates}))
    assert "rule 499" in found
    assert f"{500 - ROWS} more rows are in the report." in found
    assert len(found) < 65_536


def test_the_same_results_give_the_same_bytes(make_result):
    assert summary_markdown([make_result()]) == summary_markdown([make_result()])


def test_what_a_verdict_leaves_out_stands_beside_it_also_where_it_passes(make_result):
    found = make_result()
    cohort = found.cohort.model_copy(update={"warnings": ["study a is [flat](http://x)"], "unlabelled": 2})
    arms = {name: arm.model_copy(update={"indeterminate": 9}) for name, arm in found.models[1].arms.items()}
    model = found.models[1].model_copy(update={"arms": arms})
    found = found.model_copy(update={"models": [model], "cohort": cohort, "gate": False})
    shown = markdown(found)
    assert "- PASS, `pneumothorax-robust`: 9 of 160 real images have no answer and count as wrong." in shown
    assert "- Beside every verdict: 2 studies have no label of 'pneumothorax' and stand in no arm." in shown
    assert "link_open" not in {token.type for token in tokens(shown)}
    held = markdown(gated(found, rules({"measure": "drop", "max": 0.5})))
    assert (
        "- PASS, drop in stress at most 0.50 (`pneumothorax-robust`): 9 of 160 real images have no answer"
        in held
    )
