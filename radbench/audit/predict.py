"""Showing every arm to every model, an image read once for all of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from radbench.audit.arms import ArmImages
from radbench.audit.result import Arm
from radbench.errors import UsageError
from radbench.models.base import ModelUnderTest, Prediction

CHUNK: Final = 256
"""Images held in memory at a time."""


@dataclass(frozen=True)
class Seen:
    """One arm after one model has seen it.

    Attributes:
        images: the arm.
        decisions: int64 [N], at the model's locked operating point.
        scores: float64 [N] in [0, 1], or None for a model that gives labels only.
    """

    images: ArmImages
    decisions: NDArray[np.int64]
    scores: NDArray[np.float64] | None


@dataclass(frozen=True)
class Outcome:
    """What became of one model: every arm seen, or why not."""

    seen: Mapping[Arm, Seen]
    error: str | None = None


def show(models: Sequence[ModelUnderTest], arms: Mapping[Arm, ArmImages]) -> list[Outcome]:
    """Return one outcome a model, in order.

    A model that raises is an outcome with an error, and the others go on.

    Raises:
        UsageError: bad input, e.g. weights that do not fit their architecture.
    """
    parts: list[dict[Arm, list[Prediction]]] = [{arm: [] for arm in arms} for _ in models]
    errors: list[str | None] = [None] * len(models)
    for arm, images in arms.items():
        for start in range(0, len(images), CHUNK):
            pixels = [images.load(index) for index in range(start, min(start + CHUNK, len(images)))]
            for index, model in enumerate(models):
                if errors[index] is None:
                    try:
                        parts[index][arm].append(model.predict(pixels))
                    except UsageError:
                        raise
                    except Exception as error:  # noqa: BLE001 - a vendor's model may raise anything
                        errors[index] = f"{type(error).__name__}: {error}"
    return [
        Outcome({}, error) if error else Outcome({arm: _join(model, arms[arm], part[arm]) for arm in arms})
        for model, part, error in zip(models, parts, errors, strict=True)
    ]


def _join(model: ModelUnderTest, images: ArmImages, parts: Sequence[Prediction]) -> Seen:
    point = model.spec.operating_point
    decisions = [part.decisions(point) for part in parts]
    scores = [part.scores() for part in parts]
    given = [score for score in scores if score is not None]
    return Seen(
        images,
        np.concatenate(decisions) if decisions else np.zeros(0, np.int64),
        np.concatenate(given) if len(given) == len(parts) and given else None,
    )
