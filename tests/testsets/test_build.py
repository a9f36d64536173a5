import errno
import hashlib
import json
import logging
import os

import numpy as np
import pyarrow.parquet as pq
import pytest
from testset_world import TinyCohort, TinyEditor, bundle, plan_of, scenario, shift

from radbench.data.images import decode_png
from radbench.errors import UsageError
from radbench.testsets import storage
from radbench.testsets.build import build_testset
from radbench.testsets.task import edit_inputs


def _no_bundle():
    raise AssertionError("the bundle must not be loaded")


def _build(cache, plan=None, cohort=None, editor=None, loader=bundle, **options):
    cohort = cohort or TinyCohort()
    editor = editor or TinyEditor()
    return build_testset(plan or plan_of(cohort), cohort, loader, cache=cache, editor=editor, **options)


def _tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def _flip(path):
    """Change one byte in place, as a bad disk does: hard links see it too."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x10
    with path.open("r+b") as file:
        file.write(data)


def test_a_test_set_is_a_folder_that_anyone_can_read(cache):
    cohort = TinyCohort()
    plan = plan_of(cohort)
    built = _build(cache, plan, cohort)
    assert built.path == cache / "testsets" / plan.set_key
    table = pq.read_table(built.path / "records.parquet").to_pylist()
    assert [row["study_id"] for row in table] == [task.study_id for task in plan.tasks]
    for row, record in zip(table, built.records, strict=True):
        assert (row["status"], row["reason"], row["label_after_pneumothorax"]) == ("ok", "", 0)
        assert row["measure_change_inside"] == record.measures["change_inside"]
        for role in ("image", "reconstruction", "edit_mask", "keep_mask"):
            data = (built.path / row[role]).read_bytes()
            assert hashlib.sha256(data).hexdigest() == row[f"{role}_sha256"]
        np.testing.assert_array_equal(
            decode_png((built.path / row["image"]).read_bytes()), built.image(record)
        )
        study = next(study for study in cohort.studies if study.study_id == record.study_id)
        inputs = edit_inputs(cohort, scenario(), study)
        np.testing.assert_array_equal(built.edit_mask(record), inputs.edit_mask)
        np.testing.assert_array_equal(built.keep_mask(record), inputs.keep_mask)
        np.testing.assert_array_equal(built.reconstruction(record), inputs.image ^ 1)
        assert record.sha256 == row["image_sha256"]
        assert record.labels_after == {"pneumothorax": 0}
    for line in (built.path / "SHA256SUMS").read_text().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256((built.path / name).read_bytes()).hexdigest() == digest


def test_the_datasheet_says_where_it_comes_from(cache):
    plan = plan_of(TinyCohort(), limit=5)
    built = _build(cache, plan)
    sheet = json.loads((built.path / "datasheet.json").read_text())
    assert sheet == built.provenance
    assert sheet["shift"]["name"] == "tiny-shift"
    assert sheet["shift"]["sha256"] == plan.shift_digest
    assert sheet["weights"] == dict(plan.tasks[0].weights)
    assert sheet["editor"]["settings"]["num_inference_steps"] == 30
    assert sheet["made_with"][0]["device"] == "cpu"
    assert {"radbench", "numpy", "torch"} <= set(sheet["made_with"][0]["packages"])
    assert sheet["attrition"] == {
        "cohort": 12,
        "without pneumothorax = 1": 6,
        "eligible": 6,
        "beyond the limit": 1,
        "tasks": 5,
        "ok": 5,
        "rejected": 0,
        "failed": 0,
    }
    assert str(cache) not in (built.path / "datasheet.json").read_text()


@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_the_same_plan_gives_the_same_bytes(tmp_path, batch_size):
    one = _build(tmp_path / "one")
    two = _build(tmp_path / "two", batch_size=batch_size)
    assert _tree(one.path) == _tree(two.path)


def test_a_second_build_edits_nothing_and_writes_nothing(cache):
    first = _build(cache)
    before = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if "tmp" not in path.parts}
    told = []
    second = _build(cache, loader=_no_bundle, progress=lambda *counts: told.append(counts))
    assert (second.records, second.provenance, second.repaired) == (first.records, first.provenance, [])
    assert told == [(6, 6)]
    after = {path: path.stat().st_mtime_ns for path in cache.rglob("*") if "tmp" not in path.parts}
    assert {path: time for path, time in after.items() if path.is_file() and "locks" not in path.parts} == {
        path: time for path, time in before.items() if path.is_file() and "locks" not in path.parts
    }


def test_a_larger_set_edits_only_what_is_new(cache):
    cohort, editor = TinyCohort(40), TinyEditor()
    _build(cache, plan_of(cohort, limit=4), cohort)
    told = []
    _build(cache, plan_of(cohort, limit=7), cohort, editor, progress=lambda *counts: told.append(counts))
    assert len(editor.edited) == 3
    assert told == [(4, 7), (5, 7), (6, 7), (7, 7)]


def test_the_same_edit_of_two_scenarios_is_done_once(cache):
    spec = shift(scenario("a"), scenario("b"))
    cohort, editor = TinyCohort(), TinyEditor()
    built = _build(cache, plan_of(cohort, spec), cohort, editor)
    assert len(built.records) == 12
    assert len(editor.edited) == 6
    assert len({record.files["image"].path for record in built.records}) == 12


@pytest.mark.parametrize(
    ("pattern", "is_re_edited"),
    [
        ("edits/*/*/edited.png", True),
        ("edits/*/*/edit_mask.png", True),
        ("edits/*/*/record.json", True),
        ("testsets/*/images/*.png", True),
        ("testsets/*/records.parquet", False),
        ("testsets/*/datasheet.json", False),
        ("testsets/*/SHA256SUMS", False),
    ],
)
def test_a_flipped_byte_is_named_and_rebuilt(cache, pattern, is_re_edited, caplog):
    first = _build(cache)
    before = _tree(first.path)
    damaged = min(cache.glob(pattern))
    _flip(damaged)
    editor = TinyEditor()
    with caplog.at_level(logging.INFO, "radbench.testsets"):
        second = _build(cache, editor=editor)
    assert damaged.relative_to(cache).as_posix() in second.repaired
    assert str(damaged) in caplog.text
    assert len(editor.edited) == is_re_edited
    assert _tree(second.path) == before
    assert _build(cache, loader=_no_bundle).repaired == []


def test_a_flipped_byte_in_a_copied_image_needs_no_edit(cache, monkeypatch):
    monkeypatch.setattr(os, "link", lambda *paths: (_ for _ in ()).throw(OSError(errno.EXDEV, "two disks")))
    first = _build(cache)
    before = _tree(first.path)
    damaged = min(first.path.glob("images/*.png"))
    _flip(damaged)
    with pytest.raises(UsageError, match=r"has other bytes than were written.*run again"):
        [first.image(record) for record in first.records]
    second = _build(cache, loader=_no_bundle)
    assert second.repaired == [damaged.relative_to(cache).as_posix()]
    assert _tree(second.path) == before


def test_a_deleted_image_or_folder_comes_back(cache):
    first = _build(cache)
    before = _tree(first.path)
    min(first.path.glob("masks/*.png")).unlink()
    assert len(_build(cache, loader=_no_bundle).repaired) == 1
    for path in sorted(first.path.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    first.path.rmdir()
    assert _tree(_build(cache, loader=_no_bundle).path) == before


def test_a_failed_edit_is_a_row_and_is_tried_again(cache):
    plan = plan_of(TinyCohort())
    bad = plan.tasks[2]
    built = _build(cache, plan, editor=TinyEditor(breaks={bad.key}))
    assert [record.status for record in built.records].count("ok") == 5
    record = built.records[2]
    assert (record.status, record.reason) == ("failed", "FloatingPointError: no such luck")
    assert built.attrition["failed"] == 1
    assert pq.read_table(built.path / "records.parquet")["reason"][2].as_py() == record.reason
    with pytest.raises(UsageError, match="has no image: it is failed"):
        built.image(record)
    editor = TinyEditor()
    again = _build(cache, plan, editor=editor)
    assert editor.edited == [bad.key]
    assert [r.status for r in again.records] == ["ok"] * 6
    assert again.repaired == []
    assert pq.read_table(again.path / "records.parquet")["status"].to_pylist() == ["ok"] * 6


def test_a_rejected_task_is_a_row_without_pixels(cache):
    cohort = TinyCohort(empty={"s003"})
    built = _build(cache, plan_of(cohort), cohort)
    record = next(record for record in built.records if record.study_id == "s003")
    assert (record.status, record.reason, dict(record.files)) == ("rejected", "empty edit mask", {})
    assert built.attrition["rejected: empty edit mask"] == 1
    assert len(built.usable) == 5
    assert _build(cache, plan_of(cohort), cohort, loader=_no_bundle).records == built.records


class _Wrong(TinyEditor):
    def __init__(self, change):
        super().__init__()
        self.change = change

    def edit(self, *args, **options):
        for result in super().edit(*args, **options):
            changed = self.change(result)
            if changed is not None:
                yield changed


def _replaced(result, **changes):
    return type(result)(**{**vars(result), **changes})


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda r: None, "returned no image"),
        (lambda r: _replaced(r, image=r.image / 255), "image as float64"),
        (lambda r: _replaced(r, reconstruction=r.image[:4]), "reconstruction as uint8 [4, 32]"),
        (lambda r: _replaced(r, measures={"m": float("nan")}), "measure m is not finite"),
        (lambda r: _replaced(r, key="unasked"), "returned no image"),
    ],
)
def test_an_editor_that_returns_nonsense_fails_its_rows(cache, change, reason):
    built = _build(cache, editor=_Wrong(change))
    assert {record.status for record in built.records} == {"failed"}
    assert all(reason in record.reason for record in built.records)


@pytest.mark.parametrize("error", [UsageError("the prompt is too long"), KeyboardInterrupt()])
def test_bad_input_and_ctrl_c_stop_the_build_and_lose_nothing(cache, error):
    def stop(result, seen=[]):  # noqa: B006
        seen.append(result)
        if len(seen) == 4:
            raise error
        return result

    with pytest.raises(type(error)):
        _build(cache, editor=_Wrong(stop), batch_size=2)
    assert not (cache / "testsets").exists()
    assert not list(cache.glob("tmp/*"))
    editor = TinyEditor()
    _build(cache, editor=editor)
    assert len(editor.edited) == 3


def test_a_disk_that_fills_up_leaves_nothing_half_written(cache, monkeypatch):
    written = []
    whole = storage.write_synced

    def fill_up(path, data):
        written.append(path)
        if len(written) > 12:
            path.write_bytes(data[:3])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        whole(path, data)

    monkeypatch.setattr("radbench.testsets.storage.write_synced", fill_up)
    with pytest.raises(
        UsageError, match=r"Cannot write to the cache folder .*cache: No space left on device"
    ):
        _build(cache)
    assert not list(cache.glob("tmp/*"))
    monkeypatch.undo()
    editor = TinyEditor()
    assert len(_build(cache, editor=editor).usable) == 6
    assert len(editor.edited) == 4


def test_a_picture_that_changed_after_planning_is_no_edit(cache):
    cohort = TinyCohort()
    plan = plan_of(cohort)
    cohort.image = lambda study: np.zeros((24, 32), dtype=np.uint8)
    with pytest.raises(UsageError, match="changed since they were planned"):
        _build(cache, plan, cohort)
    with pytest.raises(UsageError, match="batch size is 0"):
        _build(cache, batch_size=0)
