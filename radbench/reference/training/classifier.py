"""Training a binary classifier: binary cross-entropy on one logit an image."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.adapters.timm import build_network
from radbench.models.training import augment
from radbench.reference.training.config import ClassifierConfig
from radbench.reference.training.loop import Progress, TrainingReport, train
from radbench.reference.training.objective import Objective
from radbench.reference.training.samples import Batch, labelled

if TYPE_CHECKING:
    import torch
    from torch import nn


def train_classifier(
    config: ClassifierConfig,
    sample_batches: Iterable[Batch],
    *,
    weights: Path,
    checkpoint: Path | None = None,
    checkpoint_every: int = 100,
    device: "torch.device | str" = "cpu",
    progress: Progress | None = None,
) -> TrainingReport:
    """Train a binary classifier and save its weights.

    Args:
        config: all settings.
        sample_batches: (images uint8 [N, H, W], labels 0/1 [N]) in pieces of any size, all of one H and W.
        weights: the safetensors file to write, atomically, at the end.
        checkpoint: see ``radbench.reference.training.loop.train``, as for the rest.
        checkpoint_every: steps between checkpoints.
        device: where to train.
        progress: see ``Progress``.

    Returns:
        The report.

    Raises:
        UsageError: no samples, samples of other types, an architecture that timm cannot build or that
            does not give one logit, a checkpoint of another training, or a folder that cannot be written.
    """
    objective = _Classification(config, labelled(sample_batches), device)
    return train(
        objective,
        weights=weights,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        progress=progress,
    )


class _Classification(Objective):
    config: ClassifierConfig
    where: ClassVar[str] = "classifier training"

    def build(self) -> "nn.Module":
        return build_network(self.config.architecture, self.config.architecture_args, where=self.where)

    def batch(self, chosen: NDArray[np.intp], step: int) -> "tuple[torch.Tensor, torch.Tensor]":
        pixels = self.pixels(chosen)
        if self.config.augmentation is not None:
            pixels = augment(pixels, self.config.augmentation, self.generator(step))
        smoothing = self.config.label_smoothing
        return self.inputs(pixels), self.truth(chosen) * (1 - 2 * smoothing) + smoothing

    def loss(self, outputs: "torch.Tensor", targets: "torch.Tensor") -> "torch.Tensor":
        from torch.nn import functional as F

        if outputs.shape != (len(targets), 1):
            raise UsageError(
                f"Architecture '{self.config.architecture}' gave an output of shape {list(outputs.shape)}, "
                "expected one logit an image; set num_classes to 1 in architecture_args."
            )
        return F.binary_cross_entropy_with_logits(outputs[:, 0], targets)
