"""timm checkpoints: verified weights, declared contract, scores that do not depend on their neighbours."""

import hashlib

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from conformance import AdapterConformance, Case, changed, declared, pictures
from tiny_networks import logits

from radbench.errors import UsageError
from radbench.models.base import ModelFailureError
from radbench.models.isolation.model import IsolatedModel
from radbench.models.preflight import Probe, preflight
from radbench.models.registry import load_model_under_test

TINY = {"in_chans": 1, "num_classes": 1, "channels": [4, 8, 8, 8], "layers": [1, 1, 1, 1]}


def network(seed=0, **changes):
    torch.manual_seed(seed)
    return timm.create_model("resnet18", pretrained=False, **(TINY | changes)).eval()


def declare(folder, weights=None, *, args=None, **changes):
    path = folder / "model.safetensors"
    safetensors.torch.save_file(weights or network().state_dict(), path)
    settings = {
        "format": "timm",
        "architecture": "resnet18",
        "architecture_args": TINY | (args or {}),
        "weights": "model.safetensors",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    return declared(folder, **(settings | changes))


class TestTimm(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        expected = lambda images: logits(network(), images)[:, 0].sigmoid().numpy()  # noqa: E731
        return Case(declare(tmp_path), pictures(19), expected)

    @pytest.fixture
    def silent(self, tmp_path):
        (tmp_path / "silent").mkdir()
        broken = network().state_dict()
        broken["fc.bias"] = torch.full((1,), float("nan"))
        return declare(tmp_path / "silent", broken)


def test_two_classes_share_one_probability(tmp_path):
    two, images = network(num_classes=2), pictures(5)
    spec = declare(tmp_path, two.state_dict(), args={"num_classes": 2}, classes=["normal", "pneumothorax"])
    expected = logits(two, images).softmax(1)[:, 1]
    np.testing.assert_allclose(load_model_under_test(spec).predict(images).values, expected, atol=1e-5)
    alone = changed(spec, classes=[])
    with pytest.raises(
        ModelFailureError, match=r"shape \[5, 2\], which has 2 columns, expected one, as no classes"
    ):
        load_model_under_test(alone).predict(images)


def test_a_changed_weights_file_is_refused_before_torch_reads_it(tmp_path):
    spec = declare(tmp_path)
    data = bytearray(spec.weights_path.read_bytes())
    data[-1] ^= 1
    spec.weights_path.write_bytes(data)
    with pytest.raises(
        UsageError, match=rf"model\.safetensors: SHA-256 is [0-9a-f]{{64}}, expected {spec.sha256}"
    ):
        load_model_under_test(spec)
    spec.weights_path.unlink()
    with pytest.raises(UsageError, match=r"not there; expected a weights file"):
        load_model_under_test(spec)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda state: state.pop("fc.bias"), r"lacks tensor 'fc\.bias'"),
        (lambda state: state.update(extra=torch.zeros(1)), "unexpected tensor 'extra'"),
        (lambda state: state.update({"fc.bias": torch.zeros(2)}), r"shape \[2\], expected \[1\]"),
    ],
)
def test_weights_that_do_not_fit_are_named(tmp_path, edit, words):
    state = network().state_dict()
    edit(state)
    with pytest.raises(UsageError, match=words):
        load_model_under_test(declare(tmp_path, state)).predict(pictures(1))


@pytest.mark.slow
def test_a_wrapped_state_dict_answers_in_its_sandbox_and_is_told(tmp_path):
    state = {f"module.{name}": value for name, value in network().state_dict().items()}
    torch.save({"state_dict": state, "epoch": 7}, tmp_path / "model.pth")
    spec = changed(declare(tmp_path), weights="model.pth", sha256=None)
    images = pictures(5)
    with IsolatedModel(spec) as model:
        found = preflight(model, Probe(images))
        scores = model.predict(images).values
    np.testing.assert_allclose(scores, logits(network(), images)[:, 0].sigmoid(), atol=1e-5)
    told = [finding.observed for finding in found if finding.check == "read from the files"]
    assert len(told) == 2 and "'state_dict'" in told[0] and "'module.'" in told[1]
    (pinned,) = (finding for finding in found if finding.check == "pinned")
    assert (pinned.level, pinned.declared) == ("note", "not pinned")


def test_a_file_that_is_no_safetensors_is_named(tmp_path):
    spec = declare(tmp_path)
    torch.save(network().state_dict(), spec.weights_path)
    with pytest.raises(UsageError, match="not a safetensors file"):
        load_model_under_test(
            changed(spec, sha256=hashlib.sha256(spec.weights_path.read_bytes()).hexdigest())
        ).prepare()


def test_scores_outside_what_is_declared_are_a_failure_of_the_model(tmp_path):
    with pytest.raises(ModelFailureError, match=r"outside \[0, 1\].*declared as probabilities") as caught:
        load_model_under_test(declare(tmp_path, output="probabilities")).predict(pictures(8))
    assert caught.value.kind == "output"


def test_the_digest_follows_weights_architecture_and_what_the_output_means(tmp_path):
    digest = load_model_under_test(declare(tmp_path)).digest
    assert load_model_under_test(declare(tmp_path, output="probabilities")).digest != digest
    assert load_model_under_test(declare(tmp_path, classes=["pneumothorax"])).digest != digest
    assert load_model_under_test(declare(tmp_path, network(1).state_dict())).digest != digest
