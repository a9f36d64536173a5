"""The images that a preflight shows to a model, and what is known of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from radbench.models.base import Image
from radbench.runtime import canonical_json, sha256_bytes

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
