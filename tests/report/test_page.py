"""The page: self-contained, escaped, well formed, accessible, and the same bytes every time."""

import re
from dataclasses import replace

import pytest
import synthetic
from html_page import HOSTILE, Page

import radbench.report.page as page_module
from radbench.declared import reports_dir
from radbench.errors import UsageError
from radbench.harness.result import AuditResult, Verdict
from radbench.report.page import render_page


@pytest.fixture(scope="module")
def text(result, gallery):
    return render_page(result, gallery).decode()


@pytest.fixture(scope="module")
def page(text):
    return Page(text)


def test_nothing_outside_is_asked_for(text, page):
    assert all(value.startswith(("data:", "#")) for value in page.fetches)
    assert not re.search(r"https?://|@import|url\(", text)
    assert page.of("script") == page.of("iframe") == page.of("object") == []
    assert not [attrs for _, attrs in page.tags if any(name[:2] == "on" or name == "style" for name in attrs)]


def test_the_policy_allows_only_the_page_s_own_style(text, page):
    import base64
    import hashlib

    policy = next(m["content"] for m in page.of("meta") if m.get("http-equiv") == "Content-Security-Policy")
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy.startswith("default-src 'none'")
    assert f"style-src 'sha256-{digest}'" in policy
    assert "unsafe" not in policy


def test_the_page_is_well_formed_and_accessible(text, page):
    assert text.startswith("<!DOCTYPE html>\n")
    assert page.of("html") == [{"lang": "en"}]
    assert len(page.ids) == len(set(page.ids))
    assert set(page.refs) <= set(page.ids)
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    assert all(after - before <= 1 for before, after in zip(page.headings, page.headings[1:], strict=False))
    assert all(image["alt"] and image["width"] and image["height"] for image in page.of("img"))
    assert len(page.of("caption")) == len(page.of("table"))
    assert all("scope" in cell for cell in page.of("th"))


def test_the_same_result_gives_the_same_bytes(make_result, make_gallery):
    items = make_gallery(8)
    first = render_page(make_result(), items)
    assert first == render_page(make_result(), make_gallery(8)[::-1])
    assert first == render_page(AuditResult.from_json(make_result().to_json()), items)


def test_the_page_stays_small(make_result, make_gallery):
    assert len(render_page(make_result(), make_gallery(64))) < 3_000_000


def test_hostile_names_stay_text(make_result, make_gallery):
    made = make_result(names=(HOSTILE, HOSTILE + "2"), title=HOSTILE, scenario=HOSTILE)
    items = [replace(item, study_id=HOSTILE) for item in make_gallery(2, scenario=HOSTILE)]
    text = render_page(made, items).decode()
    page = Page(text)
    assert page.of("script") == []
    assert all(value.startswith(("data:", "#")) for value in page.fetches)
    assert "<script>alert" not in text
    assert "alert(1)" in "".join(page.words)


def test_undefined_metrics_say_why(page):
    words = " ".join(" ".join(page.words).split())
    assert re.search(r"undefined \d", words)
    assert "All images of this arm are negatives." in words
    assert "nan" not in words.lower().split()


@pytest.mark.parametrize("name", ["everything", "drawn"])
def test_what_qualifies_figures_stands_once_under_a_number(request, name):
    text = request.getfixturevalue(name)
    told = re.findall(r'<li id="note-(\d+)" value="\1">(.+)</li>', text)
    assert [int(number) for number, _ in told] == list(range(1, len(told) + 1))
    assert len({words for _, words in told}) == len(told)
    referred = re.findall(r'href="#note-(\d+)">\1</a>', text)
    assert set(referred) == {number for number, _ in told}
    for number, _ in told:
        assert text.index(f'href="#note-{number}"') < text.index(f'id="note-{number}"')


def test_what_all_verdicts_leave_out_is_said_once(result):
    alike = [model.model_copy(update={"subgroups": _small()}) for model in result.models]
    words = words_of(render_page(result.model_copy(update={"models": alike}), []).decode())
    assert words.count("Subgroups too small for a verdict") == 1
    one = result.model_copy(update={"models": [alike[0], *result.models[1:]]})
    assert "Of every model:" not in words_of(render_page(one, []).decode())


def _small():
    import evidence

    return [group for group in evidence._subgroups(0) if group.small]


def test_the_table_holds_each_model_on_each_set(page):
    words = " ".join(" ".join(page.words).split())
    for word in ("Real", "Synthetic", "Reconstruction", "True counterfactual", "97.5 %", "(95.0 to 100.0 %)"):
        assert word in words
    assert "FAIL : 1 of 2 models fails under this shift" in words.replace("FAIL:", "FAIL :")
    assert "A phantom is not a patient." in words


def test_truth_and_phantom_are_named_only_where_they_are(result, gallery):
    cohort = result.cohort.model_copy(update={"truth_known": False, "name": "folder:candid"})
    models = [
        m.model_copy(update={"arms": {name: arm for name, arm in m.arms.items() if name != "truth"}})
        for m in result.models
    ]
    items = [replace(item, truth=None) for item in gallery[:1]]
    text = render_page(result.model_copy(update={"cohort": cohort, "models": models}), items).decode()
    assert "RENDERED" not in text
    assert "True counterfactual" not in text
    assert "phantom is not a patient" not in text


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_and_an_empty_model_have_a_page(result, verdict):
    broken = result.models[0].model_copy(
        update={
            "verdict": verdict, "error": "the weights file is damaged", "arms": {}, "paired": {},
            "scenarios": {}, "truth_gap": None,
        }
    )  # fmt: skip
    changed = result.model_copy(
        update={"verdict": verdict, "models": [broken], "cases": [], "edit_quality": [], "gate": False}
    )
    page = Page(render_page(changed, []).decode())
    assert "the weights file is damaged" in "".join(page.words)
    assert page.of("img") == []
    Page(render_page(changed.model_copy(update={"models": []}), []).decode())


def test_several_scenarios_are_also_shown_one_by_one(result, gallery):
    second = result.shift.scenarios[0].model_copy(update={"name": "second_scenario"})
    shift = result.shift.model_copy(update={"scenarios": [*result.shift.scenarios, second]})
    models = []
    for model in result.models:
        (only,) = model.scenarios.values()
        models.append(model.model_copy(update={"scenarios": {s.name: only for s in shift.scenarios}}))
    page = Page(render_page(result.model_copy(update={"shift": shift, "models": models}), gallery).decode())
    assert "accuracy-scenarios" in page.ids


def test_decisions_without_scores_are_shown_as_answers(result, gallery):
    cases = [case.model_copy(update={"score": None}) for case in result.cases]
    text = render_page(result.model_copy(update={"cases": cases}), gallery).decode()
    assert "yes → yes" in text
    assert "This model gives no scores" in text


def test_a_section_without_a_template_is_named(result, tmp_path):
    for name in ("style.css", "report.html.j2", "macros.html.j2"):
        (tmp_path / name).write_bytes((reports_dir() / name).read_bytes())
    (tmp_path / "reportlets").mkdir()
    (tmp_path / "reportlets" / "verdict.html.j2").write_text("<p>{{ shift.name }}: {{ caption }}</p>")
    (tmp_path / "reportlets" / "nothing.html.j2").write_text("{% if false %}never{% endif %}\n")
    declared = "sections:\n- id: one\n  title: About {{ target }}\n  reportlets:\n  - name: "
    (tmp_path / "report.yaml").write_text(declared + "verdct\n")
    with pytest.raises(UsageError, match=r"report\.yaml: reportlet 'verdct'.*Did you mean 'verdict'"):
        render_page(result, [], tmp_path)
    (tmp_path / "report.yaml").write_text(declared + "verdict\n    caption: the {{ primary }}\n")
    page = render_page(result, [], tmp_path)
    assert b"<p>manifestation: the accuracy</p>" in page
    assert b'<h2 id="one">About pneumothorax</h2>' in page
    (tmp_path / "report.yaml").write_text(declared + "nothing\n")
    assert b"About pneumothorax" not in render_page(result, [], tmp_path)


def test_a_declared_caption_escapes_what_the_audit_puts_in(result, tmp_path):
    import shutil

    shutil.copytree(reports_dir(), tmp_path / "reports")
    file = tmp_path / "reports" / "report.yaml"
    file.write_text(file.read_text().replace("title: Summary", "title: 'On {{ shift.title }}'"))
    made = result.model_copy(update={"shift": result.shift.model_copy(update={"title": HOSTILE})})
    text = render_page(made, [], tmp_path / "reports").decode()
    assert "<script>alert" not in text
    assert "On &lt;script&gt;" in text


def test_templates_cannot_name_what_does_not_exist(result, tmp_path):
    import jinja2

    environment = page_module._environment(tmp_path)
    with pytest.raises(jinja2.UndefinedError):
        environment.from_string("{{ nothing }}").render()


@pytest.fixture(scope="module")
def everything(result, gallery):
    """The page of a classification with every control."""
    return render_page(
        synthetic.with_controls(result), gallery, rejected=synthetic.rejected_items(gallery)
    ).decode()


@pytest.fixture(scope="module")
def drawn(result, gallery):
    """The page of a segmentation with four scenarios."""
    items = [replace(item, scenario=synthetic.SCENARIOS[n]) for n, item in enumerate(gallery)]
    return render_page(synthetic.segmentation(result), items).decode()


@pytest.mark.parametrize("name", ["everything", "drawn"])
def test_every_section_keeps_the_rules_of_the_page(request, name):
    text = request.getfixturevalue(name)
    page = Page(text)
    test_nothing_outside_is_asked_for(text, page)
    test_the_policy_allows_only_the_page_s_own_style(text, page)
    test_the_page_is_well_formed_and_accessible(text, page)
    drawings = [attrs for attrs in page.of("svg") if attrs.get("role") == "img"]
    assert all(attrs["aria-labelledby"] for attrs in drawings)
    assert all("aria-hidden" in attrs for attrs in page.of("svg") if attrs.get("role") != "img")
    assert len(text) < 3_000_000


def words_of(text):
    return " ".join(" ".join(Page(text).words).split())


def test_controls_are_explained_and_control_models_marked(everything):
    words = words_of(everything)
    assert "The instrument can be believed" in words
    assert "control model" in words
    assert "FAIL: The model fails under this shift" in words
    assert "by the shift, beyond the sham" in words
    assert "93.5 points (90.5 to 97.5)" in words
    assert "18.0 % (13.0 to 23.0 %)" in words
    assert "3.0 ± 2.1" in words


def test_a_doubtful_instrument_is_said_first(result):
    words = words_of(render_page(synthetic.segmentation(result, Verdict.INCONCLUSIVE), []).decode())
    assert "INCONCLUSIVE: The controls do not let the editor's part be told from the shift's" in words
    assert "The instrument cannot be believed here" in words


def test_doses_runs_quality_and_losses_have_their_tables(everything):
    words = words_of(everything)
    for phrase in (
        "Dose and response", "guidance scale", "40.0 % (34.0 to 46.0 %)", "the test set's",
        "5 runs: mean ± standard deviation; drop 94.5 ± 3.0 points",
        "Editing score", "at least +0.200", "+0.410",
        "rejected: editing score under 0.20", "rejected: keep mask covers the whole edit mask",
    ):  # fmt: skip
        assert phrase in words, phrase


def test_rejected_images_are_stamped_with_their_reason(everything):
    page = Page(everything)
    alts = [image["alt"] for image in page.of("img")]
    assert any(alt.endswith("rejected: editing score 0.11 under 0.20") for alt in alts)
    assert any(alt.startswith("Original image, never edited") for alt in alts)


def test_a_segmentation_has_its_table_and_its_boxes(drawn):
    page, words = Page(drawn), words_of(drawn)
    assert "Dice (higher is better)" in drawn
    assert "consolidation-left: synthetic" in words
    assert "1 image lies beyond the axis" in words
    assert re.search(r"lungs-weak: 0\.\d{3} → 0\.\d{3}", words)
    assert "Flip rate" not in words
    assert "Scores that the models gave" not in words
    assert "segmentation" in page.ids


def test_hostile_reasons_and_scenarios_stay_text(result, gallery):
    items = [replace(item, reason=HOSTILE, study_id=HOSTILE) for item in synthetic.rejected_items(gallery)]
    made = synthetic.with_controls(result)
    row = made.attrition[0].model_copy(update={"scenario": HOSTILE, "rejected": {HOSTILE: 9}})
    text = render_page(made.model_copy(update={"attrition": [row]}), [], rejected=items).decode()
    assert Page(text).of("script") == []
    assert "<script>alert" not in text


def test_everything_gives_the_same_bytes_again(result, gallery, everything):
    made = AuditResult.from_json(synthetic.with_controls(result).to_json())
    items = synthetic.rejected_items(gallery)[::-1]
    assert render_page(made, gallery, rejected=items).decode() == everything
