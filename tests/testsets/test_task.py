import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from testset_world import TinyCohort, plan_of, scenario, shift

from radbench.data.images import dilate
from radbench.diffusion.editors import EditSettings
from radbench.specs.scenario import EditorSpec, MaskRule, PasteBack
from radbench.testsets.task import EditTask, as_edit_settings, draw_mask, edit_inputs, edit_settings

FIELDS = {
    "study_id": "s1",
    "patient_id": "p1",
    "scenario": "remove",
    "labels_after": {"pneumothorax": 0},
    "source_sha256": "aa",
    "edit_mask_sha256": "bb",
    "keep_mask_sha256": "cc",
    "prompt": "No acute cardiopulmonary process",
    "invert_prompt": "",
    "editor": "radedit",
    "settings": {"num_inference_steps": 30, "guidance_scale": 15.0, "paste_back": True},
    "weights": {"unet": "dd", "vae": "ee"},
    "algorithm": 1,
    "seed": 0,
}


def test_the_same_task_has_the_same_key_and_seed():
    task = EditTask(**FIELDS)
    again = EditTask(**{**FIELDS, "weights": {"vae": "ee", "unet": "dd"}})
    assert task.key == again.key
    assert task.rng_seed == again.rng_seed
    assert len(task.key) == 64
    assert 0 <= task.rng_seed < 2**63
    assert EditTask.model_validate_json(task.model_dump_json()).key == task.key


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source_sha256", "a0"),
        ("edit_mask_sha256", "b0"),
        ("keep_mask_sha256", None),
        ("prompt", "Moderate pulmonary oedema. The heart size is normal."),
        ("invert_prompt", "x"),
        ("editor", "other"),
        ("settings", {"num_inference_steps": 31, "guidance_scale": 15.0, "paste_back": True}),
        ("settings", {"num_inference_steps": 30, "guidance_scale": 15.0, "paste_back": False}),
        ("weights", {"unet": "dd", "vae": "e0"}),
        ("algorithm", 2),
        ("seed", 1),
    ],
)
def test_whatever_decides_a_pixel_decides_the_key(field, value):
    task, other = EditTask(**FIELDS), EditTask(**{**FIELDS, field: value})
    assert task.key != other.key


STEPS = {"num_inference_steps": 31, "guidance_scale": 15.0, "paste_back": True}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source_sha256", "a0"),
        ("invert_prompt", "x"),
        ("editor", "other"),
        ("settings", STEPS),
        ("weights", {"unet": "dd", "vae": "e0"}),
        ("algorithm", 2),
        ("seed", 1),
    ],
)
def test_whatever_decides_the_inversion_decides_the_noise(field, value):
    task, other = EditTask(**FIELDS), EditTask(**{**FIELDS, field: value})
    assert task.inversion_key != other.inversion_key
    assert task.rng_seed != other.rng_seed


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("edit_mask_sha256", "b0"),
        ("keep_mask_sha256", None),
        ("prompt", "The study's own report."),
        ("settings", {**FIELDS["settings"], "guidance_scale": 5.0, "skip_ratio": 0.5}),
    ],
)
def test_sham_stress_and_doses_of_one_image_share_its_noise(field, value):
    task, other = EditTask(**FIELDS), EditTask(**{**FIELDS, field: value})
    assert task.key != other.key
    assert (task.inversion_key, task.rng_seed) == (other.inversion_key, other.rng_seed)


@given(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.integers(0, 1))
@settings(max_examples=20, deadline=None)
def test_whose_image_it_is_does_not(study, patient, scenario, label):
    names = {"study_id": study, "patient_id": patient, "scenario": scenario, "labels_after": {"x": label}}
    names |= {"arm": "dose", "dose": study, "masks_of": patient, "attributes_after": {"side": scenario}}
    assert EditTask(**{**FIELDS, **names}).key == EditTask(**FIELDS).key


def test_every_field_is_known():
    with pytest.raises(ValidationError):
        EditTask(**FIELDS, batch_size=8)


COHORT = TinyCohort(8)
STUDY = COHORT.studies[1]
SHAPE = (24, 32)
PTX, DRAIN = (COHORT.mask(STUDY, name) for name in ("pneumothorax", "drain"))

rules = st.builds(
    MaskRule,
    source=st.sampled_from(["pneumothorax", "drain", "none", ["pneumothorax", "drain"]]),
    dilate=st.floats(0, 80),
)


@settings(max_examples=30, deadline=None)
@given(rules)
def test_a_complement_is_all_that_the_mask_is_not(rule):
    mask = draw_mask(COHORT, STUDY, rule, SHAPE)
    opposite = draw_mask(COHORT, STUDY, rule.model_copy(update={"complement": True}), SHAPE)
    assert (mask ^ opposite).all()


@settings(max_examples=30, deadline=None)
@given(rules, st.floats(0, 5))
def test_growth_only_adds(rule, growth):
    for complement in (False, True):
        whole = rule.model_copy(update={"complement": complement})
        mask = draw_mask(COHORT, STUDY, whole, SHAPE)
        grown = draw_mask(COHORT, STUDY, whole, SHAPE, growth)
        assert not (mask & ~grown).any()


def test_several_masks_are_united_and_none_is_nowhere():
    assert (draw_mask(COHORT, STUDY, MaskRule(source=["drain", "pneumothorax"]), SHAPE) == PTX | DRAIN).all()
    assert not draw_mask(COHORT, STUDY, MaskRule(source="none"), SHAPE).any()
    assert draw_mask(COHORT, STUDY, MaskRule(source="none", complement=True), SHAPE).all()


def test_growth_is_at_512_and_joins_the_rule_s_own_dilation():
    rule = MaskRule(source="pneumothorax", dilate=32.0)
    inputs = edit_inputs(COHORT, scenario(edit_mask=rule), STUDY, growth=16.0)
    np.testing.assert_array_equal(inputs.edit_mask, dilate(PTX, 48 * 24 / 512))
    np.testing.assert_array_equal(inputs.keep_mask, DRAIN)


def test_masks_may_be_another_study_s():
    cohort = TinyCohort(8, empty={"s001"})
    own = edit_inputs(cohort, scenario(), cohort.studies[1])
    borrowed = edit_inputs(cohort, scenario(), cohort.studies[1], masks_of=cohort.studies[3])
    np.testing.assert_array_equal(own.image, borrowed.image)
    assert not own.edit_mask.any()
    assert borrowed.edit_mask.any()


@pytest.mark.parametrize("complement", [False, True])
def test_a_mask_is_never_the_cohort_s_own_array(complement):
    mask = draw_mask(COHORT, STUDY, MaskRule(source="drain", complement=complement), SHAPE)
    mask[:] = True
    assert not COHORT.mask(STUDY, "drain").all()


def test_every_setting_reaches_the_editor():
    declared = EditorSpec(
        num_inference_steps=17,
        guidance_scale=3.5,
        skip_ratio=0.4,
        mask_threshold=0.25,
        paste_back=PasteBack(enabled=True, feather=2.5),
    )
    task = plan_of(TinyCohort(4), shift(editor=declared)).tasks[0]
    assert as_edit_settings(task) == EditSettings(17, 3.5, 0.4, 0.25, paste_back=True, feather=2.5)


def test_the_settings_are_all_of_the_editors_and_of_the_right_type():
    settings = edit_settings(EditorSpec(guidance_scale=15))
    assert {*settings, "precision"} == set(EditSettings.__dataclass_fields__), (
        "the precision is the task's dtype"
    )
    assert isinstance(settings["guidance_scale"], float)


def test_another_precision_is_another_task_and_another_inversion():
    plain, halved = (
        plan_of(TinyCohort(4), shift(editor=EditorSpec(precision=precision))).tasks[0]
        for precision in ("float32", "bfloat16")
    )
    assert plain.key != halved.key and plain.inversion_key != halved.inversion_key
    assert as_edit_settings(halved).precision == "bfloat16"
    assert shift().in_precision("bfloat16").editor.precision == "bfloat16"
