"""The timm adapter: verified weights, declared contract, scores that do not depend on their neighbours."""

import hashlib

import numpy as np
import pytest
import safetensors.torch
import timm
import torch

from radbench.errors import UsageError
from radbench.models.base import ModelFailureError, Prediction
from radbench.models.preprocess import to_input
from radbench.models.registry import load_model_under_test
from radbench.specs import InputContract, ModelSpec

TINY = {"in_chans": 1, "num_classes": 1, "channels": [4, 8, 8, 8], "layers": [1, 1, 1, 1]}


def network(seed=0, **changes):
    torch.manual_seed(seed)
    return timm.create_model("resnet18", pretrained=False, **(TINY | changes)).eval()


def declare(folder, weights=None, *, args=None, **changes):
    path = folder / "model.safetensors"
    safetensors.torch.save_file(weights or network().state_dict(), path)
    settings = {
        "name": "tiny",
        "title": "Tiny",
        "description": "random weights",
        "format": "timm",
        "architecture": "resnet18",
        "architecture_args": TINY | (args or {}),
        "weights": "model.safetensors",
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "target": "pneumothorax",
        "input": InputContract(spatial_shape=[32, 32], mean=[0.5], std=[0.25]),
        "intended_use": "tests",
        "training": "none",
    }
    return ModelSpec(**(settings | changes)).read_from(folder / "model.yaml")


def pictures(count, side=32, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (side, side), dtype=np.uint8) for _ in range(count)]


def test_scores_are_the_sigmoid_of_the_networks_logits(tmp_path):
    images = pictures(3)
    inputs = torch.stack([torch.from_numpy(image).float()[None] / 255 for image in images])
    with torch.inference_mode():
        expected = network()((inputs - 0.5) / 0.25)[:, 0].double().sigmoid().numpy()
    found = load_model_under_test(declare(tmp_path)).predict(images)
    assert found.kind == "probabilities"
    np.testing.assert_allclose(found.values, expected, atol=1e-5)


def test_scores_do_not_depend_on_the_batch(tmp_path):
    model = load_model_under_test(declare(tmp_path))
    images = pictures(19)
    together = model.predict(images).values
    alone = np.concatenate([model.predict([image]).values for image in images])
    backwards = model.predict(images[::-1]).values[::-1]
    np.testing.assert_array_equal(together, alone)
    np.testing.assert_array_equal(together, backwards)
    assert len(set(together)) == 19
    assert model.predict([]).values.shape == (0,)


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
    with pytest.raises(UsageError, match="not there"):
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


def test_an_output_against_the_declaration_is_a_failure_of_the_model(tmp_path):
    with pytest.raises(ModelFailureError, match="outside"):
        load_model_under_test(declare(tmp_path, output="probabilities")).predict(pictures(8))
    two = network(num_classes=2).state_dict()
    with pytest.raises(ModelFailureError, match="one number an image"):
        load_model_under_test(declare(tmp_path, two, args={"num_classes": 2})).predict(pictures(1))
    broken = network().state_dict()
    broken["fc.bias"] = torch.full((1,), float("nan"))
    with pytest.raises(ModelFailureError, match="not finite"):
        load_model_under_test(declare(tmp_path, broken)).predict(pictures(1))


def test_the_digest_follows_weights_and_architecture_not_the_operating_point(tmp_path):
    digest = load_model_under_test(declare(tmp_path)).digest
    assert load_model_under_test(declare(tmp_path, operating_point=0.3)).digest == digest
    assert load_model_under_test(declare(tmp_path, output="probabilities")).digest != digest
    assert load_model_under_test(declare(tmp_path, network(1).state_dict())).digest != digest


def test_an_unknown_format_names_the_nearest(tmp_path):
    spec = declare(tmp_path).model_copy(update={"format": "tim"})
    with pytest.raises(UsageError, match="Did you mean 'timm'"):
        load_model_under_test(spec)


def test_input_contract_maps_range_resizes_and_repeats_the_channel():
    contract = InputContract(
        channels=3,
        spatial_shape=[16, 8],
        value_range=[-1024.0, 1024.0],
        mean=[0.0, 512.0, 0.0],
        std=[1.0, 2.0, 1024.0],
    )
    white = to_input(np.full((32, 32), 255, np.uint8), contract)
    assert white.shape == (3, 16, 8)
    assert white[:, 0, 0].tolist() == pytest.approx([1024.0, 256.0, 1.0], rel=1e-5)
    black = to_input(np.zeros((16, 8), np.uint8), contract)
    assert black[:, 0, 0].tolist() == pytest.approx([-1024.0, -768.0, -1.0], rel=1e-5)
    with pytest.raises(UsageError, match="float64"):
        to_input(np.zeros((16, 8)), contract)


def test_decisions_begin_at_the_operating_point():
    found = Prediction("probabilities", np.array([0.49, 0.5, 0.51]))
    assert found.decisions(0.5).tolist() == [0, 1, 1]
    labels = Prediction("labels", np.array([0, 1]))
    assert labels.decisions(0.9).tolist() == [0, 1]
    assert labels.scores() is None
    with pytest.raises(ValueError, match="masks"):
        Prediction("masks", np.zeros((1, 2, 2), bool)).decisions(0.5)
