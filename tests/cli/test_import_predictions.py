import io
import json
import shutil

import numpy as np
import pytest
from PIL import Image
from rich.console import Console
from typer import Typer
from typer.testing import CliRunner

from radbench.api.exporting import export_testset
from radbench.api.handout import manifest_csv
from radbench.api.importing import import_predictions as import_answers
from radbench.api.job import RunOptions
from radbench.cli import import_predictions
from radbench.cli.run import run_shift
from radbench.declared import model_path
from radbench.errors import UsageError
from radbench.harness.result import AuditResult
from radbench.models.registry import make_adapter
from radbench.specs import load_model

KEYS = [f"{number:064x}" for number in range(4)]
SIZES = dict.fromkeys(KEYS, (9, 8))


@pytest.fixture(autouse=True)
def _in_the_world(world, monkeypatch):
    monkeypatch.chdir(world)


@pytest.fixture
def testset(tmp_path):
    """A folder as export-testset would leave it, without the images, which an import does not look at."""
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "manifest.csv").write_bytes(manifest_csv(SIZES))
    return folder


def table(path, answers, column="score"):
    rows = "".join(f"{key},{answer}\n" for key, answer in answers.items())
    path.write_text(f"image_sha256,{column}\n{rows}")
    return path


def load(tmp_path, testset, given, **options):
    text = io.StringIO()
    settings = {
        "shift": "tiny",
        "name": "vendor",
        "target_file": tmp_path / "vendor.yaml",
        "testset": testset,
    }
    settings |= options
    found = import_answers(given, **settings)
    import_predictions.print_imported(Console(file=text, width=200), settings["shift"], found)
    return load_model(found.model), text.getvalue()


def scored(tmp_path):
    return table(tmp_path / "answers.csv", dict(zip(KEYS, [0.1, 0.9, 0.5, ""], strict=True)))


def test_scores_become_a_model(tmp_path, testset):
    spec, text = load(tmp_path, testset, scored(tmp_path), operating_point=0.4)
    assert (spec.format, spec.path, spec.output, spec.target) == (
        "table",
        "vendor.csv",
        "probabilities",
        "pneumothorax",
    )
    assert (spec.operating_point, spec.operating_point_source) == (0.4, "pre-specified")
    assert spec.input.spatial_shape == [9, 8]
    assert make_adapter(spec).sha256 == spec.sha256
    assert "3 of 4 images are answered" in text
    assert "1 have no answer (1 by an empty one, 0 by none)" in text
    assert f"radbench run --shift tiny --model {tmp_path}/vendor.yaml" in text


def test_an_operating_point_that_nobody_fixed_is_exploratory(tmp_path, testset):
    assert load(tmp_path, testset, scored(tmp_path))[0].operating_point_source == "exploratory"
    spec, _ = load(tmp_path, testset, scored(tmp_path), operating_point=0.4, exploratory=True, force=True)
    assert spec.operating_point_source == "exploratory"


def test_labels_by_name(tmp_path, testset):
    given = table(tmp_path / "a.csv", dict(zip(KEYS, ["no", "PTX", "?", "no"], strict=True)), "label")
    spec, text = load(
        tmp_path, testset, given, classes=("no", "PTX", "?"), target_class="PTX", indeterminate=("?",)
    )
    assert (spec.output, spec.task, spec.operating_point_source) == ("labels", "multiclass", "pre-specified")
    assert "3 of 4" in text
    with pytest.raises(UsageError, match=r"a\.csv, line 2: .*answered 'no', expected 0, 1 or 'pneumothorax'"):
        load(tmp_path, testset, given, name="other", target_file=tmp_path / "other.yaml")


def test_how_a_vendor_s_table_is_read_is_told(tmp_path, testset):
    given = tmp_path / "answers.csv"
    rows = "".join(f"{number};{key};0,{number}\n" for number, key in enumerate(KEYS[1:], start=1))
    given.write_text(f";image_sha256;score\n0;{KEYS[0]};NA\n{rows};;\n")
    spec, text = load(tmp_path, testset, given)
    assert "3 of 4 images are answered" in text
    for words in (
        "semicolons",
        "first column has no name",
        "1 empty row",
        "decimal comma",
        "'NA' is read as",
    ):
        assert words in text
    assert make_adapter(spec).readings()[0] == "values parted by semicolons"


def test_images_left_out_are_told(tmp_path, testset):
    _, text = load(tmp_path, testset, table(tmp_path / "a.csv", {KEYS[0]: 0.5}))
    assert "3 have no answer (0 by an empty one, 3 by none)" in text


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ({KEYS[0]: 0.5, "f" * 64: 0.5}, r"a\.csv, line 3: image f{12}\.\.\. is not in manifest\.csv"),
        ({KEYS[0]: 7}, r"a\.csv, line 2: score is 7, expected a number from 0 to 1"),
        ({KEYS[0]: "", KEYS[1]: ""}, "answers none of the 4 exported images"),
        ({}, "answers none of the 4 exported images"),
    ],
)
def test_a_table_that_does_not_fit_writes_nothing(tmp_path, testset, answers, sentence):
    with pytest.raises(UsageError, match=sentence):
        load(tmp_path, testset, table(tmp_path / "a.csv", answers))
    assert {path.name for path in tmp_path.iterdir()} == {"set", "a.csv"}


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "Über"}, r"cannot be declared so: name is 'Über': "),
        ({"classes": ("a", "b")}, r"classes are a, b and lack 'pneumothorax'"),
        ({"shift": "tinny"}, "Did you mean 'tiny'"),
        ({"output": "labels"}, "expected a column 'label'"),
    ],
)
def test_wrong_options_are_one_sentence(tmp_path, testset, options, sentence):
    with pytest.raises(UsageError, match=sentence):
        load(tmp_path, testset, scored(tmp_path), **options)


def test_files_that_are_there_are_kept_unless_forced(tmp_path, testset):
    load(tmp_path, testset, scored(tmp_path))
    other = table(tmp_path / "other.csv", {KEYS[0]: 0.25})
    with pytest.raises(UsageError, match=r"vendor\.yaml is there already.*--force"):
        load(tmp_path, testset, other)
    assert "0.9" in (tmp_path / "vendor.csv").read_text()
    load(tmp_path, testset, other, force=True)
    assert (tmp_path / "vendor.csv").read_bytes() == other.read_bytes()


def test_a_table_beside_the_yaml_file_is_used_as_it_is(tmp_path, testset):
    given = scored(tmp_path).rename(tmp_path / "vendor.csv")
    spec, _ = load(tmp_path, testset, given)
    assert make_adapter(spec).sha256 == spec.sha256


def test_the_key_must_fit(tmp_path, testset):
    key = {"shift": "other", "manifest_sha256": "0" * 64}
    (tmp_path / "set.key.json").write_text(json.dumps(key))
    with pytest.raises(UsageError, match="exported for the shift 'other', expected 'tiny'"):
        load(tmp_path, testset, scored(tmp_path))
    (tmp_path / "set.key.json").write_text(json.dumps(key | {"shift": "tiny"}))
    with pytest.raises(UsageError, match=r"manifest\.csv is not as it was exported"):
        load(tmp_path, testset, scored(tmp_path))


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        (None, r"manifest\.csv cannot be read .*--testset"),
        (b"a,b\n", "is not the list"),
        (b"image_sha256,width,height\nx,1,1\n", "line 2: expected a SHA-256"),
    ],
)
def test_a_manifest_that_is_none(tmp_path, testset, manifest, sentence):
    (testset / "manifest.csv").unlink()
    if manifest is not None:
        (testset / "manifest.csv").write_bytes(manifest)
    with pytest.raises(UsageError, match=sentence):
        load(tmp_path, testset, scored(tmp_path))


def draw(folder, keys, size=(9, 8)):
    folder.mkdir()
    for number, key in enumerate(keys):
        mask = np.zeros(size, np.uint8)
        mask[number:] = 255
        Image.fromarray(mask).save(folder / f"{key}.png")
    return folder


def test_masks_become_a_model(tmp_path, testset):
    given = draw(tmp_path / "drawn", KEYS)
    (given / "notes.txt").write_text("Patient 12, Mrs X")
    spec, text = load(tmp_path, testset, given, shift="population")
    assert (spec.task, spec.path, spec.output) == ("segmentation", "vendor-masks", "labels")
    assert make_adapter(spec).sha256 == spec.sha256
    assert "4 of 4" in text
    assert {path.stem for path in (tmp_path / "vendor-masks").iterdir()} == set(KEYS)


def test_masks_that_do_not_fit(tmp_path, testset):
    with pytest.raises(UsageError, match="lacks the masks of 1 of 4 images"):
        load(tmp_path, testset, draw(tmp_path / "few", KEYS[:3]), shift="population")
    with pytest.raises(UsageError, match=r"fff\.png is no mask of an image"):
        load(tmp_path, testset, draw(tmp_path / "more", [*KEYS, "f" * 64]), shift="population")
    with pytest.raises(UsageError, match=r"9 x 4 pixels .*expected 9 x 8"):
        load(tmp_path, testset, draw(tmp_path / "small", KEYS, (9, 4)), shift="population")
    assert not (tmp_path / "vendor.yaml").exists()


@pytest.mark.slow
def assert_alike(found, expected, tolerance=1e-6):
    """The same things in the same places, numbers within a tolerance."""
    assert type(found) is type(expected)
    if isinstance(found, dict):
        assert found.keys() == expected.keys()
        for key, value in found.items():
            assert_alike(value, expected[key], tolerance)
    elif isinstance(found, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_alike(one, other, tolerance)
    elif isinstance(found, float):
        assert found == pytest.approx(expected, rel=0, abs=tolerance, nan_ok=True)
    else:
        assert found == expected


def test_answers_given_elsewhere_are_audited_like_the_model_itself(tmp_path):
    """A vendor runs a model on the exported files, by their pixels alone; the audit of the table is the model's own."""
    export_testset("tiny", tmp_path / "set", limit=2, device="cpu", progress=False)
    vendor = tmp_path / "vendor"
    shutil.copytree(tmp_path / "set" / "images", vendor)
    paths = sorted(vendor.iterdir())
    model = make_adapter(load_model(model_path("first")))
    scores = model.predict([np.asarray(Image.open(path)) for path in paths]).values
    given = table(
        tmp_path / "a.csv", {path.stem: repr(float(s)) for path, s in zip(paths, scores, strict=True)}
    )
    _, text = load(tmp_path, tmp_path / "set", given, operating_point=0.5)
    assert f"--model {tmp_path}/vendor.yaml --limit 2 --device cpu" in text
    results = []
    for number, name in enumerate((str(tmp_path / "vendor.yaml"), "first")):
        out = tmp_path / str(number)
        run_shift(
            RunOptions(shift="tiny", models=(name,), limit=2, device="cpu", out=out),
            Console(file=io.StringIO()),
        )
        results.append(AuditResult.from_json((out / "result.json").read_bytes()))
    (imported,), (own,) = (result.models for result in results)
    # another process than the table's answered for the model: its last digits are its own
    assert_alike(imported.model_dump()["arms"], own.model_dump()["arms"])
    assert imported.verdict == own.verdict
    assert imported.error is None


def test_the_command(tmp_path, testset):
    app = Typer()
    app.callback()(lambda: None)
    app.command("import-predictions")(import_predictions.import_predictions)
    words = [
        "import-predictions",
        str(scored(tmp_path)),
        "--shift",
        "tiny",
        "--name",
        "vendor",
        "--testset",
        str(testset),
    ]
    target = ["--target-file", str(tmp_path / "vendor.yaml")]
    done = CliRunner().invoke(
        app, [*words, *target, "--output", "calibrated", "--operating-point", "0.3"], obj=False
    )
    assert done.exit_code == 0, done.output
    assert load_model(tmp_path / "vendor.yaml").output == "calibrated"
    again = CliRunner().invoke(app, [*words, *target], obj=False)
    assert again.exit_code == 2
    assert "is there already" in again.output
