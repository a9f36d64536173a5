"""Reference segmenters train on rendered masks, and their declaration, runs and datasheet follow."""

import json

import numpy as np
import pytest
import yaml

from radbench.declared import models_dir
from radbench.errors import UsageError
from radbench.models.registry import load_checkpoints, load_model_under_test
from radbench.phantom.cohort import build_cohort
from radbench.reference import config_path
from radbench.reference.declared_training import (
    ClassifierTraining,
    SegmenterTraining,
    rendered_masks,
    rendered_samples,
    train_reference_classifier,
    train_reference_segmenter,
)
from radbench.runtime import sha256_file
from radbench.specs import load_model, load_yaml

TINY = {
    "encoder_name": "tu-resnet18",
    "encoder_depth": 3,
    "decoder_channels": [8, 4, 4],
    "in_channels": 1,
    "channels": [4, 8, 8, 8],
    "layers": [1, 1, 1, 1],
}


def declare(folder, **changes):
    settings = {
        "name": "tiny",
        "title": "Tiny",
        "description": "A tiny segmenter.",
        "format": "smp",
        "architecture": "Unet",
        "architecture_args": TINY,
        "weights": "weights/tiny.safetensors",
        "sha256": "0" * 64,
        "checkpoints": [{"weights": "weights/run1.safetensors", "sha256": "1" * 64}],
        "task": "segmentation",
        "target": "lungs",
        "input": {"spatial_shape": [64, 64]},
        "intended_use": "Tests.",
        "training": "radbench train segmenter --config tiny",
    }
    path = folder / "tiny.yaml"
    path.write_text("# kept\n" + yaml.safe_dump(settings | changes), encoding="utf-8")
    return path


def training(**changes):
    settings = {"model": "tiny", "cohort": "phantom/population", "size": 4, "epochs": 1, "batch_size": 2}
    return SegmenterTraining(**(settings | changes))


def test_a_segmenter_and_its_further_run(tmp_path):
    path = declare(tmp_path)
    main = train_reference_segmenter(training(), path)
    further = train_reference_segmenter(training(), path, run=1)
    spec = load_model(path)
    assert path.read_text().startswith("# kept\n")
    assert (spec.sha256, spec.checkpoints[0].sha256) == (main.weights_sha256, further.weights_sha256)
    assert spec.sha256 == sha256_file(spec.weights_path)
    assert main.weights_sha256 != further.weights_sha256
    assert main.samples_sha256 == further.samples_sha256
    image = build_cohort("phantom/population", "val", 1).image
    study = build_cohort("phantom/population", "val", 1).studies[0]
    for model in [load_model_under_test(spec), *load_checkpoints(spec)]:
        assert model.predict([image(study)]).values.shape == (1, 128, 128)
    datasheet = json.loads((tmp_path / "weights" / "run1.json").read_text())
    assert datasheet["command"] == "radbench train segmenter --config tiny --run 1"
    assert datasheet["report"] == vars(further)
    assert datasheet["configuration"]["augmentation"]["gamma"] > 0


def test_a_run_that_is_not_declared(tmp_path):
    with pytest.raises(UsageError, match=r"run 2 was asked for, expected 0 .* to 1"):
        train_reference_segmenter(training(), declare(tmp_path), run=2)


def test_a_trainer_of_another_task_is_refused(tmp_path):
    wrong = ClassifierTraining(**training().model_dump(exclude={"dice_weight"}))
    with pytest.raises(UsageError, match="task is 'segmentation', expected 'binary'"):
        train_reference_classifier(wrong, declare(tmp_path))


def test_a_mask_that_the_cohort_does_not_have(tmp_path):
    with pytest.raises(UsageError, match=r"has no mask 'lunges'.*Did you mean 'lung"):
        train_reference_segmenter(training(), declare(tmp_path, target="lunges"))


def test_samples_are_the_cohort_s_own_in_order():
    cohort = build_cohort("phantom/mixed", "train", 3, 1)
    ((images, masks),) = rendered_masks("phantom/mixed", 3, 1, "lungs")
    ((same, labels),) = rendered_samples("phantom/mixed", 3, 1, "drain")
    np.testing.assert_array_equal(images, same)
    for index, study in enumerate(cohort.studies):
        np.testing.assert_array_equal(images[index], cohort.image(study))
        np.testing.assert_array_equal(masks[index], cohort.mask(study, "lungs"))
        assert labels[index] == study.labels["drain"]


MODELS = sorted(path.stem for path in models_dir().glob("*.yaml"))


@pytest.mark.parametrize("name", MODELS)
def test_every_shipped_model_says_how_it_was_made(name):
    spec = load_model(models_dir() / f"{name}.yaml")
    kind = ClassifierTraining if spec.task == "binary" else SegmenterTraining
    configuration = load_yaml(config_path(name), kind)
    assert configuration.model == name
    command = "classifier" if spec.task == "binary" else "segmenter"
    assert spec.training == f"radbench train {command} --config {name}"
    for run, weights in enumerate([spec.weights, *(other.weights for other in spec.checkpoints)]):
        path = models_dir() / weights
        datasheet = json.loads(path.with_suffix(".json").read_text())
        stated = {**datasheet["configuration"], "augmentation": configuration.augmentation.model_dump()}
        assert stated == configuration.model_dump()
        assert datasheet["report"]["weights_sha256"] == sha256_file(path)
        assert datasheet["command"] == spec.training + (f" --run {run}" if run else "")


def test_the_shipped_weights_are_small():
    assert sum(path.stat().st_size for path in (models_dir() / "weights").iterdir()) < 16 * 2**20
