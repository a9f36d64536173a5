"""``radbench train``: the encoder, with a training of one step, and recipes."""

import shlex
from functools import partial

import yaml
from typer.testing import CliRunner

from radbench.cli.app import app
from radbench.reference import encoder as reference


class Same:
    """An autoencoder that loses nothing."""

    digest = "same"

    def __init__(self, bundle=None):
        pass

    def __call__(self, film):
        return film


def shortened(monkeypatch):
    tiny = partial(reference.EncoderTraining, patients=2, steps=1, patients_a_step=2, checked=1)
    monkeypatch.setattr(reference, "EncoderTraining", tiny)
    monkeypatch.setattr(reference, "BundleAutoencoder", Same)


def test_it_writes_an_encoder_and_says_how_it_scores(tmp_path, monkeypatch):
    shortened(monkeypatch)
    result = CliRunner().invoke(app, ["train", "encoder", "--out", str(tmp_path / "made")])
    assert result.exit_code == 0, result.output
    assert "true: oedema added: score" in result.output
    assert {file.name for file in (tmp_path / "made").iterdir()} == {
        "encoder.json",
        "encoder.safetensors",
        "datasheet.json",
    }


def test_a_folder_that_cannot_be_written_ends_before_the_training(tmp_path, monkeypatch):
    shortened(monkeypatch)
    (tmp_path / "taken").write_text("a file")
    result = CliRunner().invoke(app, ["train", "encoder", "--out", str(tmp_path / "taken")])
    assert result.exit_code == 2
    assert "render" not in result.output


TINY = {
    "name": "test/tiny",
    "title": "Tiny",
    "task": "classifier",
    "target": "covid",
    "architecture": "resnet18",
    "architecture_args": {"channels": [4, 4, 4, 4], "layers": [1, 1, 1, 1]},
    "input": {"spatial_shape": [32, 32]},
    "batch_size": 4,
    "epochs": 3,
    "learning_rate": 0.001,
    "monitor": "auroc",
    "runs": 2,
    "train": [{"cohort": "phantom/acquisition", "split": "train", "size": 12}],
    "val": [{"cohort": "phantom/acquisition", "split": "val", "size": 8}],
}


def by_recipe(folder, *words, task="classifier"):
    (folder / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    return CliRunner().invoke(app, ["train", task, *words])


def test_a_recipe_is_trained_and_says_where_the_model_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    options = ["--epochs", "1", "--runs", "1", "--device", "cpu", "--out", "made"]
    cohort = ["--cohort", "{cohort: phantom/acquisition, size: 8, seed: 2}"]
    found = by_recipe(tmp_path, "--recipe", "tiny.yaml", *cohort, *options)
    assert found.exit_code == 0, found.output
    assert "run 0: of 1 epochs the 1. was best by auroc" in found.output
    assert "radbench check made/tiny.yaml" in found.output
    assert (tmp_path / "made" / "weights" / "tiny-run0.csv").read_text().count("\n") == 2
    command = yaml.safe_load((tmp_path / "made" / "tiny.yaml").read_text())["training"]
    assert shlex.split(command)[3:7] == ["--recipe", "tiny.yaml", *cohort]


def test_exactly_one_of_recipe_and_configuration(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Found neither of --recipe and --config" in by_recipe(tmp_path).output
    both = by_recipe(tmp_path, "--recipe", "tiny.yaml", "--config", "covid-biased")
    assert both.exit_code == 2
    assert "Found both" in both.output
    unfit = by_recipe(tmp_path, "--config", "covid-biased", "--epochs", "1")
    assert unfit.exit_code == 2
    assert "--epochs is for --recipe" in unfit.output
    other = by_recipe(tmp_path, "--recipe", "tiny.yaml", task="segmenter")
    assert other.exit_code == 2
    assert "radbench train classifier --recipe test/tiny" in other.output
    unknown = by_recipe(tmp_path, "--recipe", "papr/lungs-weak")
    assert unknown.exit_code == 2
    assert "Did you mean 'paper/lungs-weak'" in unknown.output
