"""``radbench check``: which images are shown, what is said, and the exit code."""

import json

import numpy as np
import pytest
import typer
from typer.testing import CliRunner

from radbench.api import checking
from radbench.api.preflights import fitting, probe_plan
from radbench.cli import check as command
from radbench.data.cohort import SquareFilms, Study, unknown_mask
from radbench.errors import UsageError
from radbench.models.base import ModelFailureError, Prediction
from radbench.specs import InputContract, ModelSpec

SIDE = 16


def declare(**changes):
    settings = {
        "name": "fake",
        "title": "Fake",
        "format": "onnx",
        "path": "model.onnx",
        "sha256": "0" * 64,
        "target": "covid",
        "input": InputContract(spatial_shape=[SIDE, SIDE]),
    }
    return ModelSpec(**(settings | changes))


class Hospital(SquareFilms):
    """Forty studies of thirty-six patients; those with the finding are bright."""

    name = "hospital"
    digest = "d" * 64
    truth_known = False

    def __init__(self, masked=True):
        self.masked = masked
        self.drawn = 0
        self.studies = [
            Study(f"s{index}", f"p{index % 36}", {"covid": int(index < 25)} if index != 3 else {})
            for index in range(40)
        ]

    def image(self, study):
        self.drawn += 1
        rng = np.random.default_rng(int(study.study_id[1:]))
        return rng.integers(0, 100, (SIDE, SIDE), dtype=np.uint8) + np.uint8(
            100 * study.labels.get("covid", 0)
        )

    def mask(self, study, name):
        if not self.masked:
            raise unknown_mask(self.name, study.study_id, name, [])
        return self.image(study) > 150


class Bright:
    """A score for how bright an image is."""

    takes_tensors = True
    rows = 8
    digest = "1" * 64

    def __init__(self, spec, sign=1.0):
        self.spec = spec
        self.sign = sign
        self.sandbox = {"network": "namespace"}
        self.closed = False

    def forward(self, rows):
        seen = np.clip(rows, 0, 1).mean(axis=(1, 2, 3))[:, None]
        return {"scores": np.where(np.isnan(seen), np.nan, self.sign * 20 * (seen - 0.4))}

    def predict(self, images):
        rows = np.stack([image / 255 for image in images])[:, None]
        return Prediction("probabilities", 1 / (1 + np.exp(-self.forward(rows)["scores"][:, 0])))

    def close(self):
        self.closed = True


@pytest.fixture
def checked(monkeypatch, tmp_path):
    """Run the command over a fake model; return the result and the model."""

    def run(model=None, *options):
        model = model or Bright(declare())
        monkeypatch.setattr("radbench.api.checking._matched", lambda spec, shift: (model.spec, Hospital()))
        monkeypatch.setattr("radbench.api.checking.load_declared", lambda _: [model.spec])
        monkeypatch.setattr("radbench.models.isolation.model.open_model", lambda *_, **__: model)
        (tmp_path / "fake.yaml").touch()
        app = typer.Typer()
        app.command("check")(command.check)
        result = CliRunner().invoke(app, [str(tmp_path / "fake.yaml"), *options], env={"COLUMNS": "160"})
        return result, model

    return run


def test_a_right_model_is_said_to_be_right(checked):
    result, model = checked()
    assert result.exit_code == 0, result.output
    assert "does what its declaration says" in result.output
    assert "35 images of hospital, 24 with covid, 11 without" in result.output
    assert "Sandbox: network namespace" in result.output
    assert "an image" in result.output
    assert model.closed


def test_a_failing_one_is_refused_with_code_3(checked):
    result, model = checked(Bright(declare(), sign=-1.0))
    assert result.exit_code == 3
    assert "fails its own declaration (class order)" in result.output
    assert "The wrong class order is suspected" in result.output
    assert model.closed


def test_a_model_that_dies_is_a_failure_and_no_crash(checked):
    dead = Bright(declare())
    dead.predict = dead.forward = lambda _: (_ for _ in ()).throw(ModelFailureError("It died.", kind="crash"))
    result, model = checked(dead)
    assert result.exit_code == 3
    assert "It died." in result.output
    assert model.closed


def test_findings_are_written_and_the_same_again(checked, tmp_path):
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    for path in (first, second):
        assert checked(None, "--json", str(path))[0].exit_code == 0
    assert first.read_bytes() == second.read_bytes()
    content = json.loads(first.read_text())
    assert content["failed"] is False and content["model"] == "fake"
    assert {"loads", "input range", "inverted film"} <= {one["check"] for one in content["findings"]}
    assert not any(one["check"] == "time" for one in content["findings"])


def test_a_folder_that_is_not_there_is_found_before_the_work(checked, tmp_path):
    result, _ = checked(None, "--json", str(tmp_path / "no" / "file.json"))
    assert result.exit_code == 2
    assert "whose folder does not exist" in result.output


def test_hostile_words_move_no_cursor_and_are_no_markup(checked):
    words = "[red]x[/red] \x1b[2J\r"
    result, _ = checked(Bright(declare(title=words)))
    assert "[red]x[/red]" in result.output
    assert "\x1b[2J" not in result.output and "\r" not in result.output


def test_classes_alternate_and_every_patient_is_shown_once():
    plan = probe_plan(Hospital(), declare())
    probe = plan.draw()
    assert probe.labels[:6].tolist() == [1, 0, 1, 0, 1, 0]
    assert (int(probe.labels.sum()), len(probe.labels)) == (24, 35)


def test_nothing_is_drawn_before_it_is_needed_and_then_once():
    hospital = Hospital()
    plan = probe_plan(hospital, declare())
    assert hospital.drawn == 0
    assert plan.draw() is plan.draw()
    assert hospital.drawn == 35


def test_a_label_that_nobody_knows_leaves_images_of_which_nothing_is_known():
    probe = probe_plan(Hospital(), declare(target="gallstones")).draw()
    assert probe.labels is None and probe.masks is None and len(probe.images) == 16


@pytest.mark.parametrize("masked", [True, False])
def test_a_segmenter_is_shown_masks_where_there_are_some(masked):
    probe = probe_plan(Hospital(masked), declare(task="segmentation")).draw()
    assert (probe.masks is not None) == masked
    assert len(probe.images) == 24


def test_another_target_or_cohort_is_another_plan():
    digests = {
        probe_plan(Hospital(), spec).digest
        for spec in (declare(), declare(target="gallstones"), declare(task="segmentation"))
    }
    other = Hospital()
    other.digest = "e" * 64
    assert len({*digests, probe_plan(other, declare()).digest}) == 4


def test_the_shift_that_fits_is_found(monkeypatch):
    monkeypatch.setattr("radbench.api.preflights.load_cohort", lambda shift: shift.name)
    assert fitting(declare())[1] == "acquisition"
    assert fitting(declare(target="lungs", task="segmentation"))[1] == "population"
    assert fitting(declare(target="gallstones"))[1] == "manifestation"


def test_a_cohort_that_is_not_here_is_passed_over(monkeypatch):
    def load(shift):
        if shift.name == "acquisition":
            raise UsageError("not here")
        return shift.name

    monkeypatch.setattr("radbench.api.preflights.load_cohort", load)
    assert fitting(declare())[1] == "manifestation"


def test_a_shift_of_another_task_is_refused():
    with pytest.raises(UsageError, match="asks for a segmentation"):
        checking._matched(declare(), "population")
