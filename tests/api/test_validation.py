"""Predicted against true drops in a small declared world."""

import csv
import json
from pathlib import Path

import pytest

from radbench.api.job import RunOptions
from radbench.api.progress import Progress
from radbench.api.validation import validate_shifts
from radbench.specs import load_shift

pytestmark = pytest.mark.slow


def test_each_seed_brings_its_own_patients(
    world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "cache"))
    options = RunOptions(shift="tiny", out=tmp_path / "out", limit=4, seed=3)
    found = validate_shifts(options, ["tiny"], 2, Progress())
    table = found.write(tmp_path / "out")
    assert list(found.rows["model"]) == ["first", "second"] * 2
    assert "all" in set(found.summary["group"]) and "<table" in found._repr_html_()
    with table.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["seed"], row["model"]) for row in rows] == [
        ("3", "first"),
        ("3", "second"),
        ("4", "first"),
        ("4", "second"),
    ]
    for row in rows:
        assert float(row["error"]) == pytest.approx(float(row["predicted"]) - float(row["true"]))
    overall = json.loads((tmp_path / "out" / "agreement.json").read_text())["summaries"][0]
    errors = [abs(float(row["error"])) for row in rows]
    assert overall["mean_absolute_error"] == pytest.approx(sum(errors) / len(errors))


def test_the_bare_shift_edits_the_same_pixels(world: Path) -> None:
    shift = load_shift(world / "shifts" / "tiny.yaml")
    bare = shift.without_controls()
    assert not bare.controls.sham
    for before, after in zip(shift.scenarios, bare.scenarios, strict=True):
        assert bare.editor_of(after) == shift.editor_of(before).main
        assert after.placebo is None and after.sham_prompt is None
        assert (after.select, after.prompt) == (before.select, before.prompt)
