"""A recipe from the cohort to a model under test that the sandbox opens."""

import json

import numpy as np
import pytest
import yaml
from PIL import Image

import radbench
from radbench.api.recipes import train
from radbench.errors import UsageError
from radbench.models.isolation import open_model
from radbench.runtime import sha256_file
from radbench.specs import RecipeSpec, load_model, load_recipe

TINY = {"channels": [4, 8, 8, 8], "layers": [1, 1, 1, 1]}


def recipe(**changes):
    settings = {
        "name": "test/tiny",
        "title": "Tiny",
        "task": "classifier",
        "target": "covid",
        "architecture": "resnet18",
        "architecture_args": TINY,
        "input": {"spatial_shape": [32, 32], "mean": [0.5], "std": [0.25]},
        "batch_size": 8,
        "epochs": 2,
        "learning_rate": 0.005,
        "augment": [{"flip": {}}, {"noise": {"std": 0.02}}],
        "monitor": "auroc",
        "runs": 1,
        "train": [{"cohort": "phantom/acquisition", "split": "train", "size": 24}],
        "val": [{"cohort": "phantom/acquisition", "split": "val", "size": 16}],
    }
    return RecipeSpec.model_validate(settings | changes)


def head(**changes):
    return recipe(
        task="segmenter",
        target="pneumothorax",
        architecture="Unet",
        architecture_args={
            "encoder_name": "tu-resnet18",
            "encoder_depth": 3,
            "decoder_channels": [8, 8, 4],
            **TINY,
        },
        classification_head={"pooling": "max"},
        train=[{"cohort": "phantom/manifestation", "split": "train", "size": 24}],
        val=[{"cohort": "phantom/manifestation", "split": "val", "size": 16}],
        **changes,
    )


def quiet(spec, folder, **more):
    return train(spec, out=folder, device="cpu", progress=False, **more)


def films(count=3, side=128):
    return list(np.random.default_rng(0).integers(0, 256, (count, side, side), np.uint8))


def test_the_declared_model_opens_in_its_sandbox(tmp_path):
    found = quiet(recipe(operating_point="youden", runs=2), tmp_path / "out")
    spec = load_model(found.model)
    assert (spec.name, spec.format, spec.task, len(spec.checkpoints)) == ("tiny", "timm", "binary", 1)
    assert sha256_file(spec.weights_path) == spec.sha256
    sheet = json.loads(found.datasheet.read_text())
    assert sheet["operating_point"]["value"] == spec.operating_point == sheet["runs"][0]["youden"]
    assert "Youden" in spec.description
    assert list(found.history.columns) == ["run", "epoch", "loss", "val_loss", "auroc", "learning_rate"]
    assert len(found.history) == 4 and len(found.best) == 2
    with open_model(spec, "cpu") as model:
        scores = model.predict(films()).values
    assert scores.shape == (3,) and ((scores >= 0) & (scores <= 1)).all()


def test_a_segmenter_answers_both_by_its_head_and_by_its_mask(tmp_path):
    spec = load_model(quiet(head(), tmp_path / "out").model)
    assert spec.task == "both"
    assert spec.output_names.classification == "labels"
    with open_model(spec.answering("classification"), "cpu") as model:
        assert model.predict(films()).kind == "probabilities"
    with open_model(spec.answering("segmentation"), "cpu") as model:
        assert model.predict(films()).values.shape == (3, 128, 128)


def test_the_datasheet_counts_what_it_was_made_of(tmp_path):
    sheet = json.loads(quiet(head(), tmp_path / "out").datasheet.read_text())
    (part,) = sheet["train"]
    assert (part["films"], part["patients"]) == (24, 24)
    assert part["labels"]["0"] + part["labels"]["1"] == 24
    assert part["empty_masks"] == part["labels"]["0"]
    assert sheet["recipe"]["learning_rate"] == 0.005
    assert sheet["checks"]["films_left_out_each_epoch"] == 0
    assert {"torch", "torchvision", "radbench"} <= set(sheet["versions"])
    assert sheet["validation"]["runs"] == 1


def test_a_repeated_command_trains_nothing_again_and_another_training_is_refused(tmp_path):
    first = quiet(recipe(), tmp_path / "out")
    told = []
    again = train(recipe(), out=tmp_path / "out", device="cpu", progress=lambda *step: told.append(step))
    assert not [step for step in told if "run 0" in step[0]]
    assert first.best.equals(again.best)
    more = quiet(recipe(runs=2), tmp_path / "out")
    assert first.best.sha256[0] == more.best.sha256[0]
    with pytest.raises(UsageError, match=r"a run of other settings or films.*--out"):
        quiet(recipe(batch_size=4), tmp_path / "out")
    with pytest.raises(UsageError, match="the datasheet of tiny, expected none or that of other"):
        quiet(recipe(name="test/other"), tmp_path / "out")


def test_several_machines_may_share_the_runs(tmp_path):
    together = quiet(recipe(runs=2, epochs=1), tmp_path / "a")
    quiet(recipe(runs=2, epochs=1), tmp_path / "b", run=1)
    assert load_model(tmp_path / "b" / "tiny.yaml").checkpoints == []
    apart = quiet(recipe(runs=2, epochs=1), tmp_path / "b", run=0)
    assert together.best.equals(apart.best)
    first, second = (load_model(tmp_path / name / "tiny.yaml") for name in "ab")
    assert (first.sha256, first.checkpoints) == (second.sha256, second.checkpoints)


def folder_of_films(path, count=24, splits=("train", "val")):
    rng = np.random.default_rng(5)
    path.mkdir()
    rows = ["study_id,patient_id,image,split,label_covid"]
    for index in range(count):
        Image.fromarray(rng.integers(0, 256, (40, 36), np.uint8)).save(path / f"{index}.png")
        rows.append(f"s{index},p{index // 2},{index}.png,{splits[index % len(splits)]},{(index // 3) % 2}")
    (path / "manifest.csv").write_text("\n".join(rows) + "\n")
    return path


def test_a_patient_in_both_splits_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder_of_films(tmp_path / "films")
    with pytest.raises(
        UsageError, match=r"12 patients of 'folder:.*films' are both in the training and in the val"
    ):
        quiet(recipe(), tmp_path / "out", cohort="folder:films")
    assert not (tmp_path / "out").exists()


def test_any_cohort_takes_the_place_of_the_recipe_s(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder_of_films(tmp_path / "films", splits=("train", "train", "val", "val"))
    found = quiet(recipe(epochs=1), tmp_path / "out", cohort="folder:films")
    sheet = json.loads(found.datasheet.read_text())
    assert [part["cohort"] for part in sheet["train"] + sheet["val"]] == ["folder:films"] * 2
    assert load_model(found.model).training.endswith("--cohort folder:films")
    drawn = [
        "{cohort: phantom/acquisition, size: 12, select: {covid: 1}}",
        "{cohort: phantom/population, size: 12, set_labels: {covid: 0}}",
    ]
    sheet = json.loads(quiet(recipe(epochs=1), tmp_path / "two", cohort=drawn).datasheet.read_text())
    assert [part["labels"]["1"] > 0 for part in sheet["train"]] == [True, False]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"cohort": "phantom/acquisition"}, "has no 'size'.*lines in braces"),
        ({"cohort": "{cohort: [}"}, "is not valid YAML"),
        ({"cohort": "{cohort: siim-acr, sise: 3}"}, "sise"),
        ({"runs": 2, "run": 1}, "expected one of the two"),
        ({"epochs": 0}, "epochs is 0"),
        ({"task": "segmenter"}, "trains a classifier.*radbench train classifier --recipe test/tiny"),
        ({"precision": "float16"}, "needs a GPU"),
        ({"cohort": "{cohort: phantom/population, size: 8}"}, "All 8 training films have covid = 0"),
    ],
)
def test_a_wrong_argument_is_one_sentence(tmp_path, more, words):
    with pytest.raises(UsageError, match=words):
        quiet(recipe(), tmp_path / "out", **more)


def test_it_is_offered_at_the_top():
    assert radbench.train is train
    assert radbench.RecipeSpec is RecipeSpec


@pytest.mark.slow
def test_the_biased_recipe_becomes_biased_and_the_robust_one_robust(tmp_path):
    """Drawings of hospital B without the opacities: the biased model still says COVID-19, the robust one does not."""
    from radbench.declared import recipe_path
    from radbench.models.registry import load_model_under_test
    from radbench.phantom.cohort import build_cohort

    test = build_cohort("phantom/acquisition", "test", 120)
    labels = np.array([study.labels["covid"] for study in test.studies])
    healed = [test.counterfactual(study, {"covid": 0}) for study in test.studies if study.labels["covid"]]
    accuracy, truth = {}, {}
    for name in ("covid-biased", "covid-robust"):
        spec = load_recipe(recipe_path(f"phantom/{name}"))
        model = load_model_under_test(load_model(quiet(spec, tmp_path / name).model))
        scores = model.predict([test.image(study) for study in test.studies]).values
        accuracy[name] = ((scores >= 0.5) == labels).mean()
        truth[name] = (model.predict(healed).values < 0.5).mean()
    assert min(accuracy.values()) > 0.9
    assert truth["covid-biased"] < 0.3
    assert truth["covid-robust"] > 0.9


def test_a_recipe_s_own_relative_cohort_lies_beside_it(tmp_path, monkeypatch):
    folder_of_films(tmp_path / "films", splits=("train", "train", "val", "val"))
    declared = recipe(epochs=1).model_dump(mode="json", exclude_defaults=True)
    for field, split in (("train", "train"), ("val", "val")):
        declared[field] = [{"cohort": "folder:films", "split": split}]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(declared))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    found = quiet(tmp_path / "mine.yaml", None)
    assert found.model.resolve() == tmp_path / "elsewhere" / "runs" / "tiny" / "tiny.yaml"
