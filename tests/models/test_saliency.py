"""Grad-CAM: the published sum, at the image's size, and None where there is nothing to take it from."""

import hashlib

import numpy as np
import pytest
import safetensors.torch
import timm
import torch

from radbench.models.registry import make_adapter
from radbench.models.saliency import saliency
from radbench.specs import InputContract, ModelSpec

ARGUMENTS = {"in_chans": 1, "num_classes": 3, "channels": [4, 8, 8, 8], "layers": [1, 1, 1, 1]}
PLAIN = InputContract(spatial_shape=[64, 64], mean=[0.5], std=[0.25])


def declare(folder, network, *, file="model.safetensors", **changes):
    if file.endswith(".safetensors"):
        safetensors.torch.save_file(network.state_dict(), folder / file)
    settings = {
        "name": "tiny",
        "title": "Tiny",
        "format": "timm",
        "architecture": "resnet18",
        "architecture_args": ARGUMENTS,
        "weights": file,
        "sha256": hashlib.sha256((folder / file).read_bytes()).hexdigest(),
        "task": "multilabel",
        "classes": ["normal", "covid", "oedema"],
        "target": "covid",
        "input": PLAIN,
    }
    return ModelSpec(**(settings | changes)).read_from(folder / "model.yaml")


def classifier(seed=0):
    torch.manual_seed(seed)
    network = timm.create_model("resnet18", pretrained=False, **ARGUMENTS).eval()
    with torch.no_grad():  # a random network in which most channels matter, and something speaks for "covid"
        network.fc.weight.normal_()
        network.fc.weight[1, :6].abs_()
    return network


def pictures(count, side=64, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (side, side), dtype=np.uint8) for _ in range(count)]


def test_is_monais_grad_cam_of_the_last_feature_map(tmp_path):
    from monai.visualize import GradCAM

    network, images = classifier(), pictures(2)
    found = saliency(make_adapter(declare(tmp_path, network)), images)
    for image, mine in zip(images, found, strict=True):
        inputs = ((torch.from_numpy(image).float() / 255 - 0.5) / 0.25)[None, None]
        cam = GradCAM(nn_module=network, target_layers="layer4", postprocessing=lambda values: values)
        raw = cam.compute_map(inputs, class_idx=1).detach().relu()
        expected = torch.nn.functional.interpolate(raw, (64, 64), mode="bilinear", align_corners=False)[
            0, 0
        ].numpy()
        np.testing.assert_allclose(mine, expected / expected.max(), atol=1e-4)


def test_another_target_looks_elsewhere(tmp_path):
    network, images = classifier(), pictures(1)
    spec = declare(tmp_path, network)
    first = saliency(make_adapter(spec), images)
    second = saliency(make_adapter(spec.model_copy(update={"target": "oedema"})), images)
    assert np.abs(first - second).max() > 0.1


def test_has_the_images_size_and_does_not_depend_on_its_neighbours(tmp_path):
    adapter = make_adapter(declare(tmp_path, classifier()))
    images = [image[:48] for image in pictures(3)]
    found = saliency(adapter, images)
    assert found.shape == (3, 48, 64) and found.dtype == np.float32
    assert found.min() >= 0.0 and found.max() == 1.0
    np.testing.assert_array_equal(found[2:], saliency(adapter, images[2:]))


def test_what_a_crop_does_not_show_is_not_marked(tmp_path):
    spec = declare(tmp_path, classifier(), input=PLAIN.model_copy(update={"resize": "crop"}))
    found = saliency(make_adapter(spec), [np.hstack([pictures(1)[0]] * 2)])[0]
    assert found.shape == (64, 128)
    assert not found[:, :32].any() and not found[:, 96:].any() and found[:, 32:96].any()


def test_leaves_the_predictions_as_they_were(tmp_path):
    adapter, images = make_adapter(declare(tmp_path, classifier())), pictures(3)
    before = adapter.predict(images).values
    saliency(adapter, images)
    np.testing.assert_array_equal(adapter.predict(images).values, before)
    assert not any(module._forward_hooks for module in adapter.module().modules())


def test_finds_the_bright_spot_that_decides(tmp_path):
    class Spot(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.features = torch.nn.Conv2d(1, 1, 5, padding=2, bias=False)
            torch.nn.init.constant_(self.features.weight, 1.0)

        def forward(self, images):
            return torch.relu(self.features(images) - 5.0).mean((2, 3))

    spec = declare(
        tmp_path, classifier(), task="binary", classes=[], input=InputContract(spatial_shape=[64, 64])
    )
    adapter = make_adapter(spec)
    adapter._network = Spot()
    image = np.zeros((64, 64), np.uint8)
    image[40:46, 10:16] = 255
    found = saliency(adapter, [image])[0]
    row, column = np.unravel_index(found.argmax(), found.shape)
    assert 39 <= row <= 46 and 9 <= column <= 16
    assert found[:20].max() == 0.0


def test_a_segmenters_map_comes_from_its_coarsest_features(tmp_path):
    import segmentation_models_pytorch as smp

    arguments = {
        "encoder_name": "tu-resnet18",
        "encoder_weights": None,
        "encoder_depth": 5,
        "decoder_channels": [8, 8, 8, 8, 4],
        "in_channels": 1,
        "classes": 1,
        "channels": [4, 8, 8, 8],
        "layers": [1, 1, 1, 1],
    }
    torch.manual_seed(0)
    network = smp.create_model("unet", **arguments)
    changes = {
        "format": "smp",
        "architecture": "Unet",
        "architecture_args": arguments,
        "classes": [],
        "target": "lungs",
    }
    adapter = make_adapter(declare(tmp_path, network, task="segmentation", **changes))
    found = saliency(adapter, pictures(2))
    assert found.shape == (2, 64, 64) and found.max() <= 1.0
    assert len(np.unique(found[0])) > 4


def test_none_where_there_is_nothing_to_take_it_from(tmp_path):
    from transformers import ViTConfig, ViTForImageClassification

    script = tmp_path / "model.ts"
    torch.jit.save(torch.jit.trace(classifier(), torch.zeros(1, 1, 64, 64)), script)
    changes = {"weights": None, "architecture": "", "architecture_args": {}}
    traced = declare(
        tmp_path, classifier(), file="model.ts", format="torchscript", path="model.ts", **changes
    )
    assert saliency(make_adapter(traced), pictures(1)) is None

    labels = declare(tmp_path, classifier(), output="labels")
    assert saliency(make_adapter(labels), pictures(1)) is None

    config = ViTConfig(
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        image_size=64,
        num_channels=1,
    )
    patches = make_adapter(declare(tmp_path, classifier(), task="binary", classes=[]))
    patches._network = ViTForImageClassification(config).eval()
    assert saliency(patches, pictures(1)) is None


@pytest.mark.parametrize("peak", [0.0, float("nan")])
def test_nothing_found_is_a_black_map(tmp_path, peak):
    from radbench.models.saliency import _placed

    found = _placed(np.full((2, 2), peak), declare(tmp_path, classifier()), pictures(1)[0])
    assert not found.any()
