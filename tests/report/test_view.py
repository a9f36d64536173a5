"""The sections of evidence: what a reader is told of claims, tests, subgroups, gates and the rest."""

import evidence
import pytest
import synthetic
from html_page import HOSTILE, Page

from radbench.harness.result import Verdict
from radbench.harness.result.words import listed, number, p_value
from radbench.report.controls import unanswered
from radbench.report.methods import methods_text
from radbench.report.page import render_page
from radbench.report.view import power_lines, ranking_view, summary_rows


@pytest.fixture(scope="module")
def made(result):
    return evidence.with_evidence(synthetic.with_controls(result))


@pytest.fixture(scope="module")
def text(made):
    return render_page(made, []).decode()


def words_of(text):
    return " ".join(" ".join(Page(text).words).split())


@pytest.mark.parametrize(
    "phrase",
    [
        "The verdict is that of 5 declared rules",
        "at least 0.800", "Every false alarm is a CT.", "measured on the same test set, image by image",
        "The vendor states none.", "No digest was declared for this model",
        "98.0 % (96.0 to 99.0 %) 4,021 adults, two hospitals 97.0 % (95.0 to 99.0 %)", "not supported",
        "This model fails its own declaration and was audited because that was asked for.",
        "AUROC 0.41, inverted 0.97",
        "McNemar, exact 64 < 0.001 < 0.001", "Corrected over 9 tests",
        "With n = 64 a drop under 0.11 cannot be seen.", "3 of 64",
        "pneumothorax-biased gave no answer for 3 of 64 edited images; they count as wrong.",
        "age band: 65+ (few)", "under 20 patients, shown and never judged on its own",
        "expected calibration error 0.060 (0.040 to 0.080)",
        "the first is better", "PPV", "balanced accuracy",
        "Left out (n = 12)", "Predictive values are given at a prevalence of 4 %.", "arXiv:2312.12865",
    ],
)  # fmt: skip
def test_the_page_says(text, phrase):
    assert phrase in words_of(text), phrase


def test_all_of_it_keeps_the_rules_of_the_page(text):
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert set(page.refs) <= set(page.ids)
    assert page.of("script") == []
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    links = [attrs["href"] for attrs in page.of("a")]
    assert all(link.startswith("#") and link[1:] in page.ids for link in links)
    assert len(page.of("caption")) == len(page.of("table"))
    assert all(region["aria-label"] for region in page.of("div") if region.get("role") == "region")


def test_hostile_evidence_stays_text(made):
    def spoil(model):
        data = model.model_dump()
        for group in ("claims", "preflight", "tests", "subgroups"):
            for row in data[group]:
                row.update(
                    {
                        key: HOSTILE
                        for key in (
                            "population",
                            "reason",
                            "check",
                            "declared",
                            "observed",
                            "meaning",
                            "scenario",
                            "note",
                            "column",
                            "value",
                        )
                        if key in row and isinstance(row[key], str)
                    }
                )
        return type(model).model_validate(
            data | {"intended_use": HOSTILE, "source": HOSTILE, "format": HOSTILE}
        )

    gates = [
        gate.model_copy(update={"rule": HOSTILE, "reason": HOSTILE, "why": HOSTILE, "model": HOSTILE})
        for gate in made.gates
    ]
    base = made.baseline.model_copy(update={"note": HOSTILE, "tool": {HOSTILE: HOSTILE}})
    spoilt = made.model_copy(
        update={"models": list(map(spoil, made.models)), "gates": gates, "baseline": base}
    )
    text = render_page(spoilt, []).decode()
    page = Page(text)
    assert page.of("script") == page.of("img") == []
    assert "<script>alert" not in text
    assert text.count("&lt;script&gt;alert(1)") > 30


def test_the_gravest_rules_and_findings_come_first(text):
    words = words_of(text)
    order = [
        words.index(f"at least 0.80 ({verdict})") for verdict in ("ERROR", "FAIL", "NOT_RUN", "INCONCLUSIVE")
    ]
    assert order == sorted(order)
    assert words.index("AUROC 0.41, inverted 0.97") < words.index("loaded by onnxruntime")


def test_the_summary_takes_the_corrected_p_of_the_primary_metric(made):
    first = summary_rows(made)[0]
    assert (first.p, first.unanswered) == ("0.048", "3 of 64")
    assert power_lines(made) == [("", "With n = 64 a drop under 0.11 cannot be seen.")]


def test_equal_models_share_a_rank_and_one_model_has_none(made):
    twin = made.models[1].model_copy(update={"name": "twin"})
    ranks = ranking_view(made.model_copy(update={"models": [*made.models, twin]})).ranks
    assert [(rank.place, rank.name) for rank in ranks] == [
        (1, "pneumothorax-robust"), (1, "twin"), (3, "pneumothorax-biased"),
    ]  # fmt: skip
    assert ranking_view(made.model_copy(update={"models": made.models[:1]})).ranks == ()


def test_the_methods_follow_the_result(made, result):
    full, bare = " ".join(methods_text(made)), " ".join(methods_text(result))
    for phrase in ("sham edits", "McNemar's exact test and the paired bootstrap", "over 9 tests", "3 in all"):
        assert phrase in full and phrase not in bare, phrase
    assert "not of patients" in full
    folder = result.cohort.model_copy(update={"name": "folder:candid"})
    assert "not of patients" not in " ".join(methods_text(result.model_copy(update={"cohort": folder})))
    assert unanswered(result) == []


def test_a_model_that_was_refused_says_why(result):
    refused = result.models[0].model_copy(
        update={
            "arms": {}, "paired": {}, "scenarios": {}, "verdict": Verdict.NOT_RUN, "failure": "refused",
            "error": "It fails its own declaration (inverted film).",
            "preflight": [evidence._finding(*evidence.CHECKS[0])],
        }
    )  # fmt: skip
    words = words_of(render_page(result.model_copy(update={"models": [refused]}), []).decode())
    assert words.count("It fails its own declaration (inverted film).") == 2


def test_small_words():
    assert [p_value(p) for p in (None, 0.00001, 0.0123, 0.5)] == ["undefined", "< 0.001", "0.012", "0.50"]
    assert [listed(words) for words in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "",
        "a",
        "a and b",
        "a, b and c",
    ]
    assert [number(value, "number") for value in (50.0, 0.8, -0.25, 1234.0, 123.4)] == [
        "50",
        "0.800",
        "−0.250",
        "1234",
        "123.4",
    ]
