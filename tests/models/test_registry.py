"""The registry: every built-in format has its adapter, others come by entry point, what is missing is said."""

import importlib
import re
import subprocess
import sys
from importlib.metadata import EntryPoint

import numpy as np
import pytest
import torch

from radbench.errors import UsageError
from radbench.models import registry
from radbench.models.adapters.base import Adapter
from radbench.models.base import Prediction
from radbench.models.registry import ADAPTERS, device_kind, formats, load_model_under_test, make_adapter
from radbench.specs import InputContract, ModelSpec
from radbench.specs.model import SOURCES


class Mean(Adapter):
    """An adapter of another package: scores an image by its mean."""

    format = "mean"

    def predict(self, images):
        return Prediction("probabilities", np.array([image.mean() / 255 for image in images]))


def declared(**settings):
    contract = InputContract(spatial_shape=[8, 8])
    filled = {
        "name": "tiny",
        "title": "Tiny",
        "target": "covid",
        "input": contract,
        "endpoint": "http://127.0.0.1:1",
    }
    return ModelSpec(**(filled | settings))


def register(monkeypatch, **values):
    points = [EntryPoint(name, value, registry.GROUP) for name, value in values.items()]
    monkeypatch.setattr(registry, "entry_points", lambda group: points if group == registry.GROUP else [])


def test_every_declared_format_has_an_adapter_that_says_so():
    assert set(ADAPTERS) == set(SOURCES)
    for name, (module, adapter, _) in ADAPTERS.items():
        found = getattr(importlib.import_module(module), adapter)
        assert issubclass(found, Adapter)
        assert found.format == name


def test_an_unknown_format_names_the_nearest():
    with pytest.raises(
        UsageError, match=r"format 'onxn' is unknown, expected one of .*\. Did you mean 'onnx'\?"
    ):
        make_adapter(declared(format="onxn"))


def test_another_package_adds_a_format(monkeypatch):
    register(monkeypatch, mean=f"{__name__}:Mean")
    monkeypatch.setattr(EntryPoint, "load", lambda point: Mean)
    model = load_model_under_test(declared(format="mean"))
    assert model.predict([np.full((8, 8), 51, np.uint8)]).values.tolist() == [0.2]
    assert "mean" in formats()
    assert "onnx" in formats()


def test_another_package_does_not_replace_a_built_in_format(monkeypatch):
    register(monkeypatch, timm="nowhere:Mean")
    with pytest.raises(UsageError, match="which is not there"):
        make_adapter(
            declared(
                format="timm", architecture="x", weights="gone.safetensors", sha256="0" * 64, endpoint=None
            )
        )


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("nowhere:Mean", "cannot be imported"),
        ("json:dumps", "no subclass"),
        ("json:absent", "cannot be imported"),
    ],
)
def test_a_broken_entry_point_is_said(monkeypatch, value, words):
    register(monkeypatch, mean=value)
    with pytest.raises(UsageError, match=words):
        make_adapter(declared(format="mean"))


def test_a_missing_package_is_named_with_its_extra(monkeypatch):
    monkeypatch.setattr(registry, "find_spec", lambda name: None)
    sentence = 'needs the package onnxruntime: install it with  pip install "radbench[onnx]".'
    with pytest.raises(UsageError, match=re.escape(sentence)):
        make_adapter(declared(format="onnx", path="model.onnx", endpoint=None))


def test_names_and_torch_devices():
    assert device_kind("cpu") == "cpu"
    assert device_kind(torch.device("cpu")) == "cpu"
    assert device_kind("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UsageError, match="Unknown device"):
        device_kind("gpu")


HEAVY = {
    "torch",
    "timm",
    "pandas",
    "matplotlib",
    "scipy",
    "monai",
    "transformers",
    "onnxruntime",
    "tritonclient",
}


def test_the_harness_and_every_adapter_are_imported_without_a_heavy_library():
    code = (
        "import sys, importlib, radbench.harness.run, radbench.models.registry as registry;"
        "[importlib.import_module(module) for module, _, _ in registry.ADAPTERS.values()];"
        "from radbench.models.registry import device_kind; device_kind('cpu');"
        f"assert not {HEAVY} & set(sys.modules), {HEAVY} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
