import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from radbench.testsets.task import EditTask

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
