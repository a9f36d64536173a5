"""The audit from Python: the same figures as the command line's, as tables, figures and files."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

import radbench
from radbench.api.job import RunOptions
from radbench.cli.run import run_shift
from radbench.errors import UsageError
from radbench.specs import InputContract, load_shift

pytestmark = pytest.mark.slow


@pytest.fixture
def found(in_world, edits):
    return radbench.audit("tiny", limit=2, device="cpu", cache=edits, progress=False)


def test_it_writes_what_the_command_line_writes(found, tmp_path, edits, monkeypatch):
    monkeypatch.setenv("RADBENCH_CACHE", str(edits))
    options = RunOptions(shift="tiny", out=tmp_path / "cli", limit=2, device="cpu")
    code = run_shift(options, Console(file=io.StringIO()))
    report = found.report(tmp_path / "api")
    assert report == tmp_path / "api" / "report.html"
    assert found.exit_code == code
    written = {file.name: file.read_bytes() for file in (tmp_path / "cli").iterdir()}
    assert written == {file.name: file.read_bytes() for file in (tmp_path / "api").iterdir()}


def test_its_tables_are_data_frames_with_the_result_s_own_figures(found):
    metrics, cases = found.metrics, found.cases
    assert list(metrics.columns[:5]) == ["model", "shift", "scenario", "arm", "metric"]
    one = metrics.query("model == 'first' and arm == 'real' and metric == 'accuracy'").iloc[0]
    assert one["value"] == found.result.models[0].metric("real", "accuracy").value
    assert len(cases) == len(found.result.cases)
    assert pd.api.types.is_float_dtype(cases["score"])
    assert set(found.table("preflight")["model"]) == {"first", "second"}
    with pytest.raises(UsageError, match="no table 'nothing'"):
        found.table("nothing")
    edits = found.edits
    assert set(edits["status"]) <= {"ok", "rejected", "failed"}
    assert (edits["arm"] == "stress").sum() == 2


def test_every_figure_is_drawn_and_the_same_twice(found):
    from radbench.plots.style import svg

    for name in found.plot.fitting():
        first, again = (svg(getattr(found.plot, name)()) for _ in range(2))
        assert first == again, name
        assert first.startswith("<svg")
    assert found.plot.gallery(cases=1).axes
    assert found.plot.error_map().description
    with pytest.raises(AttributeError, match="no figure 'nothing'"):
        found.plot.nothing()


def test_a_notebook_shows_the_verdict(found):
    html = found._repr_html_()
    assert found.verdict.value in html
    assert "first" in html and "<script" not in html
    assert "first" in repr(found)


def test_an_earlier_audit_is_read_again(found, tmp_path, edits, monkeypatch):
    monkeypatch.setenv("RADBENCH_CACHE", str(edits))
    found.report(tmp_path, identifiers=True)
    again = radbench.load(tmp_path)
    assert again.result == found.result
    pd.testing.assert_frame_equal(again.metrics, found.metrics)
    pd.testing.assert_frame_equal(again.edits, found.edits)
    assert again.plot.effects().axes
    for missing in (
        again.plot.gallery,
        again.plot.error_map,
        lambda: again.report(tmp_path / "again"),
        lambda: again.testset,
    ):
        with pytest.raises(UsageError, match="loaded from its result"):
            missing()
    with pytest.raises(UsageError, match=r"The audit .* does not exist"):
        radbench.load(tmp_path / "nowhere.json")


def test_a_shift_may_be_changed_in_python(in_world, edits):
    shift = load_shift(in_world / "shifts" / "tiny.yaml").model_copy(update={"metrics": ["accuracy"]})
    found = radbench.audit(shift, "second", limit=2, device="cpu", cache=edits, progress=False)
    assert [model.name for model in found.result.models] == ["second"]
    assert set(found.result.models[0].arms["real"].metrics) == {"accuracy"}


def test_own_code_and_declared_models_stand_beside_each_other(in_world, edits):
    import torch

    def bright(images):
        return [float(np.asarray(image).mean() / np.iinfo(image.dtype).max) for image in images]

    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 1))
    contract = InputContract(spatial_shape=[8, 8])
    found = radbench.audit(
        "tiny",
        {"one": bright, "two": bright},
        limit=2,
        device="cpu",
        cache=edits,
        progress=False,
    )
    assert [model.name for model in found.result.models] == ["one", "two"]
    mixed = radbench.audit(
        "tiny", ["first", network], limit=2, device="cpu", cache=edits, progress=False, input=contract
    )
    assert [model.format for model in mixed.result.models] == ["timm", "python"]
    assert not [file for file in (edits / "predictions").rglob("*") if "python" in file.name]
    with pytest.raises(UsageError, match="Two models are called 'bright'"):
        radbench.audit("tiny", [bright, bright], limit=2, device="cpu", cache=edits, progress=False)
    with pytest.raises(UsageError, match="output: a declared model declares itself"):
        radbench.audit("tiny", "first", output="logits", progress=False)
    with pytest.raises(UsageError, match="The model is a int"):
        radbench.audit("tiny", 3, progress=False)


def test_progress_is_a_callback(in_world, tmp_path):
    seen = []
    radbench.build("tiny", limit=2, device="cpu", cache=tmp_path, progress=lambda *step: seen.append(step))
    assert seen[-1][0] == "Editing"
    assert seen[-1][1] == seen[-1][2] > 0
    with pytest.raises(UsageError, match="progress is a int"):
        radbench.build("tiny", progress=3)


def test_rules_of_a_release_judge_it(in_world, edits):
    from radbench.specs import GatesSpec

    rules = GatesSpec(name="release", title="t", rules=[{"measure": "drop", "max": 1.0}])
    found = radbench.audit("tiny", "first", gates=rules, limit=2, device="cpu", cache=edits, progress=False)
    assert [gate.model for gate in found.result.gates] == ["first"]
    assert json.loads(found.result.to_json())["gate"]


def test_a_declared_model_keeps_its_own_name():
    with pytest.raises(
        UsageError, match="'mine' is a declared one, which has its own name; put it into a list"
    ):
        radbench.audit("manifestation", models={"mine": "pneumothorax-biased"}, progress=False)
