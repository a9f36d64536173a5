"""Segmenters of segmentation-models-pytorch: declared, or a folder; masks at the image's size."""

import hashlib
import json

import numpy as np
import pytest
import safetensors.torch
import torch
from conformance import AdapterConformance, Case, changed, declared, pictures
from tiny_networks import logits

from radbench.errors import UsageError
from radbench.models.adapters.smp import build_segmenter
from radbench.models.base import ModelFailureError
from radbench.models.preprocess import to_batch
from radbench.models.registry import load_checkpoints, load_model_under_test
from radbench.models.saliency import saliency
from radbench.specs.model import Checkpoint

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


def broken(seed=0):
    found = network(seed)
    with torch.no_grad():
        found.segmentation_head[0].bias[:] = float("nan")
    return found


def save(path, weights):
    safetensors.torch.save_file({name: value.contiguous() for name, value in weights.items()}, path)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def declare(folder, weights=None, *, args=None, **changes):
    settings = {
        "format": "smp",
        "architecture": "Unet",
        "architecture_args": TINY | (args or {}),
        "weights": "model.safetensors",
        "sha256": save(folder / "model.safetensors", weights or network().state_dict()),
        "task": "segmentation",
        "target": "lungs",
    }
    return declared(folder, **(settings | changes))


def median(images):
    return float(logits(network(), images).sigmoid().median())


def inside(point):
    return lambda images: (logits(network(), images)[:, 0].sigmoid() >= point).numpy()


class TestDeclared(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        images = pictures(18)
        point = median(images)
        return Case(declare(tmp_path, operating_point=point), images, inside(point), tolerance=1e-3)

    @pytest.fixture
    def silent(self, tmp_path):
        (tmp_path / "silent").mkdir()
        return declare(tmp_path / "silent", broken().state_dict())


def folder_of(place, segmenter, **changes):
    segmenter.save_pretrained(place / "model")
    settings = {"format": "smp", "path": "model", "task": "segmentation", "target": "lungs"}
    return declared(place, **(settings | changes))


class TestFolder(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        images = pictures(18)
        point = median(images)
        return Case(
            folder_of(tmp_path, network(), operating_point=point), images, inside(point), tolerance=1e-3
        )

    @pytest.fixture
    def silent(self, tmp_path):
        (tmp_path / "silent").mkdir()
        return folder_of(tmp_path / "silent", broken())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"),
            r"lacks model\.safetensors",
        ),
        (lambda folder: (folder / "config.json").write_text("{"), "cannot be read as JSON"),
        (lambda folder: (folder / "config.json").write_text("[]"), "lacks '_model_class'"),
    ],
)
def test_a_folder_that_save_pretrained_did_not_write_is_refused(tmp_path, change, words):
    spec = folder_of(tmp_path, network())
    change(tmp_path / "model")
    with pytest.raises(UsageError, match=words):
        load_model_under_test(spec)


def test_a_folder_names_only_architectures_that_are_known_and_fetches_nothing(tmp_path):
    spec = folder_of(tmp_path, network())
    config = tmp_path / "model" / "config.json"
    written = json.loads(config.read_text())
    config.write_text(json.dumps(written | {"encoder_weights": "imagenet"}))
    load_model_under_test(spec).prepare()
    config.write_text(json.dumps(written | {"_model_class": "encoders"}))
    with pytest.raises(UsageError, match="architecture 'encoders' is unknown"):
        load_model_under_test(spec).prepare()


@pytest.mark.parametrize("shape", [(32, 32), (48, 40), (20, 31)])
def test_masks_have_the_image_s_size_and_do_not_depend_on_the_batch(tmp_path, shape):
    model = load_model_under_test(declare(tmp_path, operating_point=0.45))
    images = pictures(18, shape)
    together = model.predict(images).values
    assert together.shape == (18, *shape)
    alone = np.concatenate([model.predict([image]).values for image in images])
    assert (together != alone).mean() < 1e-4


def test_images_of_several_sizes(tmp_path):
    with pytest.raises(UsageError, match="2 sizes"):
        load_model_under_test(declare(tmp_path)).predict([*pictures(1), *pictures(1, (16, 16))])


def test_an_output_against_the_declaration_is_a_failure_of_the_model(tmp_path):
    images = pictures(2)
    with pytest.raises(ModelFailureError, match="outside"):
        load_model_under_test(declare(tmp_path, output="probabilities")).predict(images)
    two = network(classes=2).state_dict()
    with pytest.raises(ModelFailureError, match="has 2 maps, expected one, as no mask_classes"):
        load_model_under_test(declare(tmp_path, two, args={"classes": 2})).predict(images)


def test_further_runs_are_models_of_their_own(tmp_path):
    digest = save(tmp_path / "run1.safetensors", network(1).state_dict())
    run = Checkpoint(weights="run1.safetensors", sha256=digest)
    spec = declare(tmp_path, checkpoints=[run])
    main, (further,) = load_model_under_test(spec), load_checkpoints(spec)
    assert main.digest == load_model_under_test(changed(spec, checkpoints=[])).digest
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


def headed(folder, task, **changes):
    head = {"aux_params": {"classes": 1, "pooling": "avg"}}
    weights = network(0, **head).state_dict()
    settings = {"args": head, "task": "both", "target": "pneumothorax"} | changes
    return declare(folder, weights, **settings).answering(task), network(0, **head)


@pytest.mark.parametrize(
    "named", [{}, {"output_names": {"classification": "labels", "segmentation": "masks"}}]
)
def test_a_classification_head_answers_the_one_and_the_maps_the_other(tmp_path, named):
    images = pictures(3)
    spec, own = headed(tmp_path, "classification", **named)
    inputs = torch.from_numpy(to_batch(images, spec.input, 3))
    with torch.inference_mode():
        masks, labels = own(inputs)
    scores = load_model_under_test(spec).predict(images)
    assert scores.kind == "probabilities"
    np.testing.assert_allclose(scores.values, labels[:, 0].sigmoid().numpy(), atol=1e-5)
    spec, _ = headed(tmp_path, "segmentation", operating_point=float(masks.sigmoid().median()), **named)
    found = load_model_under_test(spec).predict(images)
    assert found.values.shape == (3, *images[0].shape)
    assert 0.2 < found.values.mean() < 0.8


def test_a_head_s_answer_can_be_shown_in_the_image(tmp_path):
    spec, _ = headed(tmp_path, "classification")
    maps = saliency(load_model_under_test(spec), pictures(2))
    assert maps.shape == (2, *pictures(1)[0].shape)
