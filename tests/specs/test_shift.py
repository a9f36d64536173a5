import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from radbench.declared import shifts_dir
from radbench.errors import UsageError
from radbench.specs import EditorSpec, FilterSpec, MaskRule, load_shift

MANIFESTATION, POPULATION, ACQUISITION = (
    (shifts_dir() / f"{name}.yaml").read_text(encoding="utf-8")
    for name in ("manifestation", "population", "acquisition")
)
PLAIN = """\
name: plain
title: Plain
description: As a shift was first declared.
kind: manifestation
target: pneumothorax
source: {cohort: phantom/manifestation, size: 4}
scenarios:
  - name: remove
    prompt: No acute cardiopulmonary process.
    edit_mask: {source: pneumothorax}
    labels_after: {pneumothorax: 0}
metrics: [accuracy]
"""


def read(tmp_path, text):
    file = tmp_path / "declared.yaml"
    file.write_text(text, encoding="utf-8")
    return load_shift(file)


def test_an_old_declaration_still_reads_with_every_control(tmp_path):
    shift = read(tmp_path, PLAIN)
    (scenario,) = shift.scenarios
    assert (shift.task, shift.limit, shift.control_models) == ("classification", None, [])
    assert (shift.filter.encoder, shift.controls.sham) == (None, True)
    assert (scenario.sham_prompt, scenario.placebo, scenario.editor) == ("{report}", None, None)
    assert shift.editor_of(scenario) is shift.editor
    assert FilterSpec().encoder == "phantom"


def test_acquisition_is_the_paper_s():
    shift = load_shift(shifts_dir() / "acquisition.yaml")
    (scenario,) = shift.scenarios
    assert scenario.select == {"covid": 1, "hospital": "B"}
    assert scenario.prompt == "No acute cardiopulmonary process"
    assert scenario.edit_mask == MaskRule(source="covid_boxes")
    assert scenario.keep_mask == MaskRule(source="covid_boxes", complement=True)
    assert (shift.target, shift.models) == ("covid", ["covid-biased", "covid-robust"])


def test_population_is_the_paper_s():
    shift = load_shift(shifts_dir() / "population.yaml")
    by_name = {scenario.name: scenario for scenario in shift.scenarios}
    assert (shift.task, shift.target) == ("segmentation", "lungs")
    assert by_name["oedema"].prompt == "Moderate pulmonary oedema. The heart size is normal."
    assert (by_name["oedema"].edit_mask.names, by_name["oedema"].keep_mask) == (("lungs",), None)
    assert by_name["pacemaker"].prompt == (
        "Left pectoral pacemaker in place. The position of the leads is as expected. "
        "Otherwise unremarkable chest radiographic examination."
    )
    for side, other in (("left", "right"), ("right", "left")):
        scenario = by_name[f"consolidation-{side}"]
        assert scenario.prompt == f"New {side} upper lobe consolidation."
        assert (scenario.edit_mask.names, scenario.keep_mask.names) == ((f"lung_{side}",), (f"lung_{other}",))
        assert scenario.attributes_after == {"side": side}


@pytest.mark.parametrize(
    ("text", "old", "new", "words"),
    [
        (
            MANIFESTATION,
            "guidance_scale: [2.5, 0.0, 1.0, 5.0]",
            "guidance_scale: []",
            ["editor.guidance_scale", "at least 1"],
        ),
        (
            MANIFESTATION,
            "guidance_scale: [2.5, 0.0, 1.0, 5.0]",
            "guidance_scale: [3, x]",
            ["editor.guidance_scale[1]", "'x'"],
        ),
        (MANIFESTATION, "guidance_scale: [2.5, 0.0, 1.0, 5.0]", "guidance_scale: [3, 3.0]", ["dose 3 twice"]),
        (
            MANIFESTATION,
            "guidance_scale: [2.5, 0.0, 1.0, 5.0]",
            "guidance_scale: three",
            ["'three' (text), expected a number"],
        ),
        (MANIFESTATION, "skip_ratio: 0.7", "skip_ratio: [0.6, 1.0]", ["editor.skip_ratio[1]", "less than 1"]),
        (MANIFESTATION, "skip_ratio: 0.7", "mask_growth: [0, -1]", ["editor.mask_growth[1]", "-1"]),
        (MANIFESTATION, "name: radedit", "name: diffedt", ["Did you mean 'diffedit'"]),
        (
            MANIFESTATION,
            "source: drain",
            "source: pneumothorax",
            ["'remove-pneumothorax' are the same mask", "nothing would be edited"],
        ),
        (ACQUISITION, "      complement: true\n", "", ["are the same mask", "complement: true"]),
        (MANIFESTATION, "source: drain", "source: [drain, drain]", ["the mask 'drain' twice"]),
        (MANIFESTATION, "source: drain", "source: [none, drain]", ["'none' beside other masks"]),
        (MANIFESTATION, "source: drain", "source: []", ["keep_mask.source", "at least 1"]),
        (MANIFESTATION, "source: drain", "source: 3", ["keep_mask.source", "3 (a whole number)"]),
        (MANIFESTATION, '"{report}"', '"{report"', ["brace without its partner"]),
        (MANIFESTATION, '"{report}"', '"{report.upper}"', ["'{report.upper}'", "just a name between braces"]),
        (MANIFESTATION, '"{report}"', '"{}"', ["just a name between braces"]),
        (MANIFESTATION, '"{report}"', '"{report:>9}"', ["'{report:>9}'"]),
        (
            MANIFESTATION,
            "        pneumothorax: 0\n        drain: 0",
            "        pneumothorax: 1\n        drain: 1",
            ["selects the studies that are edited"],
        ),
        (MANIFESTATION, "      size: 16", "      size: 0", ["placebo.size", "found 0"]),
        (MANIFESTATION, "min_editing_score: 0.2", "min_editing_score: 2", ["filter.min_editing_score"]),
        (MANIFESTATION, "min_editing_score", "min_editting_score", ["Did you mean 'min_editing_score'"]),
        (MANIFESTATION, "sham: true", "sham: 1", ["controls.sham", "true or false"]),
        (
            MANIFESTATION,
            "specificity, auroc, auprc, brier, ece]",
            "dice]",
            ["'dice'", "does not measure a classification", "expected some of accuracy"],
        ),
        (POPULATION, "[dice,", "[accuracy,", ["'accuracy'", "does not measure a segmentation"]),
        (POPULATION, "[dice,", "[dise,", ["Did you mean 'dice'"]),
        (POPULATION, "task: segmentation", "task: segmentaton", ["Did you mean 'segmentation'"]),
        (POPULATION, "task: segmentation\n", "", ["does not measure a classification"]),
        (POPULATION, "limit: 128", "limit: 0", ["field 'limit'", "found 0"]),
        (
            POPULATION,
            "models:",
            "control_models: [lungs-weak]\nmodels:",
            ["'lungs-weak' is in models and in"],
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(tmp_path, text, old, new, words):
    assert old in text
    with pytest.raises(UsageError) as caught:
        read(tmp_path, text.replace(old, new, 1))
    message = str(caught.value)
    assert "\n" not in message
    assert "more problem" not in message
    for word in words:
        assert word in message


def test_a_segmentation_needs_no_label(tmp_path):
    lines = [
        line for line in POPULATION.splitlines() if "labels_after" not in line and "oedema: 1" not in line
    ]
    text = "\n".join(lines).replace("      pacemaker: 1\n", "").replace("      consolidation: 1\n", "")
    assert [scenario.labels_after for scenario in read(tmp_path, text).scenarios] == [{}] * 4


def test_the_first_of_a_list_is_the_setting_and_the_others_are_doses():
    editor = EditorSpec(guidance_scale=[3, 1.0, 5.0], skip_ratio=[0.6, 0.2], mask_growth=4, name="sdedit")
    assert editor.main == EditorSpec(guidance_scale=3.0, skip_ratio=0.6, mask_growth=4.0, name="sdedit")
    assert editor.doses() == [
        (
            "guidance_scale",
            1.0,
            EditorSpec(guidance_scale=1.0, skip_ratio=0.6, mask_growth=4.0, name="sdedit"),
        ),
        (
            "guidance_scale",
            5.0,
            EditorSpec(guidance_scale=5.0, skip_ratio=0.6, mask_growth=4.0, name="sdedit"),
        ),
        ("skip_ratio", 0.2, EditorSpec(guidance_scale=3.0, skip_ratio=0.2, mask_growth=4.0, name="sdedit")),
    ]
    assert editor.main.main == editor.main
    assert editor.main.doses() == []


numbers = st.floats(0, 0.9, allow_subnormal=False)


@settings(max_examples=30, deadline=None)
@given(
    guidance=st.lists(numbers, min_size=1, max_size=4, unique=True),
    skip=st.one_of(numbers, st.lists(numbers, min_size=1, max_size=4, unique=True)),
)
def test_every_dose_changes_one_setting(guidance, skip):
    editor = EditorSpec(guidance_scale=guidance, skip_ratio=skip)
    main = editor.main.model_dump()
    assert len(editor.doses()) == len(guidance) - 1 + (len(skip) - 1 if isinstance(skip, list) else 0)
    for factor, value, dosed in editor.doses():
        settings = dosed.model_dump()
        assert settings[factor] == value
        assert {name for name in main if settings[name] != main[name]} == {factor}


@pytest.mark.parametrize(
    ("source", "names"), [("none", ()), ("drain", ("drain",)), (["drain", "ptx"], ("drain", "ptx"))]
)
def test_the_names_of_a_mask_rule(source, names):
    assert MaskRule(source=source).names == names


def test_same_region_looks_at_masks_and_side_only():
    rule = MaskRule(source=["a", "b"])
    assert rule.same_region(MaskRule(source=["b", "a"], dilate=3))
    assert not rule.same_region(MaskRule(source=["a", "b"], complement=True))
    assert not rule.same_region(MaskRule(source="a"))


def test_types_stay_strict():
    with pytest.raises(ValidationError):
        MaskRule(source="a", complement=1)


def test_a_folders_table_is_declared_in_the_source(tmp_path):
    source = "{cohort: 'folder:x', size: 4, labels: {uncertain: ignore, codes: [-1, maybe]}, columns: {study_id: ID}}"
    read_source = read(tmp_path, PLAIN.replace("{cohort: phantom/manifestation, size: 4}", source)).source
    assert (read_source.labels.uncertain, read_source.labels.codes) == ("ignore", [-1, "maybe"])
    assert read_source.columns == {"study_id": "ID"}
    plain = read(tmp_path, PLAIN).source
    assert (plain.labels, plain.columns) == (None, {})
    short = read(
        tmp_path,
        PLAIN.replace("{cohort: phantom/manifestation, size: 4}", source.replace(", codes: [-1, maybe]", "")),
    )
    assert short.source.labels.codes == [-1]


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (
            "{cohort: phantom/manifestation, size: 4, columns: {age: Age}}",
            "source has 'columns', which says how a table is read.*phantom",
        ),
        ("{cohort: phantom/manifestation, size: 4, labels: {uncertain: ignore}}", "source has 'labels'"),
        (
            "{cohort: 'folder:x', size: 4, labels: {uncertain: drop}}",
            "found 'drop'.*one of ignore, positive, negative",
        ),
        ("{cohort: 'folder:x', size: 4, labels: {uncertain: ignore, codes: []}}", "codes"),
    ],
)
def test_a_wrong_declaration_of_a_table_is_named(source, sentence, tmp_path):
    with pytest.raises(UsageError, match=sentence):
        read(tmp_path, PLAIN.replace("{cohort: phantom/manifestation, size: 4}", source))
