"""A training recipe: architecture, input, course of the training, augmentation, and whose films."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from radbench.specs.augmentation import Augment
from radbench.specs.base import Base, Name, Text
from radbench.specs.input_contract import InputContract
from radbench.specs.model import HEAD
from radbench.specs.source import CohortSpec

RecipeName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*(/[a-z0-9][a-z0-9._-]*)*$", max_length=120)]
"""A name of lower-case letters, digits, dot, dash and underscore; a slash stands between folder and name."""

FORMATS: Final = {"classifier": "timm", "segmenter": "smp"}
"""The library of each kind of model, as a model under test names it (``format``)."""
_OWN: Final = {
    "timm": ("in_chans", "num_classes", "pretrained", "pretrained_cfg", "checkpoint_path"),
    "smp": ("in_channels", "classes", "encoder_weights", "activation", HEAD),
}
"""Arguments that the recipe sets itself."""


class HeadSpec(Base):
    """A single classification layer on the segmenter's coarsest feature map, after pooling.

    Attributes:
        pooling: How the map becomes one vector.
        dropout: Share of the vector that is dropped while training.
    """

    pooling: Literal["avg", "max"] = "avg"
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class LossSpec(Base):
    """Weights of what is added up; binary cross-entropy in nats, Dice loss 1 - Dice.

    Attributes:
        label: Cross-entropy of a classifier, or of a segmenter's classification head.
        pixel: Cross-entropy of every pixel of a segmenter.
        dice: Dice loss of every image of a segmenter.
        label_smoothing: Labels become this and 1 minus this.
    """

    label: Annotated[float, Field(ge=0.0)] = 1.0
    pixel: Annotated[float, Field(ge=0.0)] = 1.0
    dice: Annotated[float, Field(ge=0.0)] = 1.0
    label_smoothing: Annotated[float, Field(ge=0.0, lt=0.5)] = 0.0


class RecipeSpec(Base):
    """How a model is trained; ``radbench train classifier|segmenter --recipe NAME``.

    Attributes:
        name: Name with its folder: ``paper/covid-resnet50``. What follows the last slash names the model.
        title: One line for people, of the model.
        description: What the model is meant to show.
        task: A classifier of one finding, or a segmenter of one structure.
        target: The finding or the structure, in the words of the cohorts' labels or masks.
        masks: Masks whose union a segmenter learns; none for the one called as the target.
        architecture: Name in the library: of a classifier timm's, of a segmenter segmentation-models-pytorch's.
        architecture_args: Its arguments, without channels and classes, which follow from ``input`` and the task.
        pretrained: Where the weights start. False: at random. A file (``.safetensors`` or a state dict, relative to the
            recipe): there; of a segmenter it holds the encoder. ``hf-hub:OWNER/NAME``: a classifier's on the Hugging
            Face hub, the only value that downloads anything.
        classification_head: Of a segmenter: a head that says whether the target is there at all.
        input: The input contract; films reach the training and, later, the audit through it.
        batch_size: Films a step; the rest of an epoch that fills no batch is left out, another rest each epoch.
        epochs: Passes over the training films.
        learning_rate: AdamW's, at its peak.
        weight_decay: AdamW's, on weights of two or more dimensions (not on biases and norms).
        schedule: The learning rate stays, or falls to 0 along half a cosine.
        warmup: Share of all steps in which the learning rate rises to its peak.
        loss: Weights of the parts of the loss.
        augment: What is done to a training film and its mask, in this order, drawn anew every epoch.
        monitor: What the best epoch has most of on the validation films: AUROC of the label, or mean Dice. Of epochs
            with the same, the one of the smaller validation loss is kept.
        patience: Ends the training when so many epochs in a row were no better; None: never.
        precision: Arithmetic of the training. ``auto``: on a GPU bfloat16 where it can, else float16; on a CPU float32.
        operating_point: Score from which the model says yes; or ``youden``: where sensitivity + specificity - 1 on the
            validation films is highest at the best epoch of the first run.
        runs: How often it is trained, each run with another seed.
        seed: Seed of the first run; each further run adds one.
        train: The training cohorts.
        val: The cohorts that choose the best epoch; no patient may be in both.
        intended_use: What the declared model says that it is for.
    """

    name: RecipeName
    title: Text
    description: Text = "Not described."
    task: Literal["classifier", "segmenter"]
    target: Name
    masks: list[Name] = Field(default_factory=list)
    architecture: Text
    architecture_args: dict[str, Any] = Field(default_factory=dict)
    pretrained: Literal[False] | Text = False
    classification_head: HeadSpec | None = None
    input: InputContract
    batch_size: Annotated[int, Field(ge=1)]
    epochs: Annotated[int, Field(ge=1)]
    learning_rate: Annotated[float, Field(gt=0.0)]
    weight_decay: Annotated[float, Field(ge=0.0)] = 0.01
    schedule: Literal["constant", "cosine"] = "constant"
    warmup: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    loss: LossSpec = LossSpec()
    augment: list[Augment] = Field(default_factory=list)
    monitor: Literal["auroc", "dice"]
    patience: Annotated[int, Field(ge=1)] | None = None
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    operating_point: Literal["youden"] | Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    runs: Annotated[int, Field(ge=1, le=100)] = 5
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    train: list[CohortSpec] = Field(min_length=1)
    val: list[CohortSpec] = Field(min_length=1)
    intended_use: Text = "Research on the robustness of such models; not a medical device."

    @property
    def model_name(self) -> str:
        """The name of the model that it makes."""
        return self.name.rpartition("/")[2]

    @property
    def format(self) -> str:
        """The format of the model under test that it makes."""
        return FORMATS[self.task]

    @property
    def labels_films(self) -> bool:
        """Whether the model gives a score an image."""
        return self.task == "classifier" or self.classification_head is not None

    @property
    def draws_masks(self) -> bool:
        """Whether the model gives a mask."""
        return self.task == "segmenter"

    @property
    def mask_names(self) -> list[str]:
        """The masks whose union is learnt."""
        return list(self.masks) or [self.target]

    @property
    def model_args(self) -> dict[str, Any]:
        """The architecture's arguments in full, as the declared model names them."""
        if self.task == "classifier":
            return {"in_chans": self.input.channels, "num_classes": 1, **self.architecture_args}
        own: dict[str, Any] = {"in_channels": self.input.channels, "classes": 1}
        if self.classification_head is not None:
            own[HEAD] = {"classes": 1, **self.classification_head.model_dump()}
        return {**own, **self.architecture_args}

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        own = [name for name in _OWN[self.format] if name in self.architecture_args]
        if own:
            raise ValueError(f"architecture_args has '{own[0]}', which the recipe sets by its other fields")
        for field, given in (("masks", self.masks), ("classification_head", self.classification_head)):
            if given and not self.draws_masks:
                raise ValueError(f"{field} is for a segmenter, and this recipe trains a {self.task}")
        answers = [("auroc", self.labels_films), ("dice", self.draws_masks)]
        fitting = [name for name, fits in answers if fits]
        if self.monitor not in fitting:
            raise ValueError(
                f"monitor is '{self.monitor}', expected {' or '.join(fitting)}: this {self.task} gives nothing else"
            )
        if self.operating_point == "youden" and self.task != "classifier":
            raise ValueError("operating_point is 'youden', which is for a classifier; expected a number")
        if self.input.layout != "NCHW" or not self.input.dtype.startswith("float"):
            raise ValueError(
                f"input has layout {self.input.layout} and dtype {self.input.dtype}, expected NCHW and a float type: "
                "the library's networks take nothing else"
            )
        return self

    @model_validator(mode="after")
    def _says_which_split(self) -> Self:
        for field in ("train", "val"):
            for number, part in enumerate(getattr(self, field)):
                if "split" not in part.model_fields_set:
                    raise ValueError(
                        f"{field}[{number}] names no split of '{part.cohort}', expected e.g. 'split: {field}'"
                    )
        return self
