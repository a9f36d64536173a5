"""The kind of device is known without torch where no GPU can be."""

import subprocess
import sys

import pytest
import torch

from radbench.errors import UsageError
from radbench.models.device import device_kind


def test_names_and_torch_devices():
    assert device_kind("cpu") == "cpu"
    assert device_kind(torch.device("cpu")) == "cpu"
    assert device_kind("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(UsageError, match="Unknown device"):
        device_kind("gpu")


def test_the_harness_is_imported_without_torch():
    code = (
        "import sys, radbench.audit.run, radbench.models.registry, radbench.models.timm_adapter;"
        "from radbench.models.device import device_kind; device_kind('cpu');"
        "assert not {'torch', 'timm', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
