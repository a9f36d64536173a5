"""The kind of device is known without torch where no GPU can be."""

import subprocess
import sys

import pytest
import torch

from radbench.errors import UsageError
from radbench.models.registry import device_kind


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
