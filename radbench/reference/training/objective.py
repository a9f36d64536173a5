"""What the training loop asks of a task: a network, batches and a loss."""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from radbench.models.preprocess import fit, standardise
from radbench.reference.training.config import TrainingConfig
from radbench.reference.training.samples import Samples
from radbench.reference.training.seeds import derived

if TYPE_CHECKING:
    import torch
    from torch import nn


class Objective(ABC):
    """One task on one training set.

    Args:
        config: all settings.
        samples: the training set.
        device: where batches go.
    """

    where: ClassVar[str]
    """What errors about the architecture name."""

    def __init__(self, config: TrainingConfig, samples: Samples, device: "torch.device | str") -> None:
        self.config = config
        self.samples = samples
        self.device = device

    @abstractmethod
    def build(self) -> "nn.Module":
        """Return the network with random weights."""

    @abstractmethod
    def batch(self, chosen: NDArray[np.intp], step: int) -> "tuple[torch.Tensor, torch.Tensor]":
        """Return inputs float32 [N, channels, height, width] and targets of the samples at ``chosen``."""

    @abstractmethod
    def loss(self, outputs: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        """Return the loss, a scalar.

        Raises:
            UsageError: outputs of a shape that does not fit the task.
        """

    def pixels(self, chosen: NDArray[np.intp]) -> "torch.Tensor":
        """Return the images at ``chosen``, float32 [N, 1, height, width] in [0, 1], at the input's size."""
        import torch

        pixels = torch.from_numpy(self.samples.images[chosen]).to(self.device, torch.float32)[:, None] / 255.0
        if self.config.input.photometric == "MONOCHROME1":
            pixels = 1.0 - pixels
        return fit(pixels, self.config.input)

    def truth(self, chosen: NDArray[np.intp]) -> "torch.Tensor":
        """Return labels [N] or masks [N, H, W] at ``chosen``, float32 of 0 and 1."""
        import torch

        return torch.from_numpy(self.samples.truth[chosen]).to(self.device, torch.float32)

    def inputs(self, pixels: "torch.Tensor") -> "torch.Tensor":
        """Return the images as the network wants them."""
        import torch

        return standardise(pixels, self.config.input).contiguous(memory_format=torch.channels_last)

    def generator(self, step: int) -> "torch.Generator":
        """Return the source of a step's augmentation."""
        import torch

        return torch.Generator().manual_seed(derived(self.config.seed, 3, step))
