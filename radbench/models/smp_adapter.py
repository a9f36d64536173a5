"""A segmenter under test, built by segmentation-models-pytorch: safetensors weights, no download, no pickle."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.base import Image, ModelFailureError, Prediction
from radbench.models.smp_factory import build_segmenter
from radbench.models.torch_model import ROWS, TorchModel

if TYPE_CHECKING:
    import torch
    from torch import nn

ADAPTER_VERSION: Final = 1
"""Part of every model's digest; raised when the same weights would give other masks."""


class SmpModel(TorchModel):
    """A segmenter of one structure; see ``TorchModel`` for the arguments and the errors."""

    def decisive(self) -> list[Any]:
        """Return all that decides a mask except the image and the input contract: the threshold as well."""
        spec = self.spec
        return [
            ADAPTER_VERSION,
            spec.format,
            spec.architecture,
            spec.architecture_args,
            spec.sha256,
            spec.output,
            spec.operating_point,
        ]

    def build(self, where: str) -> "nn.Module":
        """Return the declared architecture with random weights."""
        return build_segmenter(self.spec.architecture, self.spec.architecture_args, where=where)

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return masks, bool [N, H, W], for uint8 [H, W] images of one size, which is the masks' size.

        The network sees the image at its input contract's size; its probabilities are resized to the
        image's own size (bilinear) and are inside from the operating point on.

        Raises:
            UsageError: weights that do not fit the architecture; images of several sizes or another type.
            ModelFailureError: the network fails or gives anything but one finite map an image.
        """
        sizes = sorted({image.shape for image in images})
        if len(sizes) > 1:
            raise UsageError(
                f"Model '{self.spec.name}' was given images of {len(sizes)} sizes ({sizes[0]} and {sizes[1]} "
                "among them), expected one size in a call."
            )
        if not images:
            return Prediction("masks", np.zeros((0, 0, 0), dtype=np.bool_))
        return Prediction("masks", np.concatenate([self._masks(*piece) for piece in self.outputs(images)]))

    def _masks(self, images: Sequence[Image], output: "torch.Tensor") -> NDArray[np.bool_]:
        from torch.nn import functional as F

        if output.ndim != 4 or tuple(output.shape[:2]) != (ROWS, 1):
            raise ModelFailureError(
                f"Model '{self.spec.name}' gave an output of shape {list(output.shape)} for {ROWS} images, "
                "expected one map an image."
            )
        maps = self.probabilities(output[: len(images)])
        size = images[0].shape
        if tuple(maps.shape[-2:]) != size:
            maps = F.interpolate(maps, size, mode="bilinear", align_corners=False)
        masks: NDArray[np.bool_] = (maps[:, 0] >= self.spec.operating_point).cpu().numpy()
        return masks
