"""A timm classifier under test: declared architecture, weights read as tensors only, no download."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from radbench.errors import UsageError, did_you_mean
from radbench.models.adapters.state_dict import load_weights
from radbench.models.adapters.torch_base import TorchAdapter

if TYPE_CHECKING:
    from torch import nn


class TimmModel(TorchAdapter):
    """A classifier built by timm; see ``Adapter`` for the arguments and the errors."""

    format: ClassVar[str] = "timm"

    def network(self) -> "nn.Module":
        """Return the declared architecture with the declared weights."""
        spec = self.spec
        network = build_network(
            spec.architecture, spec.architecture_args, where=str(spec.origin or spec.name)
        )
        self.found = load_weights(network, spec.weights_path)
        return network


def build_network(architecture: str, arguments: Mapping[str, Any], *, where: str) -> "nn.Module":
    """Make a network with random weights; nothing is downloaded.

    Args:
        architecture: a name that timm knows, e.g. "resnet18".
        arguments: handed to ``timm.create_model``, e.g. ``{"in_chans": 1, "num_classes": 1}``.
        where: the file (or caller) to name in errors.

    Raises:
        UsageError: timm does not know the name, or the architecture does not take the arguments.
    """
    import timm

    if not timm.is_model(architecture):
        hint = did_you_mean(architecture, timm.list_models())
        raise UsageError(
            f"{where}: architecture '{architecture}' is unknown to timm, expected a name of "
            f"timm.list_models().{hint}"
        )
    reserved = {"pretrained", "checkpoint_path", "pretrained_cfg"} & set(arguments)
    if reserved:
        raise UsageError(
            f"{where}: architecture_args has '{min(reserved)}', expected none of it: weights come from "
            "the declared safetensors file only."
        )
    try:
        network: nn.Module = timm.create_model(architecture, pretrained=False, **dict(arguments))
    except (TypeError, ValueError, RuntimeError, AttributeError, KeyError) as error:
        raise UsageError(
            f"{where}: timm cannot build '{architecture}' with {dict(arguments)}: {error}; "
            "expected arguments that this architecture takes."
        ) from error
    return network
