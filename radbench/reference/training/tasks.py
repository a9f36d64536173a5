"""The tasks: a binary classifier, and a segmenter of one structure.

The loss of a classifier is binary cross-entropy on one logit an image; that of a segmenter binary cross-entropy of
every pixel, and Dice of every image.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from radbench.errors import UsageError
from radbench.models.adapters.smp import build_segmenter
from radbench.models.adapters.timm import build_network
from radbench.models.preprocess import fit
from radbench.reference.training.augmentation import augment, augment_pair
from radbench.reference.training.config import (
    Batch,
    ClassifierConfig,
    MaskBatch,
    SegmenterConfig,
    labelled,
    masked,
)
from radbench.reference.training.loop import Objective, Progress, TrainingReport, train


def train_classifier(
    config: ClassifierConfig,
    sample_batches: Iterable[Batch],
    *,
    weights: Path,
    checkpoint: Path | None = None,
    checkpoint_every: int = 100,
    device: torch.device | str = "cpu",
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
    every = checkpoint_every
    return train(objective, weights=weights, checkpoint=checkpoint, checkpoint_every=every, progress=progress)


class _Classification(Objective):
    config: ClassifierConfig
    where: ClassVar[str] = "classifier training"

    def build(self) -> nn.Module:
        return build_network(self.config.architecture, self.config.architecture_args, where=self.where)

    def batch(self, chosen: NDArray[np.intp], step: int) -> tuple[torch.Tensor, torch.Tensor]:
        pixels = self.pixels(chosen)
        if self.config.augmentation is not None:
            pixels = augment(pixels, self.config.augmentation, self.generator(step))
        smoothing = self.config.label_smoothing
        return self.inputs(pixels), self.truth(chosen) * (1 - 2 * smoothing) + smoothing

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if outputs.shape != (len(targets), 1):
            raise UsageError(
                f"Architecture '{self.config.architecture}' gave an output of shape {list(outputs.shape)}, "
                "expected one logit an image; set num_classes to 1 in architecture_args."
            )
        return F.binary_cross_entropy_with_logits(outputs[:, 0], targets)


def train_segmenter(
    config: SegmenterConfig,
    sample_batches: Iterable[MaskBatch],
    *,
    weights: Path,
    checkpoint: Path | None = None,
    checkpoint_every: int = 100,
    device: torch.device | str = "cpu",
    progress: Progress | None = None,
) -> TrainingReport:
    """Train a segmenter and save its weights.

    Args:
        config: all settings.
        sample_batches: (images uint8, masks bool), both [N, H, W], in pieces of any size, all of one H and W.
        weights: the safetensors file to write, atomically, at the end.
        checkpoint: see ``radbench.reference.training.loop.train``, as for the rest.
        checkpoint_every: steps between checkpoints.
        device: where to train.
        progress: see ``Progress``.

    Returns:
        The report.

    Raises:
        UsageError: no samples, samples of other types, an architecture that segmentation-models-pytorch cannot
            build or that does not give one map, a checkpoint of another training, or a folder that cannot be
            written.
    """
    objective = _Segmentation(config, masked(sample_batches), device)
    every = checkpoint_every
    return train(objective, weights=weights, checkpoint=checkpoint, checkpoint_every=every, progress=progress)


def dice_loss(probabilities: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Return 1 - soft Dice, a scalar: the mean over images; 0 is best, and an empty pair is a full match.

    Source: Milletari et al., V-Net, doi 10.1109/3DV.2016.79, with plain sums in the denominator.

    Args:
        probabilities: float32 [N, 1, H, W] in [0, 1].
        targets: float32 [N, 1, H, W] in [0, 1].
    """
    axes = (1, 2, 3)
    common = (probabilities * targets).sum(axes)
    return (1 - (2 * common + 1) / (probabilities.sum(axes) + targets.sum(axes) + 1)).mean()


class _Segmentation(Objective):
    config: SegmenterConfig
    where: ClassVar[str] = "segmenter training"

    def build(self) -> nn.Module:
        return build_segmenter(self.config.architecture, self.config.architecture_args, where=self.where)

    def batch(self, chosen: NDArray[np.intp], step: int) -> tuple[torch.Tensor, torch.Tensor]:
        pixels, masks = self.pixels(chosen), fit(self.truth(chosen)[:, None], self.config.input)
        if self.config.augmentation is not None:
            pixels, masks = augment_pair(pixels, masks, self.config.augmentation, self.generator(step))
        return self.inputs(pixels), masks

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if outputs.shape != targets.shape:
            raise UsageError(
                f"Architecture '{self.config.architecture}' gave an output of shape {list(outputs.shape)}, "
                f"expected {list(targets.shape)}: one map an image; set classes to 1 in architecture_args."
            )
        entropy = F.binary_cross_entropy_with_logits(outputs, targets)
        return entropy + self.config.dice_weight * dice_loss(outputs.sigmoid(), targets)
