import csv
import io
import json
import re

import pytest
from PIL import Image
from rich.console import Console
from typer import Typer
from typer.testing import CliRunner

from radbench.api import job
from radbench.api.exporting import export_testset as export_images
from radbench.api.job import RunOptions
from radbench.cli import export_testset
from radbench.cli.progress import ConsoleProgress
from radbench.cli.run import run_shift
from radbench.errors import UsageError
from radbench.models.cache import image_sha256


@pytest.fixture(autouse=True)
def _in_the_world(world, monkeypatch):
    monkeypatch.chdir(world)


def export(out, **options):
    text = io.StringIO()
    settings = {"shift": "tiny", "out": out, "limit": 2, "device": "cpu"} | options
    console = Console(file=text, width=200)
    export_testset.print_exported(console, export_images(**settings, progress=ConsoleProgress(console)))
    return text.getvalue()


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def shown(monkeypatch):
    """The hashes of all images that an audit shows to its models, by what the harness itself shows them."""
    seen = {}

    class Watching:
        def __init__(self, model):
            self.model = model

        def __getattr__(self, name):
            return getattr(self.model, name)

        def predict(self, images):
            seen.update({image_sha256(image): image for image in images})
            return self.model.predict(images)

    def audit():
        loaded = job.open_model
        monkeypatch.setattr(
            job, "open_model", lambda spec, device, **more: Watching(loaded(spec, device, **more))
        )
        options = RunOptions(shift="tiny", models=("first",), limit=2, device="cpu", out=job.Path("watched"))
        run_shift(options, Console(file=io.StringIO()))
        return seen

    return audit


@pytest.mark.slow
def test_every_image_that_an_audit_shows_is_there_once_with_its_pixels(tmp_path, shown):
    export(tmp_path / "set")
    expected = shown()
    found = {path.stem: Image.open(path) for path in (tmp_path / "set" / "images").iterdir()}
    assert set(found) == set(expected)
    for key, image in expected.items():
        assert found[key].mode == "L"
        assert found[key].tobytes() == image.tobytes()


@pytest.mark.slow
def test_nothing_tells_the_arms_labels_or_patients_apart(tmp_path, world):
    export(tmp_path / "set")
    assert {path.name for path in (tmp_path / "set").iterdir()} == {"images", "manifest.csv", "README.txt"}
    rows = list(csv.DictReader((tmp_path / "set" / "manifest.csv").open()))
    assert list(rows[0]) == ["image_sha256", "width", "height"]
    assert [row["image_sha256"] for row in rows] == sorted(row["image_sha256"] for row in rows)
    assert len({path.stat().st_mtime for path in (tmp_path / "set" / "images").iterdir()}) == 1
    words = (tmp_path / "set" / "README.txt").read_text()
    assert "'pneumothorax'" in words and f"holds {len(rows)} images" in words
    assert not re.search(r"seed|stress|sham|manifestation|tiny|radedit|patient[- ]id", words, re.IGNORECASE)


@pytest.mark.slow
def test_the_same_twice_and_over_an_earlier_export(tmp_path):
    export(tmp_path / "a")
    export(tmp_path / "b")
    first = files(tmp_path / "a")
    assert first == files(tmp_path / "b")
    (tmp_path / "a" / "images" / "stray.png").write_bytes(b"x")
    export(tmp_path / "a")
    assert files(tmp_path / "a") == first
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.slow
def test_the_auditor_keeps_how_it_was_built(tmp_path):
    text = export(tmp_path / "set", seed=3)
    key = json.loads((tmp_path / "set.key.json").read_text())
    assert (key["shift"], key["seed"], key["limit"]) == ("tiny", 3, 2)
    assert key["distinct"] == len(list((tmp_path / "set" / "images").iterdir()))
    assert key["images"]["stress"] == 2
    assert "set.key.json" in text


def test_a_folder_of_other_things_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(UsageError, match=r"holds other things \(thesis\.tex among them\)"):
        export(tmp_path)
    assert files(tmp_path) == {"thesis.tex": b"x"}


@pytest.mark.slow
def test_the_command(tmp_path):
    app = Typer()
    app.callback()(lambda: None)
    app.command("export-testset")(export_testset.export_testset)
    wrong = CliRunner().invoke(app, ["export-testset", "--shift", "tinny"], obj=False)
    assert wrong.exit_code == 2
    assert "Did you mean 'tiny'" in wrong.output
    out = tmp_path / "set"
    done = CliRunner().invoke(
        app,
        ["export-testset", "--shift", "tiny", "--limit", "1", "--device", "cpu", "--out", str(out)],
        obj=False,
    )
    assert done.exit_code == 0, done.output
    assert (out / "manifest.csv").is_file()
