"""A model under test as its vendor declares it: format, file, input contract, meaning of its output, claims."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, model_validator

from radbench.specs.base import Base, Name, Text, repeated
from radbench.specs.input_contract import InputContract

Weights = Annotated[str, Field(pattern=r"\.(safetensors|pt|pth|bin|ckpt)$")]
"""A weights file, relative to the YAML file that names it: safetensors, or a state dict that ``torch.save`` wrote."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
"""A SHA-256 in 64 lower-case hexadecimal digits."""

ModelTask = Literal["binary", "multilabel", "multiclass", "segmentation", "both"]
CLASSIFIES: Final = ("binary", "multilabel", "multiclass")
"""The tasks that answer a classification."""

SOURCES: Final[dict[str, tuple[str, ...]]] = {
    "timm": ("weights",),
    "smp": ("weights", "path"),
    "onnx": ("path",),
    "torchscript": ("path",),
    "pt2": ("path",),
    "monai": ("path",),
    "huggingface": ("path",),
    "torchxrayvision": ("path",),
    "openinference": ("endpoint",),
    "program": ("command",),
    "table": ("path",),
}
"""Which fields say where a model of each built-in format comes from; exactly one of them is given."""

_SOURCE_FIELDS: Final = ("weights", "path", "endpoint", "command")
_SMP: Final = "smp"
HEAD: Final = "aux_params"
"""The argument of segmentation_models_pytorch that gives a segmenter a classification head at its lowest resolution."""


class Checkpoint(Base):
    """The weights of another run of the same training.

    Attributes:
        weights: The weights file, relative to the YAML file.
        sha256: SHA-256 of that file, in hexadecimal; anything else is refused. None: not pinned.
    """

    weights: Weights
    sha256: Sha256 | None = None


class OutputNames(Base):
    """Which output a model of several outputs gives each answer by; None: the only one, or the first.

    Attributes:
        classification: Name of the tensor (or key, or column) with the scores or labels.
        segmentation: Name of the tensor (or key) with the maps.
    """

    classification: Text | None = None
    segmentation: Text | None = None


class Claim(Base):
    """What the vendor says of the model's performance.

    Attributes:
        metric: Name of the metric, as in a shift's ``metrics``.
        value: The claimed value.
        low: Lower limit of the claimed 95 % interval.
        high: Upper limit.
        population: On whom it was measured, in the vendor's words.
    """

    metric: Name
    value: float
    low: float | None = None
    high: float | None = None
    population: Text = "not stated"

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        low, high = self.low, self.high
        if (low is not None and low > self.value) or (high is not None and high < self.value):
            raise ValueError(f"the interval {low} to {high} does not hold the value {self.value}")
        return self


class Limits(Base):
    """What the process that runs the model may use; beyond it the model is stopped and that is recorded.

    Attributes:
        start_seconds: Until the model is loaded.
        batch_seconds: For one batch of images.
        memory_gib: Memory of its process, in GiB.
    """

    start_seconds: float = Field(default=180.0, gt=0.0)
    batch_seconds: float = Field(default=120.0, gt=0.0)
    memory_gib: float = Field(default=8.0, gt=0.0)


class ModelSpec(Base):
    """A model under test.

    Attributes:
        name: Name of the model.
        title: One line for people.
        description: What it is and what it was trained on.
        format: How it is delivered: a built-in format (see ``SOURCES``) or one that another package registers.
        weights: A weights file for a declared ``architecture``, relative to the YAML file: ``.safetensors``, or a
            state dict (``.pt``, ``.pth``, ``.bin``, ``.ckpt``), which is read as tensors only.
        cache_root: Folder that links in the model's folder may lead into (of DVC or git-annex), relative to the YAML
            file; the blobs of a Hugging Face cache need none.
        path: A self-contained model file or folder, or a table of predictions, relative to the YAML file.
        endpoint: Address of an inference server, such as ``http://127.0.0.1:8000``.
        endpoint_model: Name of the model on that server (default: ``name``), ``endpoint_version`` its version.
        command: A program and its arguments; ``{input}`` and ``{output}`` stand for the folder of images that it
            reads and the table that it writes.
        sha256: SHA-256 of the weights, file or folder; anything else is refused. None: not pinned, and the report
            says so. Of a folder: of the canonical JSON that maps relative file names to the files' SHA-256.
        architecture: Name of the architecture in the format's library ("" where the file says it itself).
        architecture_args: Arguments of the architecture.
        checkpoints: Further runs of the same training beside the main weights. The paper trains every model five
            times and prints mean and standard deviation; one vendor model needs none.
        task: What the model answers. Multi-label: one independent score a class; multi-class: one class of all.
        classes: Names of the classes in the order of the output. Empty: one score, for the target (of a Hugging Face
            folder: the names in its ``id2label``).
        mask_classes: Names of the maps in the order of the output, of a segmentation. Empty: likewise.
        target: The finding that it is asked for, or the mask that it draws, in the words of the shift.
        target_class: The vendor's name for the target in ``classes`` (or ``mask_classes``) if it is another.
        input: The input contract.
        output: Logits; probabilities; scores calibrated so that the operating point lies where the vendor put it
            (an order and no probability); or labels only.
        output_names: Which outputs to read of a model that has several.
        indeterminate: Answers that stand for "cannot say", e.g. ``["", "reject"]``; NaN always does.
        operating_point: Score from which the model says yes (of a segmenter: from which a pixel is inside).
        operating_point_source: Whether that point was fixed before the audit.
        claims: What the vendor claims.
        limits: Time and memory of its process.
        intended_use: What the vendor says that the model is for.
        training: The command that trains it again, or where that is described.
    """

    name: Name
    title: Text
    description: Text = "Not described."
    format: Name
    weights: Weights | None = None
    path: Text | None = None
    cache_root: Text | None = None
    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    endpoint_model: Text | None = None
    endpoint_version: Text | None = None
    command: Annotated[list[Text], Field(min_length=1)] | None = None
    sha256: Sha256 | None = None
    architecture: str = ""
    architecture_args: dict[str, Any] = Field(default_factory=dict)
    checkpoints: list[Checkpoint] = Field(default_factory=list)
    task: ModelTask = "binary"
    classes: list[Text] = Field(default_factory=list)
    mask_classes: list[Text] = Field(default_factory=list)
    target: Name
    target_class: Text | None = None
    input: InputContract
    output: Literal["logits", "probabilities", "calibrated", "labels"] = "logits"
    output_names: OutputNames = OutputNames()
    indeterminate: list[str | int] = Field(default_factory=list)
    operating_point: float = Field(default=0.5, ge=0.0, le=1.0)
    operating_point_source: Literal["pre-specified", "exploratory"] = "pre-specified"
    claims: list[Claim] = Field(default_factory=list)
    limits: Limits = Limits()
    intended_use: Text = "Not stated by the vendor."
    training: Text = "Not described."

    @property
    def weights_path(self) -> Path:
        """The weights file, resolved beside the YAML file."""
        if self.weights is None:
            raise ValueError(f"model '{self.name}' names no weights file")
        return self.resolve(self.weights)

    @property
    def source_path(self) -> Path:
        """The weights, model file, folder or table, resolved beside the YAML file."""
        found = self.weights or self.path
        if found is None:
            raise ValueError(f"model '{self.name}' names no file")
        return self.resolve(found)

    @property
    def wanted(self) -> str:
        """The vendor's name of the target."""
        return self.target_class or self.target

    def answers(self, task: str) -> bool:
        """Whether the model answers a shift of ``task`` ("classification" or "segmentation")."""
        return self.task == "both" or (self.task == "segmentation") == (task == "segmentation")

    def answering(self, task: str) -> Self:
        """Return the declaration narrowed to a shift's task: a model that answers both is asked for one."""
        if self.task != "both":
            return self
        one = "binary" if len(self.classes) < 2 else "multilabel"
        return self.model_copy(update={"task": "segmentation" if task == "segmentation" else one})

    def at(self, checkpoint: Checkpoint) -> Self:
        """Return the same declaration with the weights of ``checkpoint``, and with no further runs."""
        return self.model_copy(
            update={"weights": checkpoint.weights, "sha256": checkpoint.sha256, "checkpoints": []}
        )

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        allowed = SOURCES.get(self.format, _SOURCE_FIELDS)
        given = [field for field in _SOURCE_FIELDS if getattr(self, field) is not None]
        if len(given) != 1 or given[0] not in allowed:
            found = " and ".join(f"'{field}'" for field in given) or "none"
            expected = " or ".join(f"'{field}'" for field in allowed)
            raise ValueError(
                f"a model of format '{self.format}' is named by {expected}, found {found}, expected one of them"
            )
        if given[0] == "weights" and not self.architecture:
            raise ValueError("weights need the 'architecture' that they belong to, found none")
        return self

    @model_validator(mode="after")
    def _answers_its_task(self) -> Self:
        headed = self.path is not None or bool(self.architecture_args.get(HEAD))
        if self.format == _SMP and self.task != "segmentation" and not headed:
            raise ValueError(
                f"task is '{self.task}', expected 'segmentation', which is what models of format '{_SMP}' answer "
                f"without a classification head ('{HEAD}' in architecture_args)"
            )
        return self

    @model_validator(mode="after")
    def _knows_its_target(self) -> Self:
        for field, names in (("classes", self.classes), ("mask_classes", self.mask_classes)):
            twice = repeated(names)
            if twice is not None:
                raise ValueError(f"{field} names '{twice}' twice, expected each name once")
        reads_classes = self.format == "huggingface"
        if self.task in {"multilabel", "multiclass"} and not self.classes and not reads_classes:
            raise ValueError(
                f"a {self.task} model needs its 'classes' in the order of its output, found none"
            )
        asked = [("classes", self.classes)] if self.task != "segmentation" else []
        if self.task in {"segmentation", "both"}:
            asked.append(("mask_classes", self.mask_classes))
        for field, names in asked:
            if names and self.wanted not in names:
                raise ValueError(
                    f"{field} are {', '.join(names)} and lack '{self.wanted}', expected the target among them "
                    "(say the vendor's name for it in 'target_class')"
                )
        return self

    @model_validator(mode="after")
    def _distinct_runs(self) -> Self:
        seen = {self.sha256: "weights"}
        files = {self.weights: "weights"}
        for index, checkpoint in enumerate(self.checkpoints):
            place = f"checkpoints[{index}]"
            if checkpoint.sha256 is not None and checkpoint.sha256 in seen:
                raise ValueError(
                    f"{place} has the SHA-256 of {seen[checkpoint.sha256]}, expected another run's weights"
                )
            if checkpoint.sha256 is None and checkpoint.weights in files:
                raise ValueError(
                    f"{place} names the file of {files[checkpoint.weights]}, expected another run's weights"
                )
            seen[checkpoint.sha256] = files[checkpoint.weights] = place
        return self
