"""``assert_robust``: any model, one shift, and an exception unless it holds."""

import subprocess
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
import torch

from radbench.errors import UsageError
from radbench.harness.result import AuditResult, Verdict
from radbench.specs import GateRule, GatesSpec, InputContract, load_model
from radbench.testing import assert_robust

KEPT = GatesSpec(name="g", rules=[GateRule(measure="kept", min=2)])
MANY = GatesSpec(name="g", rules=[GateRule(measure="kept", min=99)])


@pytest.fixture
def check(in_world, edits):
    def run(model, **arguments):
        defaults = {"shift": "tiny", "limit": 2, "cache": edits, "force": True}
        return assert_robust(model, **(defaults | arguments))

    return run


def never(images):
    return np.zeros(len(images))


def always(images):
    return np.ones(len(images))


class Bright(torch.nn.Module):
    """One logit an image: its mean against a threshold."""

    def __init__(self, threshold=0.5):
        super().__init__()
        self.threshold = torch.nn.Parameter(torch.tensor(threshold))

    def forward(self, batch):
        assert not self.training
        return (batch.mean(dim=(1, 2, 3)) - self.threshold) * 20


def test_importing_it_costs_nothing():
    code = (
        "import sys, radbench.testing, radbench.testing.plugin; "
        "assert not {'torch', 'numpy', 'pandas', 'pydantic'} & set(sys.modules)"
    )
    # pytest itself is imported by the plugin and by nobody else here
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_a_function_that_holds_returns_the_result(check):
    result = check(never, max_drop=1.0)
    assert isinstance(result, AuditResult)
    (model,) = [one for one in result.models if one.role == "model"]
    assert (model.name, model.format) == ("never", "python")
    assert model.arms["stress"].metrics["accuracy"].value == 1.0


@pytest.mark.slow
def test_what_breaks_its_own_declaration_is_not_audited_unless_forced(check):
    with pytest.raises(AssertionError, match=r"(?s)NOT_RUN under shift 'tiny'.*constant"):
        check(always, max_drop=1.0, force=False)


@pytest.mark.slow
def test_what_does_not_pass_raises_with_the_reason(check):
    with pytest.raises(AssertionError, match="under shift 'tiny'") as caught:
        check(always, max_drop=0.0)
    assert "always" in str(caught.value)
    with pytest.raises(AssertionError, match=r"FAIL: images kept at least 99: Measured 2"):
        check(never, gates=MANY)


@pytest.mark.slow
def test_an_inconclusive_verdict_passes_only_where_that_is_allowed(check):
    narrow = GatesSpec(name="g", rules=[GateRule(measure="indeterminate", max=0.01)])
    with pytest.raises(AssertionError, match="INCONCLUSIVE"):
        check(never, gates=narrow)
    assert check(never, gates=narrow, allow_inconclusive=True).verdict is Verdict.INCONCLUSIVE


@pytest.mark.slow
def test_a_rule_for_what_was_not_run_does_not_pass(check):
    rules = GatesSpec(name="g", rules=[*KEPT.rules, GateRule(measure="kept", min=1, shift="population")])
    with pytest.raises(AssertionError, match="NOT_RUN under shift 'tiny'"):
        check(never, gates=rules)


@pytest.mark.slow
def test_a_function_is_asked_anew_every_time(check):
    asked = []

    def counted(images):
        asked.append(len(images))
        return np.zeros(len(images))

    for _ in range(2):
        check(counted, gates=KEPT)
    assert sum(asked[: len(asked) // 2]) == sum(asked[len(asked) // 2 :]) > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    "broken",
    [
        lambda images: np.full(len(images), 7.0),
        lambda images: np.zeros(len(images) + 1),
        lambda images: 1 / 0,
    ],
)
def test_a_function_that_answers_nonsense_is_an_error(check, broken):
    with pytest.raises(AssertionError, match="ERROR"):
        check(broken, gates=KEPT)


@pytest.mark.slow
def test_a_module_is_run_by_its_contract_and_left_as_it_was(check):
    network = Bright().train()
    contract = InputContract(spatial_shape=[32, 32])
    first = check(network, gates=KEPT, input=contract, name="mine", operating_point=0.4)
    assert network.training
    (model,) = [one for one in first.models if one.role == "model"]
    assert (model.name, model.operating_point) == ("mine", 0.4)
    again = check(Bright(), gates=KEPT, input=contract)
    assert again.models[0].digest == model.digest
    assert check(Bright(0.9), gates=KEPT, input=contract).models[0].digest != model.digest


@pytest.mark.slow
def test_a_declared_model_is_run_by_file_or_spec(check, in_world):
    file = in_world / "models_under_test" / "first.yaml"
    results = [check(model, gates=KEPT) for model in (file, load_model(file))]
    assert results[0] == results[1]
    assert [model.name for model in results[0].models if model.role == "model"] == ["first"]


@pytest.mark.slow
def test_a_report_and_what_a_ci_system_reads_are_written(check, tmp_path):
    with pytest.raises(AssertionError, match=str(tmp_path / "out" / "report.html")):
        check(never, gates=MANY, report=tmp_path / "out")
    assert {"report.html", "result.json", "junit.xml", "summary.md"} <= {
        file.name for file in (tmp_path / "out").iterdir()
    }
    assert ET.parse(tmp_path / "out" / "junit.xml").getroot().get("failures") == "1"
    result = AuditResult.from_json((tmp_path / "out" / "result.json").read_bytes())
    assert result.verdict is Verdict.FAIL
    held = check(never, gates=KEPT, baseline=tmp_path / "out", allow_inconclusive=True)
    assert held.baseline.same_testset
    assert [gate.estimate.value for gate in held.gates if "baseline" in gate.rule] == [0, 0]


@pytest.mark.parametrize(
    ("model", "arguments", "said"),
    [
        (Bright(), {}, "without its input contract"),
        (never, {"output": "guesses"}, "output: Input should be"),
        ("first", {"output": "logits"}, "declares itself"),
        (7, {}, "expected a name"),
        (never, {"device": "tpu"}, "expected auto, cpu or cuda"),
        (never, {"shift": "tinny"}, "Did you mean 'tiny'"),
    ],
)
def test_what_can_be_mended_is_said_before_any_work(check, model, arguments, said):
    with pytest.raises(UsageError, match=said):
        check(model, **arguments)
