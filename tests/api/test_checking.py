"""A model checked from Python."""

import json

import pytest

import radbench
from radbench.errors import UsageError

pytestmark = pytest.mark.slow


def test_the_findings_are_a_table_and_a_file(in_world, tmp_path):
    found = radbench.check("first", "tiny", device="cpu")
    assert found.spec.name == "first"
    assert {"check", "level", "declared", "observed", "meaning"} <= set(found.table.columns)
    assert found.failed == bool((found.table["level"] == "failure").sum())
    assert "images of" in found.shown
    content = json.loads(found.write(tmp_path / "found.json").read_text())
    assert content["model_sha256"] == found.digest
    assert "<table" in found._repr_html_()


def test_a_shift_of_another_task_is_refused(in_world):
    with pytest.raises(UsageError, match="asks for a segmentation"):
        radbench.check("first", "population")
