"""Showing every arm to every model, an image read once for all of them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radbench.data.cohort import Pixels
from radbench.errors import UsageError
from radbench.harness.arms import ArmImages, Shown
from radbench.models.base import Failure, ModelFailureError, ModelUnderTest, Prediction

CHUNK: Final = 256
"""Images held in memory at a time, at most."""

CHUNK_BYTES: Final = 1 << 28
"""Bytes of the images held in memory at a time, beyond the first."""

Floats: TypeAlias = NDArray[np.float64]
_OPTIONAL: Final = ("decisions", "scores", "empty", "missed")
"""What ``Seen`` may have of every image."""


@dataclass(frozen=True)
class Seen:
    """One arm after one model has seen it.

    Attributes:
        images: the arm.
        values: float64 [N], each image's part in the primary metric: 1 right or 0 wrong, or its Dice.
        decisions: int64 [N], at the model's locked operating point, -1 for no answer; None for a segmentation.
        scores: float64 [N] in [0, 1], NaN for no answer; None for a segmentation, or a model that gives labels only.
        figures: for a segmentation, metric -> float64 [N], NaN where it is undefined.
        empty: for a segmentation, bool [N], whether the model marked nothing.
        missed: for a segmentation, bool [N], whether it marked nothing where there was something, or the reverse.
        originals: of the real arm: the unedited films of edited studies, where these are not of the real set.
        probable: whether the scores are meant as probabilities.
    """

    images: ArmImages
    values: Floats
    decisions: NDArray[np.int64] | None = None
    scores: Floats | None = None
    figures: Mapping[str, Floats] = field(default_factory=dict)
    empty: NDArray[np.bool_] | None = None
    probable: bool = False
    missed: NDArray[np.bool_] | None = None
    originals: "Seen | None" = None

    @property
    def decided(self) -> NDArray[np.int64]:
        """The decisions of a classification, int64 [N]."""
        if self.decisions is None:
            raise ValueError("A segmentation has masks and no decisions.")
        return self.decisions

    def take(self, numbers: NDArray[np.int64]) -> "Seen":
        """Return only the images numbered ``numbers``, in that order."""
        optional: dict[str, Any] = {
            name: None if (own := getattr(self, name)) is None else own[numbers] for name in _OPTIONAL
        }
        return replace(
            self,
            images=self.images.take(numbers.tolist()),
            values=self.values[numbers],
            figures={name: values[numbers] for name, values in self.figures.items()},
            **optional,
        )


Read: TypeAlias = Callable[[ModelUnderTest, ArmImages, Prediction], Seen]
"""Turns what a model said about some images into what an audit measures."""


@dataclass(frozen=True)
class Outcome:
    """What became of one model: every arm seen, or why not (and what kind of failure that is)."""

    seen: Mapping[Shown, Seen]
    error: str | None = None
    failure: Failure | None = None


def show(models: Sequence[ModelUnderTest], arms: Mapping[Shown, ArmImages], read: Read) -> list[Outcome]:
    """Return one outcome a model, in order.

    A model that raises is an outcome with an error, and the others go on.

    Raises:
        UsageError: bad input, e.g. weights that do not fit their architecture.
    """
    parts: list[dict[Shown, list[Seen]]] = [{arm: [] for arm in arms} for _ in models]
    places: dict[Shown, list[int]] = {arm: [] for arm in arms}
    failed: list[Outcome | None] = [None] * len(models)
    for arm, images in arms.items():
        for numbers, pixels in _chunks(images):
            some = images.take(numbers)
            places[arm] += numbers
            for index, model in enumerate(models):
                if failed[index] is None:
                    try:
                        parts[index][arm].append(read(model, some, model.predict(pixels)))
                    except UsageError:
                        raise
                    except Exception as error:  # noqa: BLE001 - a vendor's model may raise anything
                        failed[index] = (
                            Outcome({}, str(error), error.kind)
                            if isinstance(error, ModelFailureError)
                            else Outcome({}, f"{type(error).__name__}: {error}", "crash")
                        )
    return [
        outcome or Outcome(_with_originals({arm: _join(arms[arm], part[arm], places[arm]) for arm in arms}))
        for part, outcome in zip(parts, failed, strict=True)
    ]


def _with_originals(seen: dict[Shown, Seen]) -> dict[Shown, Seen]:
    """Put the originals of edited studies to the real arm, whose partners they are."""
    originals = seen.pop("original", None)
    return seen if originals is None else seen | {"real": replace(seen["real"], originals=originals)}


def _chunks(images: ArmImages) -> Iterator[tuple[list[int], list[Pixels]]]:
    """Yield an arm's images with their numbers, as many as memory allows; of a segmentation, of one size each."""
    held: dict[tuple[int, ...], tuple[list[int], list[Pixels]]] = {}
    count = size = 0
    for number in range(len(images)):
        pixels = images.load(number)
        numbers, some = held.setdefault(() if images.mask is None else pixels.shape, ([], []))
        numbers.append(number)
        some.append(pixels)
        count, size = count + 1, size + pixels.nbytes
        if count >= CHUNK or size >= CHUNK_BYTES:
            yield from held.values()
            held, count, size = {}, 0, 0
    yield from held.values()


def _join(images: ArmImages, parts: Sequence[Seen], places: Sequence[int]) -> Seen:
    """Join the parts of an arm, whose images are numbered ``places``, into the arm's own order."""
    names = parts[0].figures if parts else {}
    optional: dict[str, Any] = {name: _all([getattr(part, name) for part in parts]) for name in _OPTIONAL}
    joined = Seen(
        images.take(places),
        np.concatenate([np.zeros(0), *(part.values for part in parts)]),
        figures={name: np.concatenate([part.figures[name] for part in parts]) for name in names},
        probable=any(part.probable for part in parts),
        **optional,
    )
    return replace(joined.take(np.argsort(np.asarray(places, np.int64), kind="stable")), images=images)


def _all(parts: Sequence[NDArray[Any] | None]) -> NDArray[Any] | None:
    """Join the parts; None where one is missing, or there is none."""
    given = [part for part in parts if part is not None]
    return np.concatenate(given) if given and len(given) == len(parts) else None
