"""All that decides a training's weights: its settings, and its samples, checked and put together."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.base import Image
from radbench.reference.training.augmentation import Augmentation
from radbench.runtime import sha256_bytes
from radbench.specs import InputContract


@dataclass(frozen=True)
class TrainingConfig:
    """What every training is told.

    Attributes:
        architecture: a name that the model's library knows.
        architecture_args: its arguments.
        input: the input contract that the model will be declared with.
        epochs: passes over the samples.
        batch_size: images a step.
        learning_rate: its peak, reached after the warm-up; it falls to 0 along a half cosine.
        weight_decay: AdamW's, on weights of two or more dimensions only (not on biases and norms).
        warmup: share of all steps with a rising learning rate.
        seed: of the initial weights, the order of the samples and the augmentation.
        augmentation: None for none.
    """

    architecture: str
    architecture_args: Mapping[str, Any]
    input: InputContract
    epochs: int = 8
    batch_size: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: float = 0.1
    seed: int = 0
    augmentation: Augmentation | None = field(default_factory=Augmentation)

    def plain(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        plain = {name: getattr(self, name) for name in self.__dataclass_fields__}
        plain["architecture_args"] = dict(self.architecture_args)
        plain["input"] = self.input.model_dump()
        plain["augmentation"] = None if self.augmentation is None else asdict(self.augmentation)
        return plain


@dataclass(frozen=True)
class ClassifierConfig(TrainingConfig):
    """A binary classifier of timm, which must give one logit an image.

    Attributes:
        label_smoothing: labels become ``smoothing`` and ``1 - smoothing``, which keeps scores off 0 and 1.
    """

    label_smoothing: float = 0.02


@dataclass(frozen=True)
class SegmenterConfig(TrainingConfig):
    """A segmenter of segmentation-models-pytorch, which must give one map of logits an image.

    Attributes:
        dice_weight: weight of the Dice loss beside the binary cross-entropy, which weighs 1.
    """

    dice_weight: float = 1.0


Batch: TypeAlias = tuple[Image, NDArray[np.integer[Any]]]
"""Images uint8 [N, H, W] and labels 0/1 [N]."""

MaskBatch: TypeAlias = tuple[Image, NDArray[np.bool_]]
"""Images uint8 [N, H, W] and masks bool [N, H, W]."""


@dataclass(frozen=True)
class Samples:
    """A training set in memory.

    Attributes:
        images: uint8 [N, H, W].
        truth: uint8 of 0 and 1, [N] labels or [N, H, W] masks.
    """

    images: Image
    truth: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def sha256(self) -> str:
        """SHA-256 of all images and their truth, in order."""
        return sha256_bytes(self.images.tobytes() + self.truth.tobytes())


def labelled(batches: Iterable[Batch]) -> Samples:
    """Put (images, labels) pieces together.

    Raises:
        UsageError: no samples, samples of other types or several sizes, or labels other than 0 and 1.
    """
    checked: list[tuple[Image, NDArray[np.uint8]]] = []
    for piece, (pixels, given) in enumerate(batches):
        truth = np.asarray(given)
        if not _are_images(pixels) or truth.shape != pixels.shape[:1]:
            raise UsageError(
                f"Training samples, piece {piece}: images {pixels.dtype} {list(pixels.shape)} with labels "
                f"{list(truth.shape)}; expected uint8 [N, height, width] with labels [N]."
            )
        if not np.isin(truth, (0, 1)).all():
            raise UsageError(
                f"Training samples, piece {piece}: labels other than 0 and 1, expected only these."
            )
        checked.append((pixels, truth.astype(np.uint8)))
    return _together(checked)


def masked(batches: Iterable[MaskBatch]) -> Samples:
    """Put (images, masks) pieces together.

    Raises:
        UsageError: no samples, samples of other types or several sizes, or masks of another size.
    """
    checked: list[tuple[Image, NDArray[np.uint8]]] = []
    for piece, (pixels, masks) in enumerate(batches):
        if not _are_images(pixels) or masks.dtype != np.bool_ or masks.shape != pixels.shape:
            raise UsageError(
                f"Training samples, piece {piece}: images {pixels.dtype} {list(pixels.shape)} with masks "
                f"{masks.dtype} {list(masks.shape)}; expected uint8 and bool, both [N, height, width]."
            )
        checked.append((pixels, masks.astype(np.uint8)))
    return _together(checked)


def _are_images(pixels: NDArray[np.generic]) -> bool:
    return pixels.dtype == np.uint8 and pixels.ndim == 3


def _together(pieces: list[tuple[Image, NDArray[np.uint8]]]) -> Samples:
    if not sum(len(pixels) for pixels, _ in pieces):
        raise UsageError("There are no training samples, expected at least one image.")
    if len({pixels.shape[1:] for pixels, _ in pieces}) != 1:
        raise UsageError("Training samples have images of several sizes, expected one height and width.")
    return Samples(
        np.concatenate([pixels for pixels, _ in pieces]), np.concatenate([truth for _, truth in pieces])
    )
