import pytest
import yaml

from radbench.declared import models_dir
from radbench.errors import UsageError
from radbench.specs import load_model
from radbench.specs.model import Checkpoint, ModelSpec

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


@pytest.mark.parametrize(("settings", "task"), [(CLASSIFIER, "segmentation"), (SEGMENTER, "binary")])
def test_a_task_that_the_format_does_not_answer_is_refused(tmp_path, settings, task):
    with pytest.raises(UsageError, match=rf"task is '{task}', expected '{settings['task']}'"):
        declared(tmp_path, settings | {"task": task})


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
        ({"weights": "a.pt", "sha256": "a" * 64}, r"checkpoints\[0\]\.weights"),
        ({"weights": "a.safetensors", "sha256": "A" * 64}, r"checkpoints\[0\]\.sha256"),
        ({"weights": "a.safetensors"}, r"key 'checkpoints\[0\]\.sha256' is missing"),
    ],
)
def test_a_checkpoint_s_errors(tmp_path, entry, words):
    with pytest.raises(UsageError, match=words):
        declared(tmp_path, CLASSIFIER | {"checkpoints": [entry]})


def test_made_in_python():
    settings = SEGMENTER | {"checkpoints": [Checkpoint(weights="b.safetensors", sha256="b" * 64)]}
    assert ModelSpec(**settings).at(settings["checkpoints"][0]).weights == "b.safetensors"
