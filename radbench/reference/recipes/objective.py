"""What a training makes small, and what its best epoch has most of."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from radbench.errors import UsageError
from radbench.metrics.segmentation import mask_metrics
from radbench.reference.recipes.networks import Answer, answer_of
from radbench.reference.recipes.samples import Batch, known
from radbench.specs import RecipeSpec

if TYPE_CHECKING:
    from radbench.reference.recipes.films import Films


def loss_of(answer: Answer, batch: Batch, recipe: RecipeSpec) -> torch.Tensor:
    """Return the loss, a scalar in float32: the recipe's weighted parts, means over the batch.

    Binary cross-entropy of the label; binary cross-entropy of every pixel; Dice loss of every image (MONAI's, with 1
    added above and below the line, so that an empty pair is a full match).

    Args:
        answer: what the network says.
        batch: the films' labels and masks.
        recipe: the weights of the parts.
    """
    weights, parts = recipe.loss, []
    if answer.logits is not None:
        smoothing = weights.label_smoothing
        targets = batch.labels * (1 - 2 * smoothing) + smoothing
        parts.append(weights.label * F.binary_cross_entropy_with_logits(answer.logits.float(), targets))
    if answer.maps is not None and batch.masks is not None:
        from monai.losses import DiceLoss

        maps = answer.maps.float()
        dice = DiceLoss(sigmoid=True, smooth_nr=1.0, smooth_dr=1.0)
        parts.append(weights.pixel * F.binary_cross_entropy_with_logits(maps, batch.masks))
        parts.append(weights.dice * dice(maps, batch.masks))
    return torch.stack(parts).sum()


@dataclass(frozen=True)
class Validation:
    """What a network does on the validation films.

    Attributes:
        loss: as in training, without augmentation; the mean over the films.
        figures: ``auroc`` of the label, ``dice`` (mean over the films), as far as the network answers.
        scores: float64 [N] in [0, 1], None without a label.
        labels: int64 [N].
    """

    loss: float
    figures: dict[str, float]
    scores: NDArray[np.float64] | None
    labels: NDArray[np.int64]


def validate(
    network: nn.Module, batches: Iterable[Batch], recipe: RecipeSpec, device: torch.device
) -> Validation:
    """Return a network's figures on films, in evaluation mode and float32; its mode stays as it was."""
    from radbench.models.adapters.torch_base import exact_convolutions

    height, width = recipe.input.spatial_shape
    point = recipe.operating_point if isinstance(recipe.operating_point, float) else 0.5
    logits, labels, dice, losses = [], [], [], []
    before = network.training
    network.eval()
    try:
        with torch.inference_mode(), exact_convolutions():
            for batch in batches:
                there = batch.to(device)
                found = answer_of(network(there.inputs), recipe, (height, width), len(there.labels))
                labels.append(batch.labels)
                losses.append(float(loss_of(found, there, recipe)) * len(batch.labels))
                if found.logits is not None:
                    logits.append(found.logits.cpu())
                if found.maps is not None and batch.masks is not None:
                    inside = (found.maps.sigmoid() >= point)[:, 0].cpu().numpy()
                    truth = batch.masks[:, 0].numpy() >= 0.5
                    dice.append(mask_metrics(["dice"], inside, truth)["dice"])
    finally:
        network.train(before)
    every = torch.cat(labels)
    return _figures(logits, every, dice, sum(losses) / len(every))


def _figures(
    logits: list[torch.Tensor], labels: torch.Tensor, dice: list[NDArray[np.float64]], loss: float
) -> Validation:
    from torchmetrics.functional.classification import binary_auroc

    figures: dict[str, float] = {}
    scores = torch.cat(logits).double().sigmoid() if logits else None
    if scores is not None and bool(known(labels).all()):
        # by rank: of the logits, for two sigmoids may round to one value
        figures["auroc"] = float(binary_auroc(_ranks(torch.cat(logits)), labels.long()))
    if dice:
        figures["dice"] = float(np.concatenate(dice).mean())
    return Validation(loss, figures, None if scores is None else scores.numpy(), labels.long().numpy())


def _ranks(values: torch.Tensor) -> torch.Tensor:
    """Return values in [0, 1] with the order, and the ties, of others."""
    _, places = torch.unique(values, sorted=True, return_inverse=True)
    ranks: torch.Tensor = places.double() / max(1, int(places.max()))
    return ranks


def refuse_one_class(parts: "Iterable[Films]", recipe: RecipeSpec, which: str) -> None:
    """Refuse cohorts in which every label is the same.

    Raises:
        UsageError: there is nothing to tell apart.
    """
    if not recipe.labels_films:
        return
    labels = np.concatenate([part.labels for part in parts])
    positives = int((labels == 1).sum())
    if positives in {0, len(labels)}:
        raise UsageError(
            f"All {len(labels)} {which} films have {recipe.target} = {int(positives > 0)}, expected both 0 and 1; add "
            f"a cohort that has the other (--{'cohort' if which == 'training' else 'val-cohort'})."
        )


def youden_point(scores: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    """Return the score from which yes makes sensitivity + specificity highest; the largest of several.

    Youden 1950, doi:10.1002/1097-0142(1950)3:1<32::AID-CNCR2820030106>3.0.CO;2-3. The curve is torchmetrics'.

    Args:
        scores: float64 [N] in [0, 1].
        labels: int64 [N] of 0 and 1, both there.
    """
    from torchmetrics.functional.classification import binary_roc

    false, true, points = binary_roc(torch.from_numpy(scores), torch.from_numpy(labels))
    return float(points[int((true - false).argmax())])
