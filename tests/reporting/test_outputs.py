"""The three files come as one set: all new or all old."""

import csv
import errno
import io
import json
import os
from pathlib import Path

import pytest

from radbench.audit.result import AuditResult
from radbench.errors import UsageError
from radbench.reporting import check_writable, write_outputs
from radbench.reporting.identity import deidentified

FILES = ["cases.csv", "attrition.csv", "metrics.csv", "report.html", "result.json"]
FILES.sort()


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


def test_all_files_in_a_folder_that_is_made(result, gallery, tmp_path):
    out = tmp_path / "deep" / "er"
    assert write_outputs(result, iter(gallery), out) == out / "report.html"
    assert names_in(out) == FILES
    assert AuditResult.from_json((out / "result.json").read_bytes()) == deidentified(result)
    before = {name: (out / name).read_bytes() for name in FILES}
    write_outputs(result, gallery, out)
    assert before == {name: (out / name).read_bytes() for name in FILES}


def test_metrics_csv_is_tidy(result, gallery, tmp_path):
    write_outputs(result, gallery, tmp_path)
    text = (tmp_path / "metrics.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "model,shift,scenario,arm,metric,n,value,low,high"
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["arm"] for row in rows} == {"real", "reconstruction", "stress", "truth"}
    found = {(row["model"], row["arm"], row["metric"]): row for row in rows}
    for model in result.models:
        for arm, measured in model.arms.items():
            for metric, estimate in measured.metrics.items():
                row = found[model.name, arm, metric]
                assert (float(row["value"]) if row["value"] else None) == estimate.value
    assert found[result.models[0].name, "stress", "auroc"]["value"] == ""


def test_result_json_has_no_nan(result, tmp_path):
    write_outputs(result, [], tmp_path)
    json.loads((tmp_path / "result.json").read_text(), parse_constant=lambda name: pytest.fail(name))


@pytest.mark.parametrize("failing", ["fsync", "replace"])
def test_a_full_disk_leaves_the_old_files(result, gallery, tmp_path, monkeypatch, failing):
    for name in FILES:
        (tmp_path / name).write_text("old")

    def refuse(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os if failing == "fsync" else Path, failing, refuse)
        with pytest.raises(UsageError, match="No space left on device") as caught:
            write_outputs(result, gallery, tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert names_in(tmp_path) == FILES
    assert all((tmp_path / name).read_text() == "old" for name in FILES)


def test_a_failure_while_the_page_is_made_touches_nothing(result, tmp_path):
    def breaking():
        yield from ()
        raise UsageError("a cached image is damaged")

    with pytest.raises(UsageError, match="damaged"):
        write_outputs(result, breaking(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_failed_write_removes_the_folders_it_made(result, tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(UsageError, match="Read-only"):
        write_outputs(result, [], tmp_path / "a" / "b")
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_folder_s_place_is_named(result, tmp_path, place):
    (tmp_path / "file").write_text("mine")
    for act in (check_writable, lambda out: write_outputs(result, [], out)):
        with pytest.raises(UsageError, match=r"file is not a folder"):
            act(tmp_path / place)
    assert (tmp_path / "file").read_text() == "mine"


def test_a_folder_in_a_file_s_place_is_named(result, tmp_path):
    (tmp_path / "report.html").mkdir()
    for act in (check_writable, lambda out: write_outputs(result, [], out)):
        with pytest.raises(UsageError, match=r"report\.html is a folder"):
            act(tmp_path)
    assert names_in(tmp_path) == ["report.html"]


def test_the_preflight_leaves_nothing_behind(tmp_path):
    check_writable(tmp_path / "new" / "folder")
    assert names_in(tmp_path) == []


def test_the_preflight_sees_a_full_disk(tmp_path, monkeypatch):
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda path: type("Usage", (), {"free": 1 << 20})())
    with pytest.raises(UsageError, match=r"1\.0 MiB of room"):
        check_writable(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_the_preflight_sees_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UsageError, match="Permission denied"):
        check_writable(tmp_path / "out")
