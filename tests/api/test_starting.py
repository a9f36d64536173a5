"""Files to start from: they load, they run, and they name what a cohort has."""

import csv

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from radbench.api.starting import write_start
from radbench.cli.app import app
from radbench.errors import UsageError
from radbench.specs import load_model, load_shift


@pytest.fixture
def films(tmp_path):
    folder = tmp_path / "films"
    folder.mkdir()
    with (folder / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(
            ["study_id", "patient_id", "image", "label_effusion", "mask_lungs", "mask_pleura", "sex", "age"]
        )
        for number in range(8):
            name = f"{number}.png"
            Image.fromarray(np.full((64, 64), 10 * number, np.uint8)).save(folder / name)
            table.writerow([number, number, name, number % 2, name, name, "FM"[number % 2], 30 + number])
    return folder


def test_the_phantom_s_start_runs_as_it_is(tmp_path):
    shift, model = write_start("mine", tmp_path)
    found = load_shift(shift)
    assert (found.name, found.source.cohort, found.bundle) == ("mine", "phantom/manifestation", "phantom")
    assert found.models == ["pneumothorax-biased", "pneumothorax-robust"]
    assert load_model(model).target == "pneumothorax"
    assert (tmp_path / "shifts" / "shift.schema.json").is_file()


def test_a_cohort_s_columns_and_masks_are_offered(tmp_path, films):
    shift, model = write_start("mine", tmp_path, films)
    found = load_shift(shift)
    assert (found.target, found.source.size, found.models) == ("effusion", 8, ["mine-model"])
    assert found.resolve(found.source.cohort.removeprefix("folder:")).resolve() == films
    assert (found.scenarios[0].edit_mask.names, found.scenarios[0].keep_mask.names) == (
        ("lungs",),
        ("pleura",),
    )
    assert found.scenarios[0].sham_prompt is None
    assert found.subgroups == ["sex"]
    assert load_model(model).target == "effusion"


def test_a_cohort_of_masks_alone_is_a_segmentation(tmp_path, films):
    text = (films / "manifest.csv").read_text()
    (films / "manifest.csv").write_text(text.replace("label_effusion", "other"))
    shift, model = write_start("mine", tmp_path, films)
    found = load_shift(shift)
    assert (found.task, found.target, found.metrics[0]) == ("segmentation", "lungs", "dice")
    assert load_model(model).task == "segmentation"


def test_nothing_is_overwritten_or_half_written(tmp_path, films):
    write_start("mine", tmp_path)
    with pytest.raises(UsageError, match="is there already"):
        write_start("mine", tmp_path)
    write_start("mine", tmp_path, films, force=True)
    with pytest.raises(UsageError, match="expected a name of lower-case letters"):
        write_start("No Name", tmp_path)
    assert sorted(path.name for path in (tmp_path / "shifts").iterdir()) == ["mine.yaml", "shift.schema.json"]
    (films / "manifest.csv").write_text("study_id,patient_id,image\n1,1,0.png\n")
    with pytest.raises(UsageError, match="no column label_<finding> and no mask_<name>"):
        write_start("other", tmp_path, films)
    with pytest.raises(UsageError, match=r"nowhere.*manifest\.csv"):
        write_start("other", tmp_path, tmp_path / "nowhere")


def test_the_command_says_how_to_run_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = CliRunner().invoke(app, ["init", "mine"])
    assert found.exit_code == 0
    assert "radbench run --shift shifts/mine.yaml" in found.output
    assert CliRunner().invoke(app, ["init", "mine"]).exit_code == 2
