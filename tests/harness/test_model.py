"""What a result repeats of a declaration, what a preflight decides, and several training runs of one model."""

import numpy as np
import pytest
from audit_world import Cohort, TestSet, Threshold, audit, biased, robust, shift

from radbench.harness.model import FORCED, source_name, spread
from radbench.harness.result import Verdict
from radbench.models.base import Finding, ModelFailureError
from radbench.specs import EditorSpec, InputContract, ModelSpec

BROKEN = Finding("output range", "failure", "probabilities", "-3.1 to 4.2", "they are logits")
EDITOR = EditorSpec(guidance_scale=[15.0, 5.0, 30.0])
WORTH = Finding("pinned", "note", "no SHA-256", "not pinned", "pin it")


def spec(**changes):
    fields = {"name": "m", "title": "t", "target": "sick", "input": InputContract(spatial_shape=[16, 16])}
    return ModelSpec(**fields | changes)


@pytest.mark.parametrize(
    ("declared", "name"),
    [
        ({"format": "onnx", "path": "/home/me/secret/net.onnx"}, "net.onnx"),
        (
            {"format": "timm", "weights": "w/a.safetensors", "architecture": "r", "sha256": "0" * 64},
            "a.safetensors",
        ),
        ({"format": "monai", "path": "bundles/lung/"}, "lung"),
        ({"format": "program", "command": ["/opt/vendor/run.sh", "--token", "abc"]}, "run.sh"),
        (
            {"format": "openinference", "endpoint": "https://me:pass@host.example:8000/v2?key=s"},
            "https://host.example:8000/v2",
        ),
    ],
)
def test_a_source_is_named_without_folder_or_credentials(declared, name):
    assert source_name(spec(**declared)) == name


def test_the_declaration_is_repeated(tmp_path):
    model = audit(tmp_path, [biased(intended_use="Triage.", sha256="a" * 64)]).models[0]
    assert (model.format, model.source, model.output) == ("onnx", "biased.onnx", "logits")
    assert (model.pinned, model.intended_use) == (True, "Triage.")
    assert audit(tmp_path, [biased()]).models[0].pinned is False


def test_a_model_that_breaks_its_contract_is_shown_nothing(tmp_path):
    broken, sound = robust(), biased()
    result = audit(
        tmp_path, [broken, sound], max_drop=None, preflight={"robust": [WORTH, BROKEN], "biased": [WORTH]}
    )
    refused, shown = result.models
    assert broken.shown == 0
    assert (refused.verdict, refused.failure, refused.arms) == (Verdict.NOT_RUN, "refused", {})
    assert "(output range)" in refused.error
    assert [found.check for found in refused.preflight] == ["pinned", "output range"]
    assert refused.preflight[1].model_dump() == vars(BROKEN)
    assert (shown.verdict, shown.error, len(shown.preflight)) == (Verdict.FAIL, None, 1)
    assert result.instrument.verdict is Verdict.NOT_RUN
    assert "robust" not in result.instrument.reason
    assert result.exit_code == 4
    assert audit(tmp_path, [biased()], max_drop=None).exit_code == 0


def test_a_forced_model_is_audited_and_says_so(tmp_path):
    result = audit(
        tmp_path, [robust(), biased()], preflight={"robust": [BROKEN]}, forced={"robust", "biased"}
    )
    forced, plain = result.models
    assert (forced.forced, forced.error, forced.preflight[0].level) == (True, None, "failure")
    assert forced.reason.endswith(FORCED), "no reader of the verdict may miss it"
    assert plain.forced is False and FORCED not in plain.reason
    assert forced.arms["real"].n == 40


def test_a_refused_model_has_no_runs_and_a_refused_control_settles_nothing(tmp_path):
    runs = {"robust": [robust(digest="r1"), robust(digest="r2")]}
    result = audit(
        tmp_path,
        [biased()],
        control_models=[robust()],
        checkpoints=runs,
        cohort=Cohort(40),
        preflight={"robust": [BROKEN]},
    )
    control = result.models[1]
    assert (control.role, control.failure, control.checkpoints) == ("control", "refused", None)
    assert [run.shown for run in runs["robust"]] == [0, 0]
    assert result.models[0].verdict is Verdict.INCONCLUSIVE
    assert "Control model 'robust' could not be measured." in result.models[0].reason


@pytest.mark.parametrize("kind", ["crash", "timeout", "memory", "output"])
def test_a_failure_is_a_recorded_outcome(tmp_path, kind):
    model = audit(tmp_path, [robust(error=ModelFailureError("It ran for 3 s.", kind=kind))]).models[0]
    assert (model.verdict, model.failure, model.error) == (Verdict.ERROR, kind, "It ran for 3 s.")
    unknown = audit(tmp_path, [robust(error=ValueError("bad"))]).models[0]
    assert (unknown.failure, unknown.error) == ("crash", "ValueError: bad")


def test_a_drop_is_judged_by_the_run_then_the_shift_then_a_tenth(tmp_path):
    asked = audit(tmp_path, [biased()], spec=shift(max_drop=0.3), max_drop=0.2)
    declared = audit(tmp_path, [biased()], spec=shift(max_drop=0.3), max_drop=None)
    nobody = audit(tmp_path, [biased()], max_drop=None)
    assert [(result.max_drop, result.gate) for result in (asked, declared, nobody)] == [
        (0.2, True),
        (0.3, False),
        (0.1, False),
    ]
    nothing = audit(tmp_path, [biased()], spec=shift(max_drop=0.0), max_drop=None)
    assert nothing.max_drop == 0.0


def test_runs_give_mean_and_standard_deviation(tmp_path):
    cohort = Cohort()
    runs = [Threshold("biased", level, digest=f"run{level}") for level in (60, 100)]
    testset = TestSet(cohort, doses={"guidance_scale=5": 1})
    result = audit(
        tmp_path,
        [biased(), robust()],
        cohort=cohort,
        testset=testset,
        spec=shift(editor=EDITOR),
        checkpoints={"biased": runs},
    )
    many, one = result.models
    assert one.checkpoints is None
    found = many.checkpoints
    assert (found.n, found.failed) == (3, 0)
    assert found.digests == ["biased-45", "run60", "run100"]
    accuracy = found.arms["stress"]["accuracy"]
    assert (accuracy.mean, accuracy.sd, accuracy.n) == (
        pytest.approx(1 / 3),
        pytest.approx(np.std([0, 0, 1], ddof=1)),
        3,
    )
    assert found.drop.mean == pytest.approx(2 / 3)
    assert "auroc" not in found.arms["stress"]  # one class: undefined in every run
    assert many.metric("stress", "accuracy").value == 0.0  # the main weights are what is judged
    assert {row.model for row in result.cases} == {"biased", "robust"}


def test_a_run_that_breaks_is_counted(tmp_path):
    broken = Threshold("robust", 99, error=RuntimeError("no memory"))
    model = audit(tmp_path, [robust()], checkpoints={"robust": [broken]}).models[0]
    assert (model.checkpoints.n, model.checkpoints.failed) == (1, 1)
    assert model.checkpoints.arms == {}
    assert model.checkpoints.drop is None
    assert model.error is None


def test_a_spread_needs_two():
    assert spread([0.5, None]) is None
    assert spread([0.5, None, 0.7]).sd == pytest.approx(np.sqrt(0.02), abs=1e-6)
