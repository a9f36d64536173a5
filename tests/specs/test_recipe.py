"""A recipe's errors are one sentence with file and line; the paper's recipes have the paper's numbers."""

import pytest
import yaml

from radbench.declared import recipe_names, recipe_path, recipes_dir
from radbench.errors import UsageError
from radbench.specs import load_model, load_recipe
from radbench.specs.model import HEAD

PAPER = [name for name in recipe_names() if name.startswith("paper/")]


def changed(folder, start="paper/covid-resnet50", drop=(), **changes):
    declared = yaml.safe_load(recipe_path(start).read_text(encoding="utf-8"))
    declared = {key: value for key, value in declared.items() if key not in drop} | changes
    file = folder / "mine.yaml"
    file.write_text(yaml.safe_dump(declared, sort_keys=False), encoding="utf-8")
    return load_recipe(file)


def test_the_six_models_of_the_paper_are_there():
    assert PAPER == [
        "paper/covid-resnet50",
        "paper/covid-resnet50-robust",
        "paper/lungs-strong",
        "paper/lungs-weak",
        "paper/pneumothorax-efficientnet-unet",
        "paper/pneumothorax-resnet50",
    ]


@pytest.mark.parametrize("name", PAPER)
def test_they_have_the_paper_s_numbers(name):
    spec = load_recipe(recipe_path(name))
    assert (spec.name, spec.epochs, spec.runs, spec.pretrained) == (name, 100, 5, False)
    assert (spec.input.spatial_shape, spec.input.resize) == ([512, 512], "crop")
    assert spec.input.intensity == "min-max"
    by_name = {
        key: value for step in spec.augment for key, value in step.model_dump(exclude_none=True).items()
    }
    assert by_name["flip"] == {"probability": 0.5}
    assert (by_name["affine"]["rotation"], by_name["affine"]["shear"]) == (30.0, 15.0)
    assert by_name["jitter"] == {"brightness": [0.8, 1.2], "contrast": [0.8, 1.2]}
    assert by_name["noise"] == {"std": 0.05}
    if spec.task == "classifier":
        assert (spec.batch_size, spec.learning_rate, spec.schedule) == (32, 1e-5, "constant")
        assert (spec.architecture, by_name["crop"]["scale"], spec.monitor) == (
            "resnet50",
            [0.8, 1.0],
            "auroc",
        )
    else:
        assert (spec.batch_size, spec.learning_rate) == (16, 5e-4)
        assert (spec.schedule, spec.warmup) == ("cosine", 0.06)
        assert by_name["affine"]["scale"] == [0.9, 1.1]
        assert by_name["elastic"]["scale"] == 0.15
        assert spec.monitor == ("auroc" if spec.classification_head else "dice")


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_can_be_read_and_names_its_schema(name):
    file = recipe_path(name)
    assert load_recipe(file).name == name
    first = file.read_text(encoding="utf-8").split("\n", 1)[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (file.parent / named).resolve() == (
        recipes_dir().parents[1] / "docs/schemas/recipe.json"
    ).resolve()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"batchsize": 3}, r"mine\.yaml, line \d+: unknown key 'batchsize'.*mean 'batch_size'"),
        ({"epochs": "five"}, r"field 'epochs': found 'five' \(text\), expected a whole number"),
        (
            {"augment": [{"flop": {}}]},
            r"unknown key 'flop' in 'augment\[0\]', expected one of flip, .*'flip'",
        ),
        ({"augment": [{"flip": {}, "noise": {"std": 0.1}}]}, "flip and noise, expected exactly one"),
        ({"augment": [{"affine": {"scale": [1.1, 0.9]}}]}, r"\[1.1, 0.9\], expected the lower value first"),
        ({"augment": [{"crop": {"scale": [0.9, 1.1]}}]}, "a crop is a part"),
        ({"monitor": "dice"}, "monitor is 'dice', expected auroc"),
        ({"masks": ["a"]}, "masks is for a segmenter"),
        ({"architecture_args": {"in_chans": 3}}, "architecture_args has 'in_chans'"),
        ({"train": [{"cohort": "siim-acr"}]}, r"train\[0\] names no split of 'siim-acr'"),
        ({"val": []}, "field 'val'"),
        ({"input": {"spatial_shape": [64, 64], "layout": "NHWC"}}, "expected NCHW"),
        ({"name": "Paper/x"}, "field 'name'"),
    ],
)
def test_a_wrong_recipe_is_one_sentence(tmp_path, changes, words):
    with pytest.raises(UsageError, match=words) as told:
        changed(tmp_path, **changes)
    assert "\n" not in str(told.value)


def test_a_segmenter_has_no_point_of_youden_and_an_auroc_only_with_a_head(tmp_path):
    unet = "paper/pneumothorax-efficientnet-unet"
    with pytest.raises(UsageError, match="'youden', which is for a classifier"):
        changed(tmp_path, unet, operating_point="youden")
    with pytest.raises(UsageError, match="monitor is 'auroc', expected dice"):
        changed(tmp_path, unet, drop=["classification_head"])
    assert changed(tmp_path, unet).model_args[HEAD] == {"classes": 1, "pooling": "avg", "dropout": 0.0}


def test_an_unknown_recipe_gets_the_nearest_name(tmp_path):
    with pytest.raises(UsageError, match=r"Did you mean 'paper/covid-resnet50'"):
        recipe_path("paper/covid-resnet5")
    with pytest.raises(UsageError, match="does not exist"):
        recipe_path(tmp_path / "none.yaml")


def test_a_recipe_beside_the_user_comes_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "models_under_test" / "recipes" / "mine"
    own.mkdir(parents=True)
    (own / "one.yaml").write_text("name: mine/one\n")
    assert recipe_path("mine/one").resolve() == own / "one.yaml"
    assert "mine/one" in recipe_names()


def test_a_segmenter_under_test_may_answer_by_its_head(tmp_path):
    declared = {
        "name": "both", "title": "Both", "format": "smp", "architecture": "Unet", "weights": "w.safetensors",
        "target": "pneumothorax", "input": {"spatial_shape": [64, 64]}, "task": "both",
    }  # fmt: skip
    file = tmp_path / "both.yaml"
    file.write_text(yaml.safe_dump(declared))
    with pytest.raises(UsageError, match=r"without a classification head \('aux_params'"):
        load_model(file)
    file.write_text(yaml.safe_dump(declared | {"architecture_args": {HEAD: {"classes": 1}}}))
    spec = load_model(file)
    assert spec.answers("classification")
    assert spec.answers("segmentation")
