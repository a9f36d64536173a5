"""A timm classifier under test: declared architecture, weights read as tensors only, no download."""

from typing import TYPE_CHECKING, ClassVar

from radbench.models.adapters.state_dict import load_weights
from radbench.models.adapters.torch_base import TorchAdapter
from radbench.models.timm_factory import build_network

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
