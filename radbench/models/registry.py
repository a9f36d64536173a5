"""Which adapter reads which format; an adapter is imported only when a model of its format is asked for."""

from importlib import import_module
from typing import TYPE_CHECKING, Final

from radbench.errors import UsageError, did_you_mean
from radbench.models.base import ModelUnderTest
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch

ADAPTERS: Final[dict[str, tuple[str, str]]] = {
    "timm": ("radbench.models.timm_adapter", "TimmModel"),
    "smp": ("radbench.models.smp_adapter", "SmpModel"),
}
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


def load_checkpoints(spec: ModelSpec, device: "torch.device | str" = "cpu") -> list[ModelUnderTest]:
    """Return the further runs that ``spec`` declares beside its main weights, in their order.

    Each is a model of its own: the same declaration with other weights, and so another digest.

    Raises:
        UsageError: as ``load_model_under_test``, for any of them.
    """
    return [load_model_under_test(spec.at(checkpoint), device) for checkpoint in spec.checkpoints]
