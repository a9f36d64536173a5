"""A model under test as its vendor declares it: format, weights, input contract, operating point."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from radbench.specs.base import Base, Name, Text


class InputContract(Base):
    """What the model expects of an image.

    Attributes:
        channels: Channels of the input; a grayscale image is repeated.
        spatial_shape: Height and width in pixels.
        value_range: Lowest and highest value before standardisation; uint8 0 and 255 are mapped to them.
        mean: Mean subtracted from each channel, in units of ``value_range``.
        std: Standard deviation that each channel is divided by, in units of ``value_range``.
    """

    channels: int = Field(default=1, ge=1, le=4)
    spatial_shape: Annotated[list[Annotated[int, Field(ge=8, le=8192)]], Field(min_length=2, max_length=2)]
    value_range: Annotated[list[float], Field(min_length=2, max_length=2)] = Field(
        default_factory=lambda: [0.0, 1.0]
    )
    mean: list[float] = Field(default_factory=lambda: [0.0])
    std: list[Annotated[float, Field(gt=0.0)]] = Field(default_factory=lambda: [1.0])

    @model_validator(mode="after")
    def _coherent(self) -> Self:
        low, high = self.value_range
        if low >= high:
            raise ValueError(f"value_range is [{low}, {high}], expected the lower value first")
        for field, values in (("mean", self.mean), ("std", self.std)):
            if len(values) != self.channels:
                raise ValueError(
                    f"{field} has length {len(values)}, expected one value for each of the channels "
                    f"({self.channels})"
                )
        return self


Weights = Annotated[str, Field(pattern=r"\.safetensors$")]
"""A weights file, relative to the YAML file that names it."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in 64 lower-case hexadecimal digits."""

TASKS: Final[dict[str, str]] = {"timm": "binary", "smp": "segmentation"}
"""What a model of each format answers."""


class Checkpoint(Base):
    """The weights of another run of the same training.

    Attributes:
        weights: The ``.safetensors`` file, relative to the YAML file.
        sha256: SHA-256 of that file, in hexadecimal; anything else is refused.
    """

    weights: Weights
    sha256: Sha256


class ModelSpec(Base):
    """A model under test.

    Attributes:
        name: Name of the model.
        title: One line for people.
        description: What it is and what it was trained on.
        format: How the weights are read: a classifier of timm, or a segmenter of segmentation-models-pytorch.
        architecture: Name of the architecture in that format's library.
        architecture_args: Arguments of the architecture.
        weights: The ``.safetensors`` file, relative to the YAML file.
        sha256: SHA-256 of the weights file, in hexadecimal; anything else is refused.
        checkpoints: Further runs of the same training beside the main weights. The paper trains every model five
            times and prints mean and standard deviation; one vendor model needs none.
        task: What the model answers.
        target: The label that it predicts, or the mask that it draws.
        input: The input contract.
        output: Whether the network gives logits or probabilities.
        operating_point: Probability from which the model says yes (of a segmenter: from which a pixel is inside).
        operating_point_source: Whether that point was fixed before the audit.
        intended_use: What the vendor says that the model is for.
        training: The command that trains it again, or where that is described.
    """

    name: Name
    title: Text
    description: Text
    format: Literal["timm", "smp"]
    architecture: Text
    architecture_args: dict[str, Any] = Field(default_factory=dict)
    weights: Weights
    sha256: Sha256
    checkpoints: list[Checkpoint] = Field(default_factory=list)
    task: Literal["binary", "segmentation"] = "binary"
    target: Name
    input: InputContract
    output: Literal["logits", "probabilities"] = "logits"
    operating_point: float = Field(default=0.5, ge=0.0, le=1.0)
    operating_point_source: Literal["pre-specified", "exploratory"] = "pre-specified"
    intended_use: Text
    training: Text

    @property
    def weights_path(self) -> Path:
        """The weights file, resolved beside the YAML file."""
        return self.resolve(self.weights)

    def at(self, checkpoint: Checkpoint) -> Self:
        """Return the same declaration with the weights of ``checkpoint``, and with no further runs."""
        changes = {"weights": checkpoint.weights, "sha256": checkpoint.sha256, "checkpoints": []}
        return self.model_copy(update=changes)

    @model_validator(mode="after")
    def _answers_its_task(self) -> Self:
        expected = TASKS[self.format]
        if self.task != expected:
            raise ValueError(
                f"task is '{self.task}', expected '{expected}', which is what models of format "
                f"'{self.format}' answer"
            )
        return self

    @model_validator(mode="after")
    def _distinct_runs(self) -> Self:
        seen = {self.sha256: "weights"}
        for index, checkpoint in enumerate(self.checkpoints):
            place = f"checkpoints[{index}]"
            if checkpoint.sha256 in seen:
                raise ValueError(
                    f"{place} has the SHA-256 of {seen[checkpoint.sha256]}, expected another run's weights"
                )
            seen[checkpoint.sha256] = place
        return self
