"""What there is by name."""

import pytest
from typer.testing import CliRunner

from radbench.api.listing import KINDS, listed
from radbench.cli.app import app
from radbench.errors import UsageError


def test_every_kind_has_names():
    found = listed()
    assert {one.kind for one in found} == set(KINDS)
    names = {(one.kind, one.name) for one in found}
    assert {
        ("shifts", "manifestation"),
        ("models", "pneumothorax-robust"),
        ("bundles", "phantom"),
        ("bundles", "radedit"),
        ("editors", "radedit"),
        ("cohorts", "phantom/population"),
        ("formats", "onnx"),
        ("figures", "roc"),
    } <= names


def test_a_shift_that_cannot_be_read_is_still_listed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shifts").mkdir()
    (tmp_path / "shifts" / "broken.yaml").write_text("name: [")
    (row,) = [one for one in listed("shifts") if one.name == "broken"]
    assert "run it for the reason" in row.about


def test_the_command():
    found = CliRunner().invoke(app, ["list", "editors"])
    assert found.exit_code == 0
    assert "diffedit" in found.output
    assert CliRunner().invoke(app, ["list", "editrs"]).exit_code == 2
    with pytest.raises(UsageError, match="Did you mean 'editors'"):
        listed("editrs")
