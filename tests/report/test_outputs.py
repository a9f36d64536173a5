"""The files come as one set: all new or all old."""

import csv
import errno
import hashlib
import io
import json
import os
import weakref
from dataclasses import replace
from pathlib import Path

import evidence
import pytest

from radbench.bench.report import measure_report
from radbench.errors import UsageError
from radbench.harness.result import AuditResult
from radbench.report import LazyGallery, check_writable, write_outputs
from radbench.report.cases import Answered, choose_cases
from radbench.report.config import GallerySettings
from radbench.report.identity import deidentified

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


def test_a_lazy_gallery_is_read_only_where_it_is_shown(result, make_gallery, tmp_path):
    items = {(item.study_id, item.scenario): item for item in make_gallery(40)}
    read = []

    def load(key):
        read.append(key)
        return items[key]

    write_outputs(result, LazyGallery(list(items), load), tmp_path / "lazy")
    assert 0 < len(read) == len(set(read)) <= 12
    write_outputs(result, items.values(), tmp_path / "eager")
    for name in names_in(tmp_path / "lazy"):
        assert (tmp_path / "lazy" / name).read_bytes() == (tmp_path / "eager" / name).read_bytes()


def test_few_images_are_held_at_once(result, make_gallery):
    held, most = [], 0
    made = make_gallery(60, size=16)
    stream = (replace(item) for item in made)

    def watched():
        nonlocal most
        for item in stream:
            held.append(weakref.ref(item))
            yield item
            del item
            most = max(most, sum(ref() is not None for ref in held))

    chosen, total = choose_cases(Answered(result), watched(), GallerySettings(worst=2, best=2, random=2))
    assert (len(chosen), total) == (6, 60)
    assert most <= 2 + 4 + 10 + 1


def test_the_sidecar_holds_every_image_with_its_digest(result, make_gallery, tmp_path):
    out = tmp_path / "out"
    items = [
        replace(item, study_id=name)
        for item, name in zip(make_gallery(3), ("../a", "p0001", "p0002"), strict=True)
    ]
    write_outputs(result, items, out, sidecar=True)
    rows = list(csv.DictReader(io.StringIO((out / "cases" / "index.csv").read_text())))
    assert [row["kind"] for row in rows] == ["original", "edited", "masks"] * 3
    assert sorted(row["file"] for row in rows) == sorted(set(names_in(out / "cases")) - {"index.csv"})
    for row in rows:
        data = (out / "cases" / row["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == row["sha256"]
        assert len(data) == int(row["bytes"])
        assert row["case"].startswith("case-")
    write_outputs(result, items[1:], out, sidecar=True)
    assert len(names_in(out / "cases")) == 7
    assert names_in(out) == sorted([*FILES, "cases"])
    assert names_in(tmp_path) == ["out"]


def test_the_sidecar_of_a_lazy_gallery_asks_for_bare_items(result, make_gallery, tmp_path):
    items = {(item.study_id, item.scenario): item for item in make_gallery(20)}
    read, bare = [], []
    gallery = LazyGallery(
        list(items), lambda key: read.append(key) or items[key], lambda key: bare.append(key) or items[key]
    )
    write_outputs(result, gallery, tmp_path / "a", sidecar=True)
    assert bare == list(items)
    assert len(read) == 12
    write_outputs(result, items.values(), tmp_path / "b", sidecar=True)
    for name in names_in(tmp_path / "a" / "cases"):
        assert (tmp_path / "a" / "cases" / name).read_bytes() == (
            tmp_path / "b" / "cases" / name
        ).read_bytes()


def test_a_sidecar_that_fails_leaves_nothing(result, make_gallery, tmp_path):
    def breaking():
        yield make_gallery(1)[0]
        raise UsageError("a cached image is damaged")

    with pytest.raises(UsageError, match="damaged"):
        write_outputs(result, breaking(), tmp_path / "out", sidecar=True)
    assert names_in(tmp_path) == []


def test_tables_of_an_earlier_run_do_not_stay(result, tmp_path):
    write_outputs(evidence.with_evidence(result), [], tmp_path)
    assert {"claims.csv", "gates.csv", "subgroups.csv"} <= set(names_in(tmp_path))
    (tmp_path / "mine.csv").write_text("mine")
    write_outputs(result, [], tmp_path)
    assert names_in(tmp_path) == sorted([*FILES, "mine.csv"])


def test_the_page_of_many_images_stays_small(tmp_path):
    found = measure_report(300, tmp_path)
    assert found.read == 12
    assert found.page_mb < 8
    assert found.images == 300
