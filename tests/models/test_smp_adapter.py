"""The segmentation adapter: verified weights, masks at the image's size that do not depend on their neighbours."""

import hashlib

import numpy as np
import pytest
import safetensors.torch
import torch

from radbench.errors import UsageError
from radbench.models.base import ModelFailureError
from radbench.models.registry import load_checkpoints, load_model_under_test
from radbench.models.smp_factory import build_segmenter
from radbench.specs import InputContract
from radbench.specs.model import Checkpoint, ModelSpec

TINY = {
    "encoder_name": "tu-resnet18",
    "encoder_weights": None,
    "encoder_depth": 3,
    "decoder_channels": [8, 4, 4],
    "in_channels": 1,
    "classes": 1,
    "channels": [4, 8, 8, 8],
    "layers": [1, 1, 1, 1],
}


def network(seed=0, **changes):
    torch.manual_seed(seed)
    return build_segmenter("Unet", TINY | changes, where="test").eval()


def save(path, weights):
    safetensors.torch.save_file({name: value.contiguous() for name, value in weights.items()}, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def declare(folder, weights=None, *, args=None, **changes):
    digest = save(folder / "model.safetensors", weights or network().state_dict())
    settings = {
        "name": "tiny",
        "title": "Tiny",
        "description": "random weights",
        "format": "smp",
        "architecture": "Unet",
        "architecture_args": TINY | (args or {}),
        "weights": "model.safetensors",
        "sha256": digest,
        "task": "segmentation",
        "target": "lungs",
        "input": InputContract(spatial_shape=[32, 32], mean=[0.5], std=[0.25]),
        "intended_use": "tests",
        "training": "none",
    }
    return ModelSpec(**(settings | changes)).read_from(folder / "model.yaml")


def pictures(count, shape=(32, 32), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(count)]


def test_masks_are_where_the_network_s_probability_reaches_the_operating_point(tmp_path):
    images = pictures(3)
    inputs = torch.stack([torch.from_numpy(image).float()[None] / 255 for image in images])
    with torch.inference_mode():
        probabilities = network()((inputs - 0.5) / 0.25)[:, 0].double().sigmoid().numpy()
    point = float(np.median(probabilities))
    found = load_model_under_test(declare(tmp_path, operating_point=point)).predict(images)
    assert found.kind == "masks"
    assert found.values.dtype == np.bool_
    clear = np.abs(probabilities - point) > 1e-5
    np.testing.assert_array_equal(found.values[clear], (probabilities >= point)[clear])
    assert 0.3 < found.values.mean() < 0.7


@pytest.mark.parametrize("shape", [(32, 32), (48, 40), (20, 31)])
def test_masks_have_the_image_s_size_and_do_not_depend_on_the_batch(tmp_path, shape):
    model = load_model_under_test(declare(tmp_path, operating_point=0.45))
    images = pictures(18, shape)
    together = model.predict(images).values
    assert together.shape == (18, *shape)
    np.testing.assert_array_equal(
        together, np.concatenate([model.predict([image]).values for image in images])
    )
    np.testing.assert_array_equal(together, model.predict(images[::-1]).values[::-1])


def test_no_image_and_images_of_several_sizes(tmp_path):
    model = load_model_under_test(declare(tmp_path))
    assert model.predict([]).values.shape == (0, 0, 0)
    with pytest.raises(UsageError, match="2 sizes"):
        model.predict([*pictures(1), *pictures(1, (16, 16))])
    with pytest.raises(UsageError, match="float64"):
        model.predict([np.zeros((32, 32))])


def test_a_changed_weights_file_is_refused(tmp_path):
    spec = declare(tmp_path)
    data = bytearray(spec.weights_path.read_bytes())
    data[-1] ^= 1
    spec.weights_path.write_bytes(data)
    with pytest.raises(UsageError, match=rf"expected {spec.sha256}"):
        load_model_under_test(spec)


def test_an_output_against_the_declaration_is_a_failure_of_the_model(tmp_path):
    images = pictures(2)
    with pytest.raises(ModelFailureError, match="outside"):
        load_model_under_test(declare(tmp_path, output="probabilities")).predict(images)
    two = network(classes=2).state_dict()
    with pytest.raises(ModelFailureError, match="one map an image"):
        load_model_under_test(declare(tmp_path, two, args={"classes": 2})).predict(images)
    broken = network().state_dict()
    broken["segmentation_head.0.bias"] = torch.full((1,), float("nan"))
    with pytest.raises(ModelFailureError, match="not finite"):
        load_model_under_test(declare(tmp_path, broken)).predict(images)


def test_the_digest_follows_weights_architecture_and_the_operating_point(tmp_path):
    digest = load_model_under_test(declare(tmp_path)).digest
    assert load_model_under_test(declare(tmp_path, title="Other")).digest == digest
    assert load_model_under_test(declare(tmp_path, operating_point=0.3)).digest != digest
    assert load_model_under_test(declare(tmp_path, network(1).state_dict())).digest != digest


def test_further_runs_are_models_of_their_own(tmp_path):
    digest = save(tmp_path / "run1.safetensors", network(1).state_dict())
    run = Checkpoint(weights="run1.safetensors", sha256=digest)
    spec = declare(tmp_path, checkpoints=[run])
    main, (further,) = load_model_under_test(spec), load_checkpoints(spec)
    assert main.digest == load_model_under_test(declare(tmp_path)).digest
    assert further.digest != main.digest
    assert (further.spec.name, further.spec.checkpoints) == ("tiny", [])
    assert load_checkpoints(further.spec) == []
    (tmp_path / "run1.safetensors").write_bytes(b"rubbish")
    with pytest.raises(UsageError, match=r"run1\.safetensors: SHA-256"):
        load_checkpoints(spec)


@pytest.mark.parametrize(
    ("architecture", "arguments", "words"),
    [
        ("Unett", TINY, "Did you mean 'Unet'"),
        ("Unet", TINY | {"encoder_weights": "imagenet"}, "expected null"),
        ("Unet", TINY | {"encoder_name": "resnet81"}, "Did you mean 'resnet"),
        ("Unet", TINY | {"encoder_name": "tu-resnet81"}, "Did you mean 'tu-resnet"),
        ("Unet", {"in_channels": 1}, "encoder_name is None"),
        ("Unet", TINY | {"chanels": [1]}, "cannot build"),
        ("Unet", TINY | {"decoder_channels": [4]}, "cannot build"),
    ],
)
def test_bad_architectures_are_usage_errors(architecture, arguments, words):
    with pytest.raises(UsageError, match=words):
        build_segmenter(architecture, arguments, where="here.yaml")
