"""Which adapter reads which format, and on which device; an adapter is imported only when it is asked for.

Another package adds a format by an entry point of the group ``radbench.adapters``: its name is the format, its value
``package.module:Class`` a subclass of ``radbench.models.adapters.base.Adapter``. A built-in format cannot be replaced.
"""

import shutil
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from radbench.errors import UsageError, did_you_mean
from radbench.models.base import ModelUnderTest
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch

    from radbench.models.adapters.base import Adapter

_DRIVERS: Final = ("/dev/nvidiactl", "/dev/dxg", "/dev/kfd", "/proc/driver/nvidia")
_ROOM: Final = "radbench.models.adapters"
GROUP: Final = "radbench.adapters"
"""The entry points' group."""

ADAPTERS: Final[dict[str, tuple[str, str, str]]] = {
    "timm": (f"{_ROOM}.timm", "TimmModel", ""),
    "smp": (f"{_ROOM}.smp", "SmpModel", ""),
    "onnx": (f"{_ROOM}.onnx", "OnnxModel", "onnx"),
    "torchscript": (f"{_ROOM}.torchscript", "TorchScriptModel", ""),
    "pt2": (f"{_ROOM}.pt2", "ExportedModel", ""),
    "monai": (f"{_ROOM}.monai", "MonaiBundle", ""),
    "huggingface": (f"{_ROOM}.huggingface", "HuggingFaceModel", ""),
    "torchxrayvision": (f"{_ROOM}.torchxrayvision", "XrayVisionModel", "xrv"),
    "openinference": (f"{_ROOM}.openinference", "InferenceServer", "triton"),
    "program": (f"{_ROOM}.program", "Program", ""),
    "table": (f"{_ROOM}.table", "PredictionTable", ""),
}
"""Format to (module, class, extra of radbench that installs what it needs); the class takes (spec, device, trust)."""

_PACKAGES: Final = {"onnx": "onnxruntime", "xrv": "torchxrayvision", "triton": "tritonclient"}
"""The package that an extra installs."""


def make_adapter(spec: ModelSpec, device: "torch.device | str" = "cpu", *, trust: bool = False) -> "Adapter":
    """Return the adapter of the model that ``spec`` declares, in this process.

    Its files are verified at once and nothing of them is run; the model is loaded when it first has to predict.

    Args:
        spec: the declaration, narrowed to one task.
        device: "auto", "cpu", "cuda" or a torch device.
        trust: whether the vendor's own code may run.

    Raises:
        UsageError: an unknown format (with the nearest one), a package that is not installed, a missing file, or
            one whose SHA-256 is not the declared one.
    """
    return _adapter_class(spec)(spec, device, trust=trust)


def formats() -> list[str]:
    """Return every format that can be read here, the built-in ones and those of other packages, sorted."""
    return sorted({*ADAPTERS, *(point.name for point in entry_points(group=GROUP))})


def load_model_under_test(spec: ModelSpec, device: "torch.device | str" = "cpu") -> ModelUnderTest:
    """Return the model that ``spec`` declares, to be run in this process; see ``make_adapter``."""
    return make_adapter(spec, device)


def load_checkpoints(spec: ModelSpec, device: "torch.device | str" = "cpu") -> list[ModelUnderTest]:
    """Return the further runs that ``spec`` declares beside its main weights, in their order.

    Each is a model of its own: the same declaration with other weights, and so another digest.

    Raises:
        UsageError: as ``make_adapter``, for any of them.
    """
    return [make_adapter(spec.at(checkpoint), device) for checkpoint in spec.checkpoints]


def _adapter_class(spec: ModelSpec) -> "type[Adapter]":
    if spec.format not in ADAPTERS:
        return _of_another_package(spec)
    module, name, extra = ADAPTERS[spec.format]
    if extra and find_spec(_PACKAGES[extra]) is None:
        raise UsageError(
            f"Model '{spec.name}' of format '{spec.format}' needs the package {_PACKAGES[extra]}: install it with  "
            f'pip install "radbench[{extra}]".'
        )
    return getattr(import_module(module), name)  # type: ignore[no-any-return] # imported by name


def _of_another_package(spec: ModelSpec) -> "type[Adapter]":
    from radbench.models.adapters.base import Adapter

    points = [point for point in entry_points(group=GROUP) if point.name == spec.format]
    if not points:
        known = formats()
        raise UsageError(
            f"Model '{spec.name}': format '{spec.format}' is unknown, expected one of {', '.join(known)}."
            f"{did_you_mean(spec.format, known)}"
        )
    try:
        found = points[0].load()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"The adapter {points[0].value} of format '{spec.format}' cannot be imported ({error}); install it again, "
            "or ask the package that registers it."
        ) from error
    if not (isinstance(found, type) and issubclass(found, Adapter)):
        raise UsageError(
            f"Model '{spec.name}': format '{spec.format}' is registered as {points[0].value}, which is no subclass of "
            f"{Adapter.__module__}.Adapter; ask the package that registers it."
        )
    return found


def device_kind(device: "torch.device | str") -> str:
    """Return "cpu" or "cuda" for a torch device, "cpu", "cuda" or "auto".

    torch takes seconds to import, and a run whose predictions are all remembered does not need it: "auto" is
    the CPU where the machine has no GPU driver, and only otherwise is torch asked.

    Raises:
        UsageError: an unknown name, or "cuda" on a machine without a usable GPU.
    """
    if not isinstance(device, str):
        return device.type
    may_have = shutil.which("nvidia-smi") is not None or any(Path(driver).exists() for driver in _DRIVERS)
    if device == "cpu" or (device == "auto" and not may_have):
        return "cpu"
    from radbench.runtime import resolve_device

    return resolve_device(device).type  # type: ignore[arg-type] # it says which names it knows
