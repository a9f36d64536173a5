import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from rich.console import Console

from radbench.api.job import RunOptions
from radbench.cli.run import run_shift
from radbench.errors import UsageError
from radbench.harness.result import AuditResult
from radbench.phantom.cohort import build_cohort

OUTPUTS = {"result.json", "metrics.csv", "cases.csv", "report.html", "junit.xml", "summary.md"}


@pytest.fixture(autouse=True)
def _in_the_world(world, monkeypatch):
    monkeypatch.chdir(world)


def run(out, **options):
    text = io.StringIO()
    code = run_shift(
        RunOptions(**{"shift": "tiny", "out": out, "limit": 2, "device": "cpu"} | options),
        Console(file=text, width=200),
    )
    return code, text.getvalue()


def digests(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(folder.iterdir())}


def test_a_run_writes_its_files_and_prints_one_table(tmp_path):
    code, text = run(tmp_path / "out")
    assert code == 0
    assert {file.name for file in (tmp_path / "out").iterdir()} >= OUTPUTS
    result = AuditResult.from_json((tmp_path / "out" / "result.json").read_bytes())
    assert [model.name for model in result.models] == ["first", "second"]
    assert set(result.models[0].arms) == {"real", "reconstruction", "sham", "stress", "truth"}
    assert result.testset.ok == 2
    assert not result.gate
    assert "first" in text
    assert text.rstrip().endswith(str(tmp_path / "out" / "report.html"))


def test_a_second_run_gives_the_same_bytes_and_loads_no_weights(tmp_path, monkeypatch):
    run(tmp_path / "a")
    monkeypatch.setattr("radbench.diffusion.bundle.load_bundle", lambda *_: pytest.fail("loaded the bundle"))
    run(tmp_path / "b")
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


@pytest.mark.parametrize("options", [{"limit": 1}, {"models": ("second",)}, {"models": ("first", "first")}])
def test_options_choose_images_and_models(tmp_path, options):
    run(tmp_path, **options)
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["testset"]["records"] == options.get("limit", 2)
    assert len(result["models"]) == (1 if "models" in options else 2)


def test_a_control_model_is_measured_and_not_judged(tmp_path):
    run(tmp_path, models=("first",), controls=("second",))
    result = AuditResult.from_json((tmp_path / "result.json").read_bytes())
    assert [(model.name, model.role) for model in result.models] == [
        ("first", "model"),
        ("second", "control"),
    ]
    assert result.verdict == result.models[0].verdict
    assert "control model" in (tmp_path / "report.html").read_text()


def test_the_gate_sets_the_exit_code(tmp_path):
    code, _ = run(tmp_path, max_drop=0.0)
    result = AuditResult.from_json((tmp_path / "result.json").read_bytes())
    assert result.gate
    assert code == result.exit_code
    assert code in {0, 3, 4}


def test_a_flipped_byte_in_the_cache_is_named_and_rebuilt(tmp_path, own_cache):
    run(tmp_path / "a")
    victim = next((own_cache / "edits").rglob("edited.png"))
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.unlink()
    victim.write_bytes(bytes(data))
    _, text = run(tmp_path / "b")
    assert "Damaged in the cache, rebuilt" in text
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def folder_of_films(folder, count=12, blank=()):
    """A folder cohort of drawn films, of which those numbered in ``blank`` have no label of the target."""
    cohort = build_cohort("manifestation", size=count)
    rows = [
        "study_id,patient_id,image,report,sex,label_pneumothorax,label_drain,mask_pneumothorax,mask_drain"
    ]
    folder.mkdir()
    for number, study in enumerate(cohort.studies):
        names = [f"{number}.png", "", ""]
        Image.fromarray(cohort.image(study)).save(folder / names[0])
        for place, name in enumerate(("pneumothorax", "drain"), start=1):
            if study.labels[name]:
                names[place] = f"{number}_{name}.png"
                Image.fromarray(cohort.mask(study, name)).save(folder / names[place])
        label = "" if number in blank else study.labels["pneumothorax"]
        rows.append(
            f"s{number},p{number},{names[0]},Report.,F,{label},{study.labels['drain']},{names[1]},{names[2]}"
        )
    (folder / "manifest.csv").write_text("\n".join(rows))
    return cohort


def test_a_blank_label_is_left_out_and_counted_and_ends_nothing(tmp_path, world, make_shift):
    folder_of_films(tmp_path / "films", blank=(0, 1))
    source = {"cohort": f"folder:{tmp_path / 'films'}", "size": 12, "split": "test"}
    shift = make_shift(tmp_path, name="blank", bundle=str(world / "bundle"), source=source, subgroups=["sex"])
    code, text = run(tmp_path / "out", shift=str(shift), models=("first",))
    result = AuditResult.from_json((tmp_path / "out" / "result.json").read_bytes())
    assert (result.cohort.studies, result.cohort.unlabelled, result.models[0].arms["real"].n) == (10, 2, 10)
    assert result.testset.attrition["without a label of 'pneumothorax'"] == 2
    assert "2 studies have no label of 'pneumothorax' and stand in no arm." in text
    page = (tmp_path / "out" / "report.html").read_text()
    assert "2 studies have no label of &#39;pneumothorax&#39; and stand in no arm." in page
    assert code == result.exit_code


def test_what_cohort_and_rules_alone_decide_is_refused_before_the_first_edit(
    tmp_path, world, make_shift, monkeypatch
):
    monkeypatch.setattr("radbench.api.job.build_testset", lambda *_, **__: pytest.fail("edited"))
    settings = {"bundle": str(world / "bundle"), "subgroups": ["sex"]}
    rules = tmp_path / "gates.yaml"
    rules.write_text("name: g\nrules: [{measure: drop, max: 0.1, subgroup: sex=Q}]\n")
    shift = make_shift(tmp_path, name="rule", **settings)
    with pytest.raises(UsageError, match=r"no study is in the subgroup 'sex=Q'"):
        run(tmp_path / "out", shift=str(shift), gates=rules)
    shift = make_shift(tmp_path, name="column", **settings | {"subgroups": ["ward"]})
    with pytest.raises(UsageError, match="'ward', which no study has"):
        run(tmp_path / "out", shift=str(shift))
    folder_of_films(tmp_path / "films", blank=range(12))
    source = {"cohort": f"folder:{tmp_path / 'films'}", "size": 12, "split": "test"}
    shift = make_shift(tmp_path, name="bare", source=source, **settings)
    with pytest.raises(UsageError, match="No study of cohort 'folder:films' has the label 'pneumothorax'"):
        run(tmp_path / "out", shift=str(shift))


def test_bad_input_leaves_nothing_behind(tmp_path, world, make_shift):
    shift = make_shift(tmp_path, name="wrong", bundle=str(world / "bundle"), target="drain")
    text = shift.read_text().replace("labels_after:\n    pneumothorax: 0", "labels_after:\n    drain: 0")
    shift.write_text(text)
    with pytest.raises(UsageError, match="predicts 'pneumothorax'"):
        run(tmp_path / "out", shift=str(shift))
    (tmp_path / "occupied").write_text("mine")
    with pytest.raises(UsageError, match="--out"):
        run(tmp_path / "occupied")
    with pytest.raises(UsageError, match="--out"):
        run(tmp_path / "occupied" / "below")
    with pytest.raises(UsageError, match="Did you mean 'first'"):
        run(tmp_path / "out", models=("frist",))
    assert not (tmp_path / "out").exists()


def test_weights_of_another_digest_are_refused_before_the_editing(tmp_path, world, make_shift):
    models = tmp_path / "models_under_test"
    shutil.copytree(world / "models_under_test", models)
    with (models / "first.safetensors").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\xff")
    with pytest.raises(UsageError, match=r"first\.safetensors"):
        run(tmp_path / "out", models=(str(models / "first.yaml"),))
    assert not (tmp_path / "out").exists()


def test_no_image_left_says_which_clause_removed_them(tmp_path, world, make_shift):
    shift = make_shift(tmp_path, name="none", bundle=str(world / "bundle"))
    shift.write_text(shift.read_text().replace("drain: 1", "covid: 1"))
    with pytest.raises(UsageError, match="covid"):
        run(tmp_path / "out", shift=str(shift))
    assert not (tmp_path / "out").exists()


@pytest.fixture
def own_images(tmp_path, world, make_shift):
    """A folder of images with a manifest, and a shift that edits them."""
    from radbench.data.images import write_png

    cohort = build_cohort("phantom/manifestation", size=6)
    rows = ["study_id,patient_id,image,report,label_pneumothorax,label_drain,mask_pneumothorax,mask_drain"]
    for study in cohort.studies:
        masks = []
        for name in ("pneumothorax", "drain"):
            present = study.labels[name] == 1
            masks.append(f"{study.study_id}-{name}.png" if present else "")
            if present:
                write_png(tmp_path / masks[-1], cohort.mask(study, name).astype("uint8") * 255)
        write_png(tmp_path / f"{study.study_id}.png", cohort.image(study))
        labels = [str(study.labels[name]) for name in ("pneumothorax", "drain")]
        image = f"{study.study_id}.png"
        rows.append(",".join([study.study_id, study.patient_id, image, "Acute process.", *labels, *masks]))
    (tmp_path / "manifest.csv").write_text("\n".join(rows) + "\n")
    source = {"cohort": "folder:.", "size": 6}
    return make_shift(
        tmp_path,
        name="own",
        bundle=str(world / "bundle"),
        source=source,
        filter={"encoder": None},
        subgroups=[],
    )


def test_a_folder_of_images_has_no_truth(tmp_path, own_images):
    run(tmp_path / "out", shift=str(own_images))
    result = AuditResult.from_json((tmp_path / "out" / "result.json").read_bytes())
    assert set(result.models[0].arms) == {"real", "geometry", "reconstruction", "sham", "stress"}
    assert result.cohort.studies == 6


def test_a_corrupt_image_is_named_and_nothing_is_written(tmp_path, own_images):
    victim = next(file for file in sorted(tmp_path.glob("phantom-*.png")) if "-drain" not in file.name)
    victim.write_bytes(b"no image")
    with pytest.raises(UsageError, match=victim.name):
        run(tmp_path / "out", shift=str(own_images))
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_command_line_from_another_process(tmp_path):
    command = [
        sys.executable,
        "-m",
        "radbench",
        "run",
        "--shift",
        "tiny",
        "--limit",
        "1",
        "--out",
        str(tmp_path),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.rstrip().splitlines()[-1].removeprefix("Report: ")) == tmp_path / "report.html"
