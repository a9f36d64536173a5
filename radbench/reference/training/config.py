"""All that decides a training's weights, apart from the samples."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from radbench.models.training import Augmentation
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
