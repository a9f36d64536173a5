import shutil

import pytest
import yaml
from typer.testing import CliRunner

from radbench.api.progress import Progress
from radbench.api.training import train_classifier, train_diffusion, train_segmenter
from radbench.cli.train import train_app
from radbench.errors import UsageError


def test_an_unknown_configuration_gets_the_nearest_name():
    with pytest.raises(UsageError, match="Did you mean 'phantom'"):
        train_diffusion("phantm", progress=Progress())
    with pytest.raises(UsageError, match="Did you mean 'pneumothorax-robust'"):
        train_classifier("pneumothorax-robst", progress=Progress())
    with pytest.raises(UsageError, match="Did you mean 'lungs-weak'"):
        train_segmenter("lungs-weka", progress=Progress())


def test_every_part_that_ships_has_its_command():
    found = CliRunner().invoke(train_app, ["--help"])
    assert found.exit_code == 0
    for command in ("diffusion", "classifier", "segmenter", "judge", "encoder"):
        assert f" {command} " in found.output


def test_a_configuration_of_the_other_task_is_refused():
    with pytest.raises(UsageError, match="task is 'segmentation', expected 'binary'"):
        train_classifier("lungs-weak", progress=Progress())


def test_a_run_that_is_not_declared_is_refused_before_anything_is_rendered():
    with pytest.raises(UsageError, match="expected 0"):
        train_segmenter("lungs-weak", 1, progress=Progress())


def test_a_configuration_s_error_names_line_and_field(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\ndata:\n  patiens: 3\n")
    with pytest.raises(
        UsageError, match=r"mine\.yaml, line 3: unknown key 'patiens' in 'data'.*mean 'patients'"
    ):
        train_diffusion(str(file), work=tmp_path / "work", progress=Progress())
    assert not (tmp_path / "work").exists()


def test_a_file_where_the_folder_should_be(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UsageError, match="--work"):
        train_diffusion("phantom", work=tmp_path / "file", progress=Progress())
    with pytest.raises(UsageError, match="--out"):
        train_diffusion(
            "phantom", work=tmp_path / "work", out=tmp_path / "file" / "bundle", progress=Progress()
        )


@pytest.mark.slow
def test_a_classifier_trains_and_its_declaration_follows(world, tmp_path, monkeypatch, capsys):
    from rich.console import Console

    from radbench.cli.progress import ConsoleProgress
    from radbench.specs import load_model

    shutil.copytree(world / "models_under_test", tmp_path / "models_under_test")
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "first-training.yaml"
    settings = {"model": "first", "cohort": "phantom/manifestation", "size": 8, "epochs": 1, "batch_size": 4}
    config.write_text(yaml.safe_dump(settings))
    before = load_model("models_under_test/first.yaml").sha256
    train_classifier(str(config), progress=ConsoleProgress(Console()))
    after = load_model("models_under_test/first.yaml").sha256
    assert after != before
    assert after in capsys.readouterr().out
