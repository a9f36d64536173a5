"""What a preflight shows to a model, and asking it under its own declaration and under others in few forward passes."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radbench.models.adapters.base import ROWS, joined
from radbench.models.base import Image, ModelFailureError, ModelUnderTest, Prediction
from radbench.models.decode import decode
from radbench.models.preprocess import to_batch
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs import InputContract, ModelSpec

Batch: TypeAlias = NDArray[np.generic]
"""A batch as the model takes it: [rows, C, H, W] or [rows, H, W, C]."""

Outputs: TypeAlias = Mapping[str, NDArray[np.generic]]
"""Every output of a model by its name, [N, ...] each."""

SCREEN: Final = 16
"""Images that every alternative is tried on first; the rest only where it looks better."""

LEAST: Final = 6
"""Images of each class, or masks, below which no alternative is judged."""


@dataclass(frozen=True)
class Probe:
    """Images with what is known of them, in an order in which both classes alternate.

    Attributes:
        images: uint8 or uint16 [H, W], of any sizes; of one size for a segmentation.
        labels: int64 [N], 0 or 1 for the model's target; None where it is not known.
        masks: bool [N, H, W] of the model's target; None where they are not known.
    """

    images: Sequence[Image]
    labels: NDArray[np.int64] | None = None
    masks: NDArray[np.bool_] | None = None

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        return sha256_bytes(
            canonical_json([_digest(part) for part in (*self.images, self.labels, self.masks)])
        )

    @property
    def sizes(self) -> list[tuple[int, int]]:
        """Height and width of the images in pixels, each once, the smallest first."""
        return sorted({(image.shape[0], image.shape[1]) for image in self.images})

    @property
    def labelled(self) -> bool:
        """Whether there are images enough of both classes to judge scores by."""
        if self.labels is None:
            return False
        positives = int(self.labels.sum())
        return min(positives, len(self.labels) - positives) >= LEAST

    @property
    def outlined(self) -> bool:
        """Whether there are masks enough to judge masks by."""
        return self.masks is not None and int(self.masks.any(axis=(1, 2)).sum()) >= LEAST


@dataclass(frozen=True)
class ProbePlan:
    """A probe that is drawn only where it is needed.

    Attributes:
        digest: SHA-256 of all that decides it: the cohort and the studies.
        draw: makes it.
    """

    digest: str
    draw: Callable[[], Probe]


def _digest(part: NDArray[np.generic] | None) -> list[object]:
    if part is None:
        return []
    return [str(part.dtype), list(part.shape), sha256_bytes(np.ascontiguousarray(part).tobytes())]


@dataclass(frozen=True)
class Session:
    """A model, what it is shown, and what it said to that as it is declared.

    Attributes:
        model: the model; loaded.
        probe: the images.
        outputs: what it gave for all of them, empty for a model that takes no tensors.
        base: what that means by the declaration.
        rows: rows of a batch that it takes, 0 for a model that takes no tensors.
    """

    model: ModelUnderTest
    probe: Probe
    outputs: Outputs
    base: Prediction
    rows: int = 0

    @property
    def spec(self) -> ModelSpec:
        """The declaration."""
        return self.model.spec

    @property
    def screen(self) -> int:
        """How many of the images everything is tried on first."""
        return min(SCREEN, len(self.probe.images))


def rows_of(model: ModelUnderTest, image: Image) -> int:
    """Return how many rows a loaded model takes at once; 0: no tensors, or no number that is known."""
    if not getattr(model, "takes_tensors", hasattr(model, "forward")):
        return 0
    stated = getattr(model, "rows", 0)
    if isinstance(stated, int) and stated > 0:
        return stated
    for rows in (ROWS, 1):
        with suppress(ModelFailureError):
            forward(model, to_batch([image], model.spec.input, rows))
            return rows
    return 0


def forward(model: ModelUnderTest, batch: Batch) -> Outputs:
    """Return a model's outputs for one batch, as they are.

    Raises:
        ModelFailureError: the model fails.
    """
    asked: Any = model
    return {name: np.asarray(values) for name, values in asked.forward(batch).items()}


def outputs_of(
    model: ModelUnderTest,
    images: Sequence[Image],
    contract: InputContract,
    rows: int,
    change: Callable[[Batch], Batch] | None = None,
) -> Outputs:
    """Return a model's outputs for images prepared by ``contract`` and then changed by ``change``.

    Raises:
        ModelFailureError: the model fails, or gives another number of entries than rows.
    """
    parts: list[Outputs] = []
    for start in range(0, len(images), rows):
        some = images[start : start + rows]
        batch = to_batch(some, contract, rows)
        found = forward(model, change(batch) if change else batch)
        parts.append({name: values[: len(some)] if values.ndim else values for name, values in found.items()})
    first = parts[0] if parts else {}
    return {
        name: np.concatenate([part[name] for part in parts]) if values.ndim else values
        for name, values in first.items()
    }


def apart(first: Prediction, second: Prediction) -> NDArray[np.float64]:
    """Return how far each answer is from the other's, in 0 to 1: [N] of scores or labels, [N, H, W] of masks.

    Of scores it is the absolute difference (1 where only one of both is an answer), else 1 where they differ.
    """
    if first.kind != "probabilities":
        return np.asarray(first.values != second.values, np.float64)
    one, two = first.values.astype(np.float64), second.values.astype(np.float64)
    return np.where(np.isnan(one) != np.isnan(two), 1.0, np.nan_to_num(np.abs(one - two)))


def sliced(prediction: Prediction, start: int, stop: int) -> Prediction:
    """Return the prediction of some of the images."""
    return Prediction(prediction.kind, prediction.values[start:stop])


def answer(session: Session, images: Sequence[Image], **changes: Any) -> Prediction:
    """Return what the model says to images under its input contract with fields changed.

    Args:
        session: the model.
        images: what it is shown.
        changes: fields of ``InputContract``; and ``change``, which is applied to every batch.

    Raises:
        ModelFailureError: the model fails, or answers what its declaration rules out.
    """
    change = changes.pop("change", None)
    contract = session.spec.input.model_copy(update=changes)
    spec = session.spec.model_copy(update={"input": contract})
    outputs = outputs_of(session.model, images, contract, session.rows, change)
    return decode(spec, outputs, [image.shape for image in images])


def decoded(spec: ModelSpec, outputs: Outputs, images: Sequence[Image]) -> Prediction:
    """Return what outputs mean by ``spec``; see ``decode``."""
    return decode(spec, outputs, [image.shape for image in images]) if images else joined([], spec)
