"""ONNX models: answers of onnxruntime, files held against the contract, no file beside the digest."""

import json

import numpy as np
import onnx
import pytest
import torch
from conformance import AdapterConformance, Case, changed, declared, pictures
from onnx import TensorProto, helper
from tiny_networks import Classifier, Segmenter, logits
from tiny_onnx import channels_last, classifier, noted, segmenter

from radbench.errors import UsageError
from radbench.models.adapters.onnx import external_files, input_shape
from radbench.models.base import ModelFailureError
from radbench.models.registry import make_adapter
from radbench.specs import InputContract


def saved(folder, model, **settings):
    onnx.save(model, folder / "model.onnx")
    return declared(folder, **({"format": "onnx", "path": "model.onnx"} | settings))


def nan_node(name="nan"):
    log = helper.make_node("Log", ["below"], [name])
    return [helper.make_node("Abs", ["scores"], ["size"]), helper.make_node("Neg", ["size"], ["below"]), log]


class OnnxConformance(AdapterConformance):
    def alter(self, source):
        source.write_bytes(source.read_bytes() + b"\x32\x01x")  # ModelProto's doc_string, field 6


class TestBinary(OnnxConformance):
    @pytest.fixture
    def case(self, tmp_path):
        network = Classifier()
        expected = lambda images: logits(network, images)[:, 0].sigmoid().numpy()  # noqa: E731
        return Case(saved(tmp_path, classifier(network)), pictures(19), expected)

    @pytest.fixture
    def silent(self, tmp_path):
        (tmp_path / "silent").mkdir()
        output = [helper.make_tensor_value_info("nan", TensorProto.FLOAT, ["n", 1])]
        return saved(tmp_path / "silent", classifier(Classifier(), extra=nan_node(), outputs=output))


class TestMultiLabelWithNames(OnnxConformance):
    names = ("effusion", "pneumothorax", "nodule")

    @pytest.fixture
    def case(self, tmp_path):
        network = Classifier(classes=3)
        model = noted(classifier(network), class_names=json.dumps(self.names))
        spec = saved(tmp_path, model, task="multilabel", classes=list(self.names))
        expected = lambda images: logits(network, images)[:, 1].sigmoid().numpy()  # noqa: E731
        return Case(spec, pictures(18), expected, class_names=list(self.names))

    @pytest.fixture
    def silent(self, tmp_path, case):
        (tmp_path / "silent").mkdir()
        output = [helper.make_tensor_value_info("nan", TensorProto.FLOAT, ["n", 3])]
        model = classifier(Classifier(classes=3), extra=nan_node(), outputs=output)
        return saved(tmp_path / "silent", model, task="multilabel", classes=list(self.names))

    @pytest.fixture
    def miscounted(self, case):
        return changed(case.spec, classes=[*self.names, "mass"])


class TestSegmenter(OnnxConformance):
    @pytest.fixture
    def case(self, tmp_path):
        network = Segmenter()
        images = pictures(18, (32, 32))
        scores = logits(network, images)[:, 0].sigmoid().numpy()
        point = float(np.median(scores))
        spec = saved(tmp_path, segmenter(network), task="segmentation", target="lungs", operating_point=point)
        expected = lambda found: logits(network, found)[:, 0].sigmoid().numpy() >= point  # noqa: E731
        return Case(spec, images, expected, tolerance=1e-3)

    @pytest.fixture
    def silent(self, tmp_path):
        (tmp_path / "silent").mkdir()
        broken = Segmenter()
        with torch.no_grad():
            broken.head.bias[:] = float("nan")
        return saved(tmp_path / "silent", segmenter(broken), task="segmentation")


@pytest.mark.parametrize("batch", [1, 4])
def test_a_fixed_batch_is_respected(tmp_path, batch):
    images = pictures(6)
    spec = saved(tmp_path, classifier(Classifier(), batch=batch))
    expected = logits(Classifier(), images)[:, 0].sigmoid().numpy()
    np.testing.assert_allclose(make_adapter(spec).predict(images).values, expected, atol=1e-5)


def test_labels_and_scores_of_one_file_are_told_apart_by_name(tmp_path):
    pick = [helper.make_node("ArgMax", ["scores"], ["label"], axis=1, keepdims=0)]
    outputs = [
        helper.make_tensor_value_info("label", TensorProto.INT64, ["n"]),
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", 3]),
    ]
    network, images = Classifier(classes=3), pictures(40)
    classes = {"task": "multiclass", "classes": ["normal", "pneumothorax", "other"]}
    spec = saved(tmp_path, classifier(network, extra=pick, outputs=outputs), output="labels", **classes)
    found = logits(network, images)
    labels = make_adapter(spec).predict(images)
    assert labels.values.tolist() == (found.argmax(1) == 1).long().tolist()
    scores = changed(spec, output="logits", output_names={"classification": "scores"})
    np.testing.assert_allclose(make_adapter(scores).predict(images).values, found.softmax(1)[:, 1], atol=1e-5)
    with pytest.raises(UsageError, match="Did you mean 'scores'"):
        make_adapter(changed(scores, output_names={"classification": "score"})).predict(images)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"channels": 3}, r"shape \[any, 1, 32, 32\], but input declares \[any, 3, 32, 32\]"),
        ({"spatial_shape": [64, 64]}, r"but input declares \[any, 1, 64, 64\]"),
        ({"layout": "NHWC"}, r"declares \[any, 32, 32, 1\] \(NHWC"),
        ({"dtype": "uint8"}, "type float32, but input.dtype is uint8"),
    ],
)
def test_a_contract_that_the_file_rules_out_is_refused(tmp_path, settings, words):
    contract = InputContract(**({"spatial_shape": [32, 32]} | settings))
    with pytest.raises(UsageError, match=words):
        make_adapter(saved(tmp_path, classifier(Classifier()), input=contract)).prepare()


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_last_is_read_from_the_file_and_told(tmp_path, channels):
    network, images = Classifier(channels=channels), pictures(6)
    contract = InputContract(
        spatial_shape=[32, 32], channels=channels, mean=[0.5] * channels, std=[0.25] * channels
    )
    spec = saved(tmp_path, channels_last(classifier(network)), input=contract)
    model = make_adapter(spec)
    rows = (torch.stack([torch.from_numpy(image).float()[None] / 255 for image in images]) - 0.5) / 0.25
    with torch.inference_mode():
        expected = network(rows.expand(-1, channels, -1, -1))[:, 0].double().sigmoid()
    np.testing.assert_allclose(model.predict(images).values, expected, atol=1e-5)
    assert model.spec.input.layout == "NHWC"
    (told,) = model.readings()
    assert f"[any, 32, 32, {channels}]: channels last" in told
    declared_so = changed(spec, input=contract.model_copy(update={"layout": "NHWC"}))
    assert make_adapter(declared_so).digest == model.digest and make_adapter(declared_so).readings() == []


def test_a_layout_that_is_declared_is_not_read_from_the_file(tmp_path):
    contract = InputContract(spatial_shape=[32, 32], layout="NCHW")
    spec = saved(tmp_path, channels_last(classifier(Classifier())), input=contract)
    with pytest.raises(UsageError, match=r"Declare channels: 1 and layout: NHWC"):
        make_adapter(spec).prepare()


def test_the_shape_of_the_input_is_read_without_running_the_file(tmp_path):
    onnx.save(classifier(Classifier(), batch=4), tmp_path / "model.onnx")
    assert input_shape(tmp_path / "model.onnx") == [4, 1, 32, 32]
    onnx.save(classifier(Classifier()), tmp_path / "model.onnx")
    assert input_shape(tmp_path / "model.onnx") == [None, 1, 32, 32]


def test_bytes_go_in_as_bytes(tmp_path):
    contract = InputContract(spatial_shape=[32, 32], dtype="uint8", value_range=[0.0, 255.0])
    spec = saved(tmp_path, classifier(Classifier(scale=0.05), kind=TensorProto.UINT8), input=contract)
    images = pictures(5)
    rows = torch.stack([torch.from_numpy(image).float()[None] for image in images])
    with torch.inference_mode():
        expected = Classifier(scale=0.05)(rows)[:, 0].double().sigmoid()
    np.testing.assert_allclose(make_adapter(spec).predict(images).values, expected, atol=1e-5)


def external(folder, location="weights.bin"):
    model = classifier(Classifier())
    onnx.save(
        model, folder / "model.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    if location != "weights.bin":
        data = (folder / "model.onnx").read_bytes()
        loaded = onnx.load_model_from_string(data)
        for tensor in loaded.graph.initializer:
            for entry in tensor.external_data:
                entry.value = location if entry.key == "location" else entry.value
        (folder / "model.onnx").write_bytes(loaded.SerializeToString())


def test_tensors_beside_the_file_need_a_folder_and_count(tmp_path):
    (tmp_path / "model").mkdir()
    external(tmp_path / "model")
    assert external_files(tmp_path / "model" / "model.onnx") == ["weights.bin"]
    with pytest.raises(UsageError, match=r"another file \('weights\.bin'\).*declare the folder"):
        make_adapter(declared(tmp_path, format="onnx", path="model/model.onnx"))
    spec = declared(tmp_path, format="onnx", path="model")
    model, images = make_adapter(spec), pictures(3)
    expected = logits(Classifier(), images)[:, 0].sigmoid().numpy()
    np.testing.assert_allclose(model.predict(images).values, expected, atol=1e-5)
    weights = tmp_path / "model" / "weights.bin"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\0")
    assert make_adapter(spec).digest != model.digest
    with pytest.raises(UsageError, match="SHA-256"):
        make_adapter(changed(spec, sha256=model.sha256))


@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "gone.bin"])
def test_tensors_outside_the_folder_are_refused(tmp_path, location):
    (tmp_path / "model").mkdir()
    (tmp_path / "secret.bin").write_bytes(bytes(4096))
    external(tmp_path / "model", location)
    with pytest.raises(UsageError, match="expected a file inside its folder"):
        make_adapter(declared(tmp_path, format="onnx", path="model"))


@pytest.mark.parametrize(
    "data", [b"", b"rubbish", b"\x80\x04cos\nsystem\n", b"\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"]
)
def test_another_kind_of_file_is_refused_without_onnxruntime(tmp_path, data):
    (tmp_path / "model.onnx").write_bytes(data)
    with pytest.raises(UsageError, match="not an ONNX model"):
        make_adapter(declared(tmp_path, format="onnx", path="model.onnx"))


def test_a_graph_that_cannot_be_run_is_a_failure_of_the_model(tmp_path):
    model = classifier(Classifier())
    model.graph.node[1].op_type = "Convolute"
    with pytest.raises(ModelFailureError, match="cannot be loaded") as caught:
        make_adapter(saved(tmp_path, model)).prepare()
    assert caught.value.kind == "crash"
