"""How long a model takes for an image, in words too coarse to differ from one run to the next."""

from time import perf_counter
from typing import Final

from radbench.models.base import ModelUnderTest
from radbench.models.finding import Finding
from radbench.models.preflight.probe import SCREEN, Probe

_STEPS: Final = (
    (0.002, "under 2 ms"),
    (0.01, "under 10 ms"),
    (0.1, "under 0.1 s"),
    (1.0, "under 1 s"),
    (10.0, "under 10 s"),
)


def time_per_image(model: ModelUnderTest, probe: Probe) -> Finding:
    """Time a batch of a model that has answered before; for the terminal, never for a result's bytes.

    Raises:
        ModelFailureError: the model fails.
    """
    images = probe.images[:SCREEN]
    start = perf_counter()
    model.predict(images)
    return Finding("time", "note", "nothing", spoken((perf_counter() - start) / len(images)))


def spoken(seconds: float) -> str:
    """Return seconds an image in coarse words."""
    words = next((words for limit, words in _STEPS if seconds < limit), "over 10 s")
    return f"{words} an image"
