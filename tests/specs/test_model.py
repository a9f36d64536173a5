import pytest
import yaml

from radbench.declared import models_dir
from radbench.errors import UsageError
from radbench.specs import load_model
from radbench.specs.model import SOURCES, Checkpoint, ModelSpec

CLASSIFIER = yaml.safe_load((models_dir() / "pneumothorax-biased.yaml").read_text(encoding="utf-8")) | {
    "checkpoints": []
}
SEGMENTER = CLASSIFIER | {
    "format": "smp",
    "architecture": "Unet",
    "architecture_args": {
        "encoder_name": "resnet18",
        "encoder_weights": None,
        "in_channels": 1,
        "classes": 1,
    },
    "task": "segmentation",
    "target": "lungs",
}


def declared(tmp_path, settings):
    file = tmp_path / "model.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    return load_model(file)


def run(digit):
    return {"weights": f"runs/{digit}.safetensors", "sha256": digit * 64}


def test_a_segmenter_reads_and_older_declarations_still_do(tmp_path):
    assert declared(tmp_path, SEGMENTER).task == "segmentation"
    without = {key: value for key, value in CLASSIFIER.items() if key not in {"task", "checkpoints"}}
    spec = declared(tmp_path, without)
    assert (spec.task, spec.checkpoints) == ("binary", [])


@pytest.mark.parametrize("task", ["binary", "both"])
def test_a_task_that_the_format_does_not_answer_is_refused(tmp_path, task):
    with pytest.raises(UsageError, match=rf"task is '{task}', expected 'segmentation'"):
        declared(tmp_path, SEGMENTER | {"task": task})


def test_checkpoints_lie_beside_the_declaration(tmp_path):
    spec = declared(tmp_path, CLASSIFIER | {"checkpoints": [run("a"), run("b")]})
    other = spec.at(spec.checkpoints[1])
    assert other.weights_path == tmp_path / "runs" / "b.safetensors"
    assert other.sha256 == "b" * 64
    assert other.checkpoints == []
    unchanged = {"weights", "sha256", "checkpoints"}
    assert other.model_dump(exclude=unchanged) == spec.model_dump(exclude=unchanged)


def test_the_same_run_twice_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"checkpoints\[1\] has the SHA-256 of checkpoints\[0\]"):
        declared(tmp_path, CLASSIFIER | {"checkpoints": [run("a"), run("a")]})
    main = {"weights": "again.safetensors", "sha256": CLASSIFIER["sha256"]}
    with pytest.raises(UsageError, match=r"checkpoints\[0\] has the SHA-256 of weights"):
        declared(tmp_path, CLASSIFIER | {"checkpoints": [main]})


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"weights": "a.pkl", "sha256": "a" * 64}, r"checkpoints\[0\]\.weights"),
        ({"weights": "a.safetensors", "sha256": "A" * 64}, r"checkpoints\[0\]\.sha256"),
        ({"weights": CLASSIFIER["weights"]}, r"checkpoints\[0\] names the file of weights"),
    ],
)
def test_a_checkpoint_s_errors(tmp_path, entry, words):
    with pytest.raises(UsageError, match=words):
        declared(tmp_path, CLASSIFIER | {"checkpoints": [entry]})


VENDOR = {"name": "vendor", "title": "Vendor", "target": "covid", "input": {"spatial_shape": [8, 8]}}
PLACES = {
    "weights": {"weights": "a.safetensors", "sha256": "a" * 64, "architecture": "resnet18"},
    "path": {"path": "model"},
    "endpoint": {"endpoint": "http://127.0.0.1:8000"},
    "command": {"command": ["predict", "{input}", "{output}"]},
}


@pytest.mark.parametrize(("form", "fields"), SOURCES.items())
def test_a_format_says_where_its_models_come_from(tmp_path, form, fields):
    vendor = VENDOR | {"format": form, "task": "segmentation" if form == "smp" else "binary"}
    for field, place in PLACES.items():
        if field in fields:
            assert declared(tmp_path, vendor | place).format == form
        else:
            with pytest.raises(UsageError, match=f"format '{form}' is named by .*, found '{field}'"):
                declared(tmp_path, vendor | place)
    with pytest.raises(UsageError, match="found none, expected one of them"):
        declared(tmp_path, vendor)


def test_a_format_of_another_package_may_come_from_anywhere(tmp_path):
    for place in PLACES.values():
        assert declared(tmp_path, VENDOR | {"format": "tensorrt"} | place).format == "tensorrt"
    with pytest.raises(UsageError, match="found 'path' and 'endpoint'"):
        declared(tmp_path, VENDOR | {"format": "tensorrt"} | PLACES["path"] | PLACES["endpoint"])


def test_weights_need_their_architecture_and_no_digest(tmp_path):
    settings = VENDOR | PLACES["weights"] | {"format": "timm"}
    with pytest.raises(UsageError, match=r"weights need .*'architecture'"):
        declared(tmp_path, {key: value for key, value in settings.items() if key != "architecture"})
    for name in ("a.safetensors", "a.pth", "a.pt", "a.bin", "a.ckpt"):
        assert declared(tmp_path, settings | {"weights": name, "sha256": None}).sha256 is None


ONNX = VENDOR | {"format": "onnx", "path": "model.onnx"}
NAMES = ["normal", "COVID-19", "other"]


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"classes": ["a", "a"]}, "classes names 'a' twice"),
        ({"task": "multilabel"}, "a multilabel model needs its 'classes'"),
        (
            {"task": "multiclass", "classes": NAMES},
            "lack 'covid'.*say the vendor's name for it in 'target_class'",
        ),
        ({"task": "segmentation", "mask_classes": NAMES}, "mask_classes are .* lack 'covid'"),
        ({"sha256": "a" * 63}, "expected a SHA-256 digest"),
        ({"endpoint": "ftp://host"}, "endpoint"),
        ({"output": "scores"}, "expected one of logits, probabilities, calibrated, labels"),
        ({"claims": [{"metric": "auroc", "value": 0.9, "low": 0.95}]}, "does not hold the value 0.9"),
        ({"limits": {"memory_gib": 0.0}}, r"limits\.memory_gib"),
    ],
)
def test_a_declaration_that_contradicts_itself_is_refused(tmp_path, settings, words):
    with pytest.raises(UsageError, match=words):
        declared(tmp_path, ONNX | settings)


def test_the_vendor_may_call_the_target_by_another_name(tmp_path):
    spec = declared(tmp_path, ONNX | {"task": "multiclass", "classes": NAMES, "target_class": "COVID-19"})
    assert (spec.wanted, spec.target) == ("COVID-19", "covid")
    assert spec.source_path == tmp_path / "model.onnx"
    with pytest.raises(ValueError, match="names no weights file"):
        _ = spec.weights_path


def test_a_model_of_both_tasks_is_asked_for_one():
    both = ModelSpec(**ONNX | {"task": "both", "classes": ["covid", "other"]})
    assert both.answers("classification")
    assert both.answers("segmentation")
    assert both.answering("classification").task == "multilabel"
    assert both.answering("segmentation").task == "segmentation"
    assert ModelSpec(**ONNX | {"task": "both"}).answering("classification").task == "binary"
    for task, other in (("binary", "segmentation"), ("segmentation", "classification")):
        one = ModelSpec(**ONNX | {"task": task})
        assert not one.answers(other)
        assert one.answering(other) is one


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"value_range": [1.0, 0.0]}, "expected the lower value first"),
        ({"channels": 3, "mean": [0.5]}, "mean has length 1"),
        ({"std": [0.0]}, r"input\.std"),
        ({"num_channels": 3, "channel_def": {"3": "red"}}, "channel_def has '3'"),
        ({"is_patch_data": True}, r"input\.is_patch_data"),
        ({"resize": "squash"}, "expected one of stretch, pad, crop"),
    ],
)
def test_an_input_contract_that_contradicts_itself_is_refused(tmp_path, settings, words):
    with pytest.raises(UsageError, match=words):
        declared(tmp_path, ONNX | {"input": {"spatial_shape": [8, 8]} | settings})


def test_the_input_contract_speaks_monai(tmp_path):
    monai = {
        "type": "image",
        "format": "magnitude",
        "num_channels": 3,
        "spatial_shape": [224, 224],
        "dtype": "float32",
        "value_range": [0.0, 1.0],
        "is_patch_data": False,
        "channel_def": {"0": "R", "1": "G", "2": "B"},
    }
    found = declared(tmp_path, ONNX | {"input": monai}).input
    assert (found.channels, found.means, found.stds) == (3, [0.0] * 3, [1.0] * 3)


def test_made_in_python():
    settings = SEGMENTER | {"checkpoints": [Checkpoint(weights="b.safetensors", sha256="b" * 64)]}
    assert ModelSpec(**settings).at(settings["checkpoints"][0]).weights == "b.safetensors"
