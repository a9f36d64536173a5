"""A timm classifier under test: declared architecture, safetensors weights, no download, no pickle."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from radbench.models.base import Image, ModelFailureError, Prediction
from radbench.models.timm_factory import build_network
from radbench.models.torch_model import ROWS, TorchModel

if TYPE_CHECKING:
    import torch
    from torch import nn

ADAPTER_VERSION: Final = 1
"""Part of every model's digest; raised when the same weights would give other scores."""


class TimmModel(TorchModel):
    """A binary classifier built by timm; see ``TorchModel`` for the arguments and the errors."""

    def decisive(self) -> list[Any]:
        """Return all that decides a score except the image and the input contract."""
        spec = self.spec
        return [
            ADAPTER_VERSION,
            spec.format,
            spec.architecture,
            spec.architecture_args,
            spec.sha256,
            spec.output,
        ]

    def build(self, where: str) -> "nn.Module":
        """Return the declared architecture with random weights."""
        return build_network(self.spec.architecture, self.spec.architecture_args, where=where)

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return probabilities, float64 [N] in [0, 1], for uint8 [H, W] images of any size.

        Raises:
            UsageError: weights that do not fit the architecture; images of another type.
            ModelFailureError: the network fails or gives anything but one finite score an image.
        """
        scores = [self._one_each(output)[: len(chunk)] for chunk, output in self.outputs(images)]
        values = [self.probabilities(score).cpu().numpy() for score in scores]
        return Prediction("probabilities", np.concatenate(values) if values else np.zeros(0))

    def _one_each(self, output: "torch.Tensor") -> "torch.Tensor":
        if tuple(output.shape) not in {(ROWS, 1), (ROWS,)}:
            raise ModelFailureError(
                f"Model '{self.spec.name}' gave an output of shape {list(output.shape)} for {ROWS} images, "
                "expected one number an image."
            )
        return output.reshape(ROWS)
