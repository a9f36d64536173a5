import json
import shutil

import pytest

from radbench.cli.bench import run_bench
from radbench.cli.gates import run_gates
from radbench.errors import UsageError
from radbench.reference.gates import Gate


@pytest.fixture
def measured(monkeypatch):
    """Gates without the minutes: the figures are given, everything around them is real."""
    found = [Gate("error", 0.005, 0.01, "at most"), Gate("share", 0.9, 0.75, "at least")]
    monkeypatch.setattr("radbench.reference.gates.run_gates", lambda *_: found)
    monkeypatch.setattr("radbench.reference.judge.Judge", lambda: None)
    return found


def test_gates_are_printed_and_written_and_decide_the_code(world, tmp_path, measured, capsys):
    bundle = tmp_path / "bundle"
    shutil.copytree(world / "bundle", bundle)
    assert run_gates(str(bundle), shift="manifestation", write=True) == 0
    assert "at least 0.75" in capsys.readouterr().out
    sheet = json.loads((bundle / "datasheet.json").read_text())
    assert [gate["passed"] for gate in sheet["gates"]] == [True, True]
    assert "unet/config.json" in sheet["files"]
    measured.append(Gate("placebo", 0.5, 0.25, "at most"))
    assert run_gates(str(bundle), shift="manifestation", write=False) == 3
    assert "FAILED" in capsys.readouterr().out


def test_a_bundle_that_is_not_there():
    with pytest.raises(UsageError, match=r"no bundle named 'nowhere'.*'phantom'"):
        run_gates("nowhere", shift="manifestation", write=False)
    with pytest.raises(UsageError, match=r"no bundle named 'nowhere'.*'phantom'"):
        run_bench("inversion", "nowhere", steps=2, device="cpu")
