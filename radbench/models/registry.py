"""Which adapter reads which format; an adapter is imported only when a model of its format is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from radbench.errors import UsageError, did_you_mean
from radbench.models.base import ModelUnderTest
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch

ADAPTERS: Final[dict[str, tuple[str, str]]] = {"timm": ("radbench.models.timm_adapter", "TimmModel")}
"""Format to (module, class); the class takes (spec, device)."""


def load_model_under_test(spec: ModelSpec, device: "torch.device | str" = "cpu") -> ModelUnderTest:
    """Return the model that ``spec`` declares.

    Its weights file is verified at once; the network is built when it first has to predict.

    Raises:
        UsageError: an unknown format (with the nearest one), a missing weights file, or one whose SHA-256 is
            not the declared one.
    """
    if spec.format not in ADAPTERS:
        raise UsageError(
            f"Model '{spec.name}': format '{spec.format}' is unknown, expected one of "
            f"{', '.join(sorted(ADAPTERS))}.{did_you_mean(spec.format, ADAPTERS)}"
        )
    module, name = ADAPTERS[spec.format]
    model: ModelUnderTest = getattr(import_module(module), name)(spec, device)
    return model
