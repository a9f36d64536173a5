"""Checks of how a model behaves: the same answer twice, alone and in company; to an image with NaN; and how fast.

The time is told in words too coarse to differ from one run to the next.
"""

from collections.abc import Iterator
from time import perf_counter
from typing import Final

import numpy as np

from radbench.models.base import Finding, Level, ModelFailureError, ModelUnderTest, Prediction
from radbench.models.decode import of_wanted_output
from radbench.models.preflight.session import SCREEN, Probe, Session, apart, forward, sliced
from radbench.models.preprocess import to_batch

TOLERANCE: Final = 1e-4
"""Difference of a score, or share of a mask's pixels, up to which two answers are the same."""

_GRAVE: Final = 0.01
_ALONE: Final = (1, 6)
_CHECK = "NaN input"
_STATED = "no answer, or an error"

_STEPS: Final = (
    (0.002, "under 2 ms"),
    (0.01, "under 10 ms"),
    (0.1, "under 0.1 s"),
    (1.0, "under 1 s"),
    (10.0, "under 10 s"),
)


def determinism(session: Session) -> Finding:
    """Show the first images once more and compare."""
    count = session.screen
    again = session.model.predict(session.probe.images[:count])
    most = furthest(sliced(session.base, 0, count), again)
    stated = "the same answer to the same image"
    seen = f"{count} images twice: {_words(most)}"
    meaning = (
        "The model answers the same image otherwise the second time (dropout left on, or a random part): the audit "
        "cannot be repeated. Export it for evaluation."
    )
    return _finding("determinism", most, stated, seen, meaning)


def batch_invariance(session: Session) -> Finding:
    """Show images alone that were answered in a batch before, and compare: two, or one where each is slow."""
    alone = _ALONE if session.rows else _ALONE[:1]
    chosen = [index for index in alone if index < len(session.probe.images)] or [0]
    pairs = [
        (sliced(session.base, index, index + 1), session.model.predict([session.probe.images[index]]))
        for index in chosen
    ]
    most = max(furthest(*pair) for pair in pairs)
    images = f"{len(chosen)} image{'s' if len(chosen) > 1 else ''}"
    seen = f"{images} alone and in a batch: {_words(most)} (tolerance {TOLERANCE:g})"
    meaning = (
        "Other images in the batch change the answer (batch normalisation in training mode, or a mixture of rows): "
        "what is measured depends on the order. Export the model for evaluation."
    )
    return _finding("batch invariance", most, "an answer of its own to every image", seen, meaning)


def furthest(first: Prediction, second: Prediction) -> float:
    """Return the largest difference between two predictions of the same images.

    Of scores the difference; of labels 1 where one differs; of masks the largest share of an image's pixels; 1
    where only one of both is an answer.
    """
    if first.kind != second.kind or first.values.shape != second.values.shape:
        return 1.0
    if not len(first.values):
        return 0.0
    return float(apart(first, second).reshape(len(first.values), -1).mean(axis=1).max())


def _words(most: float) -> str:
    return "the same to the bit" if most == 0.0 else f"up to {most:.1g} apart"


def _finding(check: str, most: float, stated: str, seen: str, meaning: str) -> Finding:
    level: Level = "ok" if most <= TOLERANCE else ("failure" if most > _GRAVE else "warning")
    return Finding(check, level, stated, seen, "" if level == "ok" else meaning)


def nan_input(session: Session) -> Iterator[Finding]:
    """Show a batch whose first image is NaN in one quarter; asked last, as the model may not survive it."""
    contract = session.spec.input
    if not session.rows or np.dtype(contract.dtype).kind != "f":
        return
    rows = session.rows
    batch = np.array(to_batch(session.probe.images[:rows], contract, rows))
    height, width = contract.spatial_shape
    quarter = (slice(0, height // 2), slice(0, width // 2))
    batch[(0, slice(None), *quarter) if contract.layout == "NCHW" else (0, *quarter)] = np.nan
    try:
        found = forward(session.model, batch)
        _, values = of_wanted_output(session.spec, found)
    except ModelFailureError as error:
        seen = f"stops with an error ({error.kind})"
        yield Finding(_CHECK, "note", _STATED, seen, "It does not answer such an image.")
        return
    first, others = values[0], values[1 : len(session.probe.images)]
    if values.dtype.kind == "f" and not np.isfinite(others).all():
        meaning = "A damaged image spoils the answers to its neighbours in the batch."
        yield Finding(_CHECK, "warning", _STATED, "NaN for other images of the batch too", meaning)
    elif values.dtype.kind == "f" and np.isnan(first).any():
        yield Finding(_CHECK, "ok", _STATED, "NaN, which counts as no answer")
    else:
        meaning = "It answers as if nothing were wrong: damaged images have to be found before they reach the model."
        yield Finding(_CHECK, "note", _STATED, "an ordinary answer", meaning)


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
