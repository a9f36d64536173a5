"""The contract between the harness and a model under test: images in, predictions or failures out, and findings."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radbench.errors import RadbenchError
from radbench.specs import ModelSpec

Image: TypeAlias = NDArray[np.uint8] | NDArray[np.uint16]
"""Grayscale, uint8 or uint16 [H, W]: 0 is black, the type's largest value (255 or 65535) is white."""


def is_image(image: NDArray[np.generic]) -> bool:
    """Return whether an array is what a model may be shown: uint8 or uint16 [H, W] with pixels."""
    return image.ndim == 2 and image.dtype in (np.uint8, np.uint16) and image.size > 0


Kind = Literal["probabilities", "labels", "masks"]

Failure = Literal["crash", "timeout", "memory", "output", "refused"]
"""How a model fails: its process died, ran out of time or of memory; it answered what its declaration rules out; or it
is not run at all because it would run code, or breaks its own contract."""


class ModelFailureError(RadbenchError):
    """A model under test could not answer, or answered what its declaration rules out.

    Args:
        message: one sentence.
        kind: how it failed.
    """

    def __init__(self, message: str, *, kind: Failure = "output") -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True)
class Prediction:
    """What a model said about N images.

    Attributes:
        kind: "probabilities" (values float64 [N] in [0, 1], NaN for no answer), "labels" (values int64 [N], 0 or
            1, -1 for no answer, from a model that gives no score) or "masks" (values bool [N, H, W]).
        values: one entry an image, in the order of the images.
    """

    kind: Kind
    values: NDArray[np.generic]

    def decisions(self, operating_point: float) -> NDArray[np.int64]:
        """Return int64 [N], 1 where the score is at least ``operating_point`` (or the label is 1), -1 for no answer.

        Raises:
            ValueError: masks hold no decision.
        """
        if self.kind == "probabilities":
            scores = self.values.astype(np.float64)
            return np.where(np.isnan(scores), -1, (scores >= operating_point).astype(np.int64))
        if self.kind == "labels":
            return self.values.astype(np.int64)
        raise ValueError("A segmentation has masks and no decision.")

    def scores(self) -> NDArray[np.float64] | None:
        """Return float64 [N] in [0, 1] (NaN for no answer), or None for a model that gives no score."""
        return self.values.astype(np.float64) if self.kind == "probabilities" else None


class ModelUnderTest(Protocol):
    """A model behind its declared contract."""

    @property
    def spec(self) -> ModelSpec:
        """What its vendor declared."""
        ...

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides its predictions except the image and the input contract."""
        ...

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return the prediction for uint8 or uint16 [H, W] images; never dependent on how they are grouped."""
        ...


def one_line(said: object, most: int = 500) -> str:
    """Return what was said (of an error: its message) on one line, cut off behind ``most`` characters."""
    return " ".join(str(said).split())[:most]


Level = Literal["ok", "note", "warning", "failure"]
"""How grave: "note" is worth knowing and nothing wrong, "failure" breaks the model's own contract."""


@dataclass(frozen=True)
class Finding:
    """One check of a model against its declaration; the fields are those of ``radbench.harness.evidence.Finding``.

    Attributes:
        check: name of the check, such as "output range" or "inverted film".
        level: how grave it is.
        declared: what the declaration says.
        observed: what was seen.
        meaning: what follows, and how to mend it; "" for ok.
    """

    check: str
    level: Level
    declared: str
    observed: str
    meaning: str = ""
