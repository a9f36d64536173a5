"""``radbench train encoder``, with a training of one step."""

from functools import partial

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
