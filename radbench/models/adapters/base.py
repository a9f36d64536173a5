"""The contract of an adapter: verify the vendor's files, say what decides a prediction, answer images.

An adapter is made in the process that runs the model, which is usually a process of its own (``isolation``). Making
one reads and verifies files and runs nothing of the vendor's; ``prepare`` loads the model; ``predict`` asks it.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.base import Image, ModelFailureError, Prediction
from radbench.models.decode import classes_of, decode
from radbench.models.preprocess import to_batch
from radbench.models.source import source_sha256
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch

ROWS: Final = 16
"""Rows of every forward pass; short batches are padded, so that no prediction depends on its neighbours."""


class Adapter(ABC):
    """A model of one format behind its declaration.

    Args:
        spec: the vendor's declaration, narrowed to one task (``ModelSpec.answering``).
        device: "auto", "cpu", "cuda" or a torch device; formats that run elsewhere ignore it.
        trust: whether the vendor's own code may run (``--trust-model-code``).

    Raises:
        UsageError: a file that is missing, is another one than declared, or would run code when it is read.
    """

    format: ClassVar[str]
    version: ClassVar[int] = 1
    """Part of every model's digest; raised when the same files would give other answers."""

    def __init__(self, spec: ModelSpec, device: "torch.device | str" = "cpu", *, trust: bool = False) -> None:
        self.spec = spec
        self.device = device
        self.trust = trust
        self.found: list[str] = []
        self.sha256 = self.verify()
        self.delivered = sha256_bytes(canonical_json(self.decisive()))
        """SHA-256 of ``decisive``, which the model's process finds again before it is asked anything."""

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides an answer except the image and the input contract."""
        return self.delivered

    def asked_anew(self) -> str:
        """Return why no answer of this model may be remembered, in words; "" where its digest says all it reads."""
        return ""

    def verify(self) -> str:
        """Return the SHA-256 of what the vendor delivered, checked against the declared one; runs nothing of it."""
        return source_sha256(self.spec)

    def decisive(self) -> list[Any]:
        """Return all that decides an answer except the image and the input contract, as JSON values."""
        spec = self.spec
        segments = spec.task == "segmentation"
        return [
            self.format,
            self.version,
            self.sha256,
            spec.architecture,
            spec.architecture_args,
            spec.task,
            classes_of(spec),
            spec.wanted,
            spec.output,
            spec.output_names.model_dump(),
            spec.indeterminate,
            spec.operating_point if segments else None,
        ]

    def class_names(self) -> list[str] | None:
        """Return the names of the classes that the files themselves hold, or None where they hold none."""
        return None

    def readings(self) -> list[str]:
        """Return, in sentences, what the declaration leaves open and was read from the files; whole once loaded."""
        return list(self.found)

    def prepare(self) -> None:
        """Load the model; called once before the first ``predict``, and may be called again.

        Raises:
            UsageError: files that do not fit the declaration, or a package that is not installed.
            ModelFailureError: the model cannot be loaded.
        """
        return

    @abstractmethod
    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return the prediction for uint8 [H, W] images; never dependent on how they are grouped.

        Raises:
            UsageError: images of another type, or (for masks) of several sizes in one call.
            ModelFailureError: the model fails, or answers what its declaration rules out.
        """

    def close(self) -> None:
        """Let go of what the model holds."""
        return


class TensorAdapter(Adapter):
    """A model that takes one batch of numbers and gives arrays; subclasses say how (``forward``)."""

    rows: int = ROWS
    """Rows of every forward pass; a model of a fixed batch size has its own."""

    @abstractmethod
    def forward(self, rows: NDArray[np.generic]) -> Mapping[str, NDArray[np.generic]]:
        """Return every output of the model by its name.

        Args:
            rows: [rows, C, H, W] (or [rows, H, W, C]) in the contract's dtype, layout and value range.

        Raises:
            ModelFailureError: the model fails.
        """

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return the prediction for uint8 [H, W] images; see ``Adapter.predict``."""
        self.prepare()
        if self.spec.task == "segmentation":
            refuse_sizes(self.spec, images)
        parts = [self._some(images[start : start + self.rows]) for start in range(0, len(images), self.rows)]
        return joined(parts, self.spec)

    def _some(self, images: Sequence[Image]) -> Prediction:
        outputs = self.forward(to_batch(images, self.spec.input, rows=self.rows))
        first = {name: np.asarray(values) for name, values in outputs.items()}
        for name, values in first.items():
            if values.ndim == 0 or len(values) != self.rows:
                raise ModelFailureError(
                    f"Model '{self.spec.name}' gave an output '{name}' of shape {list(values.shape)} for "
                    f"{self.rows} images, expected one entry an image."
                )
        some = {name: values[: len(images)] for name, values in first.items()}
        return decode(self.spec, some, [image.shape for image in images])


def refuse_sizes(spec: ModelSpec, images: Sequence[Image]) -> None:
    """Refuse images of several sizes in one call.

    Raises:
        UsageError: there are some.
    """
    sizes = sorted({image.shape for image in images})
    if len(sizes) > 1:
        raise UsageError(
            f"Model '{spec.name}' was given images of {len(sizes)} sizes ({sizes[0]} and {sizes[1]} "
            "among them), expected one size in a call."
        )


def joined(parts: Sequence[Prediction], spec: ModelSpec) -> Prediction:
    """Join predictions of one model in order; the empty prediction of the right kind for none."""
    if not parts:
        if spec.task == "segmentation":
            return Prediction("masks", np.zeros((0, 0, 0), np.bool_))
        if spec.output == "labels":
            return Prediction("labels", np.zeros(0, np.int64))
        return Prediction("probabilities", np.zeros(0))
    return Prediction(parts[0].kind, np.concatenate([part.values for part in parts]))
