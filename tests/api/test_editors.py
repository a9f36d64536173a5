"""Editors compared in a small declared world."""

import csv
import json
from pathlib import Path

import pytest

from radbench.api.editors import SHIFTS_OWN, Strength, compare, with_editor
from radbench.api.job import RunOptions
from radbench.api.progress import Progress
from radbench.errors import UsageError
from radbench.harness.evidence.edits import EditorComparison
from radbench.specs import load_shift

pytestmark = pytest.mark.slow


def compare_editors(options: RunOptions, names: list[str]) -> Path:
    found = compare(options, names, SHIFTS_OWN, Progress())
    assert set(found.rows["editor"]) == set(names)
    assert "<table" in found._repr_html_()
    return found.report(options.out)


@pytest.fixture
def inside(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(world)
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "cache"))
    return world


def test_every_editor_has_a_row_and_a_picture_of_the_same_studies(inside: Path, tmp_path: Path) -> None:
    names = ["radedit", "diffedit", "sdedit"]
    page = compare_editors(RunOptions(shift="tiny", out=tmp_path / "out", limit=3), names)
    found = EditorComparison.model_validate_json((tmp_path / "out" / "editors.json").read_bytes())
    assert [row.editor for row in found.rows] == names
    by_name = {row.editor: row for row in found.rows}
    assert all(row.n == 3 and row.failed == 0 and (row.seconds or 0) > 0 for row in found.rows)
    assert len({row.source_error.value for row in found.rows}) == 1, "the unedited image is the same for all"
    assert by_name["radedit"].keep_change.value == 0, "the keep mask is pasted back"
    assert (by_name["sdedit"].keep_change.value or 0) > 0, "it knows no mask"
    html = page.read_text(encoding="utf-8")
    assert html.count("<img ") == 3 * (2 + len(names))
    assert "<script" not in html
    rows = list(csv.DictReader((tmp_path / "out" / "editors.csv").open(encoding="utf-8")))
    assert {row["editor"] for row in rows} == set(names)
    stated = json.loads((tmp_path / "out" / "editors.json").read_text())["rows"][0]["edit_error"]["value"]
    assert float(next(r for r in rows if r["metric"] == "edit_error")["value"]) == stated


def test_an_unknown_editor_is_refused_before_any_work(inside: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Did you mean 'radedit'"):
        compare_editors(RunOptions(shift="tiny", out=tmp_path / "out"), ["radedit", "raddit"])
    assert not (tmp_path / "out").exists()


def test_only_the_editor_differs(inside: Path) -> None:
    shift = load_shift(inside / "shifts" / "tiny.yaml")
    other = with_editor(shift, "lance")
    for before, after in zip(shift.scenarios, other.scenarios, strict=True):
        expected = shift.editor_of(before).main.model_copy(update={"name": "lance"})
        assert other.editor_of(after) == expected
        assert (after.prompt, after.edit_mask, after.keep_mask) == (
            before.prompt,
            before.edit_mask,
            before.keep_mask,
        )
        assert after.sham_prompt is None and after.placebo is None


def test_a_given_strength_replaces_the_shifts_for_every_scenario(inside: Path) -> None:
    shift = load_shift(inside / "shifts" / "tiny.yaml")
    other = with_editor(shift, "sdedit", Strength(skip_ratio=0.25))
    for scenario in other.scenarios:
        editor = other.editor_of(scenario)
        assert (editor.name, editor.skip_ratio) == ("sdedit", 0.25)
        assert editor.guidance_scale == shift.editor.main.guidance_scale
