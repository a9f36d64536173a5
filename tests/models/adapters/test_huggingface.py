"""Hugging Face folders: what save_pretrained writes is asked, and nothing of it runs, fetches or unpickles."""

import json
import logging
import math
import os
import shutil
import socket

import numpy as np
import pytest
import safetensors.torch
import torch
from conformance import AdapterConformance, Case, changed, declared, pictures
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.errors import UsageError
from radbench.models.adapters.preprocessing_notes import huggingface_notes
from radbench.models.registry import make_adapter
from radbench.specs import InputContract

NAMES = ["normal", "pneumothorax", "covid"]
COLOUR = InputContract(spatial_shape=[32, 32], channels=3, mean=[0.5, 0.4, 0.3], std=[0.25, 0.5, 0.2])
LUNGS = ["background", "lungs"]


def classifier(seed=0, **changes):
    from transformers import ResNetConfig, ResNetForImageClassification

    torch.manual_seed(seed)
    sizes = {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1], "layer_type": "basic"}
    labels = {"id2label": dict(enumerate(NAMES)), "label2id": {name: i for i, name in enumerate(NAMES)}}
    made = ResNetForImageClassification(ResNetConfig(**(sizes | labels | changes))).eval()
    with torch.no_grad():
        made.classifier[1].weight.normal_(0.0, 0.3)
    return made


def segmenter(seed=0):
    from transformers import SegformerConfig, SegformerForSemanticSegmentation

    torch.manual_seed(seed)
    config = SegformerConfig(
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=8,
        id2label=dict(enumerate(LUNGS)),
        label2id={"background": 0, "lungs": 1},
    )
    made = SegformerForSemanticSegmentation(config).eval()
    with torch.no_grad():
        made.decode_head.classifier.weight.normal_(0.0, 1.0)
        made.decode_head.classifier.bias.zero_()
    return made


def declare(folder, made, *, file="vendor", **changes):
    made.save_pretrained(folder / file)
    filled = {
        "format": "huggingface",
        "path": file,
        "task": "multiclass",
        "classes": NAMES,
        "input": COLOUR,
    }
    return declared(folder, **(filled | changes))


def declare_lungs(folder, made, **changes):
    filled = {"task": "segmentation", "classes": [], "mask_classes": LUNGS, "target": "lungs"}
    return declare(folder, made, **(filled | changes))


def inputs(images, contract=COLOUR):
    grey = torch.from_numpy(np.stack(images)).float()[:, None].expand(-1, 3, -1, -1) / 255
    mean, std = (torch.tensor(values)[:, None, None] for values in (contract.means, contract.stds))
    return (grey - mean) / std


def logits(made, images):
    with torch.inference_mode():
        return made(pixel_values=inputs(images)).logits.double()


def edit(folder, name="config.json", **changes):
    path = folder / name
    found = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(found | changes))


def two_classes(names=("Normal", "COVID-19"), **changes):
    labels = {"id2label": dict(enumerate(names)), "label2id": {name: i for i, name in enumerate(names)}}
    return classifier(**labels, **changes)


@pytest.mark.parametrize("names", [("Normal", "COVID-19"), ("covid 19", "no finding")])
def test_a_two_class_folder_is_read_from_its_id2label(tmp_path, names):
    made, images = two_classes(names), pictures(6)
    spec = declare(tmp_path, made, task="binary", classes=[], target="covid-19")
    model = make_adapter(spec)
    column = [name.casefold().startswith("covid") for name in names].index(True)
    np.testing.assert_allclose(
        model.predict(images).values, logits(made, images).softmax(1)[:, column], atol=1e-5
    )
    assert model.spec.classes == list(names)
    (told,) = model.readings()
    assert ", ".join(names) in told and f"the target is '{names[column]}'" in told
    assert not any("problem type" in note for note in model.notes())


def test_classes_of_their_own_probability_are_read_too(tmp_path):
    made, images = two_classes(problem_type="multi_label_classification"), pictures(6)
    spec = declare(tmp_path, made, task="binary", classes=[], target="covid", target_class="COVID-19")
    np.testing.assert_allclose(
        make_adapter(spec).predict(images).values, logits(made, images).sigmoid()[:, 1], atol=1e-5
    )


@pytest.mark.parametrize("names", [("LABEL_0", "LABEL_1"), ("normal", "opacity"), ("Covid", "covid")])
def test_a_target_that_no_one_class_is_called_by_is_asked_for(tmp_path, names):
    spec = declare(tmp_path, two_classes(names), task="binary", classes=[], target="covid")
    with pytest.raises(UsageError, match=r"config\.json names .*target_class"):
        make_adapter(spec)


def test_other_resampling_and_colours_are_told(tmp_path):
    spec = declare(tmp_path, classifier())
    edit(tmp_path / "vendor", "preprocessor_config.json", resample=3, do_convert_rgb=True, size=32)
    (told,) = make_adapter(spec).readings()
    assert "bicubic" in told
    grey = COLOUR.model_copy(update={"channels": 1, "mean": [0.5], "std": [0.25]})
    assert any("3 channels (RGB)" in note for note in make_adapter(changed(spec, input=grey)).notes())


class TestClassifier(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        made = classifier()
        spec = declare(tmp_path, made)
        return Case(spec, pictures(19), lambda images: logits(made, images).softmax(1)[:, 1].numpy(), NAMES)

    @pytest.fixture
    def silent(self, tmp_path):
        made = classifier()
        made.classifier[1].bias.data.fill_(math.nan)
        return declare(tmp_path, made, file="silent")

    @pytest.fixture
    def miscounted(self, case):
        return changed(case.spec, classes=[*NAMES, "mass"])


class TestSegmenter(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        made = segmenter()
        spec = declare_lungs(tmp_path, made)

        def expected(images):
            maps = logits(made, images).softmax(1)[:, 1:]
            assert maps.shape[-2:] == (8, 8)
            size = images[0].shape
            return torch.nn.functional.interpolate(maps, size, mode="bilinear")[:, 0].numpy() >= 0.5

        return Case(spec, pictures(19), expected, LUNGS, tolerance=1e-4)

    @pytest.fixture
    def silent(self, tmp_path):
        made = segmenter()
        made.decode_head.classifier.bias.data.fill_(math.nan)
        return declare_lungs(tmp_path, made, file="silent")


def test_a_vision_transformer_in_several_files_of_half_precision_answers_in_single(tmp_path):
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    made = ViTForImageClassification(ViTConfig(**sizes, image_size=32, patch_size=8, num_labels=2)).half()
    made.save_pretrained(tmp_path / "vendor", max_shard_size="8KB")
    assert (tmp_path / "vendor" / "model.safetensors.index.json").exists()
    spec = declared(
        tmp_path,
        format="huggingface",
        path="vendor",
        task="multiclass",
        classes=["normal", "pneumothorax"],
        input=COLOUR,
    )
    images = pictures(3)
    expected = logits(made.float().eval(), images).softmax(1)[:, 1].numpy()
    np.testing.assert_allclose(make_adapter(spec).predict(images).values, expected, atol=1e-5)
    assert make_adapter(spec).class_names() is None  # LABEL_0 and LABEL_1 name nothing


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"auto_map": {"AutoModelForImageClassification": "evil.Net"}}, "auto_map names Python code"),
        ({"auto_map": {"AutoConfig": "else/where--evil.Config"}}, "auto_map names Python code"),
        ({"inner": [{"auto_map": {"AutoModel": "evil.Net"}}]}, r"inner\[0\]\.auto_map names Python code"),
        ({"quantization_config": {"quant_method": "bitsandbytes"}}, "quantised weights"),
        ({"use_pretrained_backbone": True}, "weights from a hub"),
        ({"use_timm_backbone": True}, "backbone by name"),
        ({"transformers_weights": "../outside.safetensors"}, "another weights file"),
        ({"backbone": "some/model"}, "names 'some/model' of a hub"),
        (
            {"model_type": "timm_wrapper", "architecture": "resnet18"},
            "'format: timm', 'architecture: resnet18'",
        ),
        ({"model_type": None}, "has no 'model_type'"),
        ({"model_type": "resnett"}, "Did you mean 'resnet'"),
        ({"model_type": "bert"}, "expected one that transformers has for image classification"),
        ({"model_type": "dpt"}, "for image classification"),
        ({"hidden_sizes": [8, 16]}, "cannot load it as 'resnet'"),
        ({"layer_type": "bottleneck"}, "tensor|cannot load"),
        ({"num_channels": 1}, "cannot load it as 'resnet'"),
        ({"hidden_act": "__import__('os').system('true')"}, "cannot load it as 'resnet'"),
    ],
)
def test_configurations_that_run_fetch_or_do_not_fit_are_refused(tmp_path, changes, words):
    spec = declare(tmp_path, classifier())
    ran = tmp_path / "ran"
    (tmp_path / "vendor" / "evil.py").write_text(f"import os\nos.mkdir({str(ran)!r})\nclass Net: ...\n")
    edit(tmp_path / "vendor", **changes)
    for trust in (False, True):
        with pytest.raises(UsageError, match=words):
            make_adapter(spec, trust=trust).prepare()
    assert not ran.exists()


def test_code_is_refused_before_the_model_is_loaded(tmp_path):
    spec = declare(tmp_path, classifier())
    edit(tmp_path / "vendor", auto_map={"AutoModel": "evil.Net"})
    with pytest.raises(UsageError, match="auto_map"):
        make_adapter(spec)


def test_private_keys_and_kernels_of_a_configuration_are_left_aside(tmp_path):
    spec = declare(tmp_path, classifier())
    images = pictures(2)
    before = make_adapter(spec).predict(images).values
    edit(
        tmp_path / "vendor",
        _attn_implementation="some/kernel",
        attn_implementation="some/kernel",
        _name_or_path="../../elsewhere",
        torchscript=True,
    )
    np.testing.assert_allclose(make_adapter(spec).predict(images).values, before, rtol=0, atol=1e-6)


class _Bomb:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def test_pickled_weights_are_refused_and_run_nothing(tmp_path):
    spec = declare(tmp_path, classifier())
    folder, ran = tmp_path / "vendor", tmp_path / "ran"
    (folder / "model.safetensors").unlink()
    torch.save({"classifier.1.bias": _Bomb(ran)}, folder / "pytorch_model.bin")
    with pytest.raises(UsageError, match=r"found pytorch_model\.bin, which can run code.*safe_serialization"):
        make_adapter(spec).prepare()
    shutil.copy(folder / "pytorch_model.bin", folder / "model.safetensors")
    with pytest.raises(UsageError, match="cannot load it"):
        make_adapter(spec).prepare()
    assert not ran.exists()


@pytest.mark.parametrize(
    "name", ["../outside.safetensors", "pytorch_model.bin", "absent.safetensors", "/etc/passwd"]
)
def test_an_index_names_files_of_its_own_folder_only(tmp_path, name):
    spec = declare(tmp_path, classifier())
    folder = tmp_path / "vendor"
    shutil.copy(folder / "model.safetensors", tmp_path / "outside.safetensors")
    (folder / "pytorch_model.bin").write_bytes(b"")
    edit(folder, "model.safetensors.index.json", metadata={}, weight_map={"classifier.1.bias": name})
    with pytest.raises(UsageError, match=r"expected a \.safetensors file in the folder"):
        make_adapter(spec)


def test_weights_of_another_network_are_refused(tmp_path):
    spec = declare(tmp_path, classifier())
    path = tmp_path / "vendor" / "model.safetensors"
    state = safetensors.torch.load_file(path)
    bias = state.pop("classifier.1.bias")
    safetensors.torch.save_file(state, path, metadata={"format": "pt"})
    with pytest.raises(UsageError, match=r"lacks tensor 'classifier\.1\.bias'"):
        make_adapter(spec).prepare()
    safetensors.torch.save_file(
        state | {"classifier.1.bias": bias, "x": bias.clone()}, path, {"format": "pt"}
    )
    with pytest.raises(UsageError, match="has the unexpected tensor 'x'"):
        make_adapter(spec).prepare()


def test_folders_that_hold_no_whole_model_are_named(tmp_path):
    spec = declare(tmp_path, classifier())
    folder = tmp_path / "vendor"
    edit(folder, "adapter_config.json", base_model_name_or_path="some/model")
    with pytest.raises(UsageError, match="merge_and_unload"):
        make_adapter(spec)
    (folder / "adapter_config.json").unlink()
    with pytest.raises(UsageError, match="declares channels 1; declare 3"):
        make_adapter(changed(spec, input=InputContract(spatial_shape=[32, 32]))).prepare()
    for text in ("[" * 100_000, "{", "[]", '{"a":' * 40 + "1" + "}" * 40):
        (folder / "config.json").write_text(text)
        with pytest.raises(UsageError, match="config"):
            make_adapter(spec)
    (folder / "config.json").unlink()
    with pytest.raises(UsageError, match=r"has no config\.json"):
        make_adapter(spec)


def test_nothing_is_fetched(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("no connection was expected")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    spec = declare(tmp_path, classifier())
    assert np.isfinite(make_adapter(spec).predict(pictures(1)).values).all()


def test_logging_of_transformers_is_left_as_it_was(tmp_path):
    spec = declare(tmp_path, classifier())
    before = logging.getLogger("transformers").level
    make_adapter(spec).prepare()
    assert logging.getLogger("transformers").level == before


PROCESSOR = {
    "do_resize": True,
    "size": {"height": 32, "width": 32},
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.4, 0.3],
    "image_std": [0.25, 0.5, 0.2],
}


def test_a_processor_that_does_what_the_contract_says_is_not_mentioned():
    assert huggingface_notes(PROCESSOR, COLOUR) == []
    folded = InputContract(
        spatial_shape=[32, 32],
        channels=3,
        value_range=[0, 255],
        mean=[127.5, 102, 76.5],
        std=[63.75, 127.5, 51],
    )
    assert huggingface_notes(PROCESSOR, folded) == []
    cropped = {
        "size": {"shortest_edge": 40},
        "do_center_crop": True,
        "crop_size": {"height": 32, "width": 32},
    }
    assert huggingface_notes(PROCESSOR | cropped, COLOUR.model_copy(update={"resize": "crop"})) == []
    assert (
        huggingface_notes({"do_resize": False, "do_rescale": True}, InputContract(spatial_shape=[32, 32]))
        == []
    )


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"size": {"height": 64, "width": 48}}, "to 64 × 48, the input contract to 32 × 32"),
        ({"size": 24}, "to 24 × 24"),
        ({"do_rescale": False}, "white 1018.00"),
        ({"do_normalize": False}, "makes black 0.00 and white 1.00"),
        ({"image_mean": [0.5, 0.5, 0.5]}, "makes black -2.00 / -1.00 / -2.50"),
        ({"do_pad": True}, "by the rule 'pad', the input contract by 'stretch'"),
        ({"image_mean": [0.5, 0.5], "image_std": [1.0, 1.0]}, "means for 2 channels"),
    ],
)
def test_a_processor_that_shows_the_model_other_images_is_a_note(changes, words):
    assert words in " ".join(huggingface_notes(PROCESSOR | changes, COLOUR))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["height", "width"]), inner),
    max_leaves=6,
)


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*PROCESSOR, "do_pad", "do_center_crop", "crop_size", "rescale_offset"]), JSON
    )
)
def test_a_processor_of_any_shape_ends_in_notes(found):
    notes = huggingface_notes(found, COLOUR)
    assert all(len(note) < 400 for note in notes)


def test_notes_are_read_from_the_folder(tmp_path):
    spec = declare(tmp_path, classifier(problem_type="multi_label_classification"))
    (note,) = make_adapter(spec).notes()
    assert "multi_label_classification" in note
    edit(tmp_path / "vendor", "preprocessor_config.json", **PROCESSOR | {"size": 24})
    assert len(make_adapter(spec).notes()) == 2
