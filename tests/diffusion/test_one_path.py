"""The command line's test set and ``RadEditPipeline`` give the same pixels, with a bundle that declares its own."""

import json

import numpy as np
import pytest

from radbench.api.bundles import named_bundle
from radbench.diffusion.assembly import bundle_digests
from radbench.diffusion.bundle import load_bundle
from radbench.diffusion.editors import algorithm_version
from radbench.diffusion.encoding import attends_to_padding, longest_prompt
from radbench.diffusion.pipeline import RadEditPipeline
from radbench.phantom.cohort import PhantomCohort
from radbench.specs.scenario import EditorSpec, MaskRule, Scenario
from radbench.specs.shift import ControlsSpec, ShiftSpec, SourceSpec
from radbench.testsets.build import build_testset
from radbench.testsets.plan import make_plan
from radbench.testsets.task import edit_inputs

LENGTH = 10


@pytest.fixture(scope="module")
def declaring(parts, tmp_path_factory):
    """A folder whose ``model_index.json`` declares another length and another padding than its parts would give."""
    folder = tmp_path_factory.mktemp("declaring")
    padding = not attends_to_padding(parts["text_encoder"])
    RadEditPipeline(**parts, max_length=LENGTH, attend_to_padding=padding).save_pretrained(folder)
    index = json.loads((folder / "model_index.json").read_text())
    assert (index["max_length"], index["attend_to_padding"]) == (LENGTH, padding)
    assert longest_prompt(parts["tokenizer"], parts["text_encoder"]) != LENGTH
    return folder


@pytest.fixture(scope="module")
def shift():
    scenario = Scenario(
        name="remove",
        select={"pneumothorax": 1},
        prompt="No acute cardiopulmonary process.",
        invert_prompt="left lung",
        edit_mask=MaskRule(source="pneumothorax", dilate=20.0),
        keep_mask=MaskRule(source="drain"),
        labels_after={"pneumothorax": 0},
    )
    return ShiftSpec(
        name="one-path",
        title="One path",
        description="For tests.",
        kind="manifestation",
        target="pneumothorax",
        source=SourceSpec(cohort="phantom/manifestation", size=8),
        scenarios=[scenario],
        editor=EditorSpec(num_inference_steps=5, guidance_scale=4.0, skip_ratio=0.2, mask_threshold=0.25),
        controls=ControlsSpec(sham=False),
        metrics=["accuracy"],
        limit=3,
    )


@pytest.fixture(scope="module")
def built(declaring, shift, tmp_path_factory):
    """The test set, as ``radbench run --bundle FOLDER`` builds it."""
    cohort = PhantomCohort("manifestation", "test", 8, 0, 64)
    found = named_bundle(str(declaring))
    plan = make_plan(shift, cohort, bundle_digests(found), algorithm_version("radedit"), seed=7)
    cache = tmp_path_factory.mktemp("cache")
    return plan, cohort, build_testset(plan, cohort, lambda: load_bundle(found), cache=cache)


def edited_by(pipeline, task, inputs, monkeypatch):
    """The pipeline's picture of a task, uint8 [H, W]; the seed is the task's instead of a generator's."""
    monkeypatch.setattr("radbench.diffusion.pipeline.seeds_from", lambda *_: [task.rng_seed])
    pipeline.set_progress_bar_config(disable=True)
    parts = inputs.image, inputs.edit_mask, inputs.keep_mask
    done = pipeline(task.prompt, *parts, invert_prompt=task.invert_prompt, **task.settings)
    return np.asarray(done.images[0])


def test_the_test_set_and_the_pipeline_give_the_same_pixels(built, declaring, shift, monkeypatch):
    plan, cohort, testset = built
    pipeline = RadEditPipeline.from_bundle(load_bundle(declaring))
    studies = {study.study_id: study for study in cohort.studies}
    records = testset.of("stress")
    assert len(records) == len(plan.tasks) == 3
    for record, task in zip(records, plan.tasks, strict=True):
        assert (record.study_id, record.status) == (task.study_id, "ok")
        inputs = edit_inputs(cohort, shift.scenarios[0], studies[task.study_id])
        stored = testset.image(record)
        np.testing.assert_array_equal(edited_by(pipeline, task, inputs, monkeypatch), stored)
        assert (stored != inputs.image)[inputs.edit_mask].any()


@pytest.mark.parametrize("forgotten", ["max_length", "attend_to_padding"])
def test_what_the_bundle_declares_decides_those_pixels(built, declaring, shift, monkeypatch, forgotten):
    plan, cohort, testset = built
    bundle = load_bundle(declaring)
    declared = {"max_length": bundle.max_length, "attend_to_padding": bundle.attend_to_padding}
    parts = bundle.unet, bundle.vae, bundle.text_encoder, bundle.tokenizer, bundle.scheduler
    pipeline = RadEditPipeline(*parts, **{**declared, forgotten: None})
    task = plan.tasks[0]
    study = next(study for study in cohort.studies if study.study_id == task.study_id)
    inputs = edit_inputs(cohort, shift.scenarios[0], study)
    found = edited_by(pipeline, task, inputs, monkeypatch)
    assert not np.array_equal(found, testset.image(testset.of("stress")[0]))
