"""Checks that an answer depends on the image alone: the same twice, the same alone and in company."""

from typing import Final

import numpy as np

from radbench.models.base import Prediction
from radbench.models.finding import Finding, Level
from radbench.models.preflight.alternatives import sliced
from radbench.models.preflight.session import Session

TOLERANCE: Final = 1e-4
"""Difference of a score, or share of a mask's pixels, up to which two answers are the same."""

_GRAVE: Final = 0.01
_ALONE: Final = (1, 6)


def determinism(session: Session) -> Finding:
    """Show the first images once more and compare."""
    count = session.screen
    again = session.model.predict(session.probe.images[:count])
    apart = furthest(sliced(session.base, 0, count), again)
    stated = "the same answer to the same image"
    seen = f"{count} images twice: {_words(apart)}"
    meaning = (
        "The model answers the same image otherwise the second time (dropout left on, or a random part): the audit "
        "cannot be repeated. Export it for evaluation."
    )
    return _finding("determinism", apart, stated, seen, meaning)


def batch_invariance(session: Session) -> Finding:
    """Show images alone that were answered in a batch before, and compare: two, or one where each is slow."""
    alone = _ALONE if session.rows else _ALONE[:1]
    chosen = [index for index in alone if index < len(session.probe.images)] or [0]
    pairs = [
        (sliced(session.base, index, index + 1), session.model.predict([session.probe.images[index]]))
        for index in chosen
    ]
    apart = max(furthest(*pair) for pair in pairs)
    seen = f"{_count(len(chosen))} alone and in a batch: {_words(apart)} (tolerance {TOLERANCE:g})"
    meaning = (
        "Other images in the batch change the answer (batch normalisation in training mode, or a mixture of rows): "
        "what is measured depends on the order. Export the model for evaluation."
    )
    return _finding("batch invariance", apart, "an answer of its own to every image", seen, meaning)


def furthest(first: Prediction, second: Prediction) -> float:
    """Return the largest difference between two predictions of the same images.

    Of scores the difference; of labels 1 where one differs; of masks the largest share of an image's pixels; 1
    where only one of both is an answer.
    """
    if first.kind != second.kind or first.values.shape != second.values.shape:
        return 1.0
    if not len(first.values):
        return 0.0
    if first.kind == "masks":
        return float((first.values != second.values).mean(axis=(1, 2)).max())
    one, two = first.values.astype(np.float64), second.values.astype(np.float64)
    if first.kind == "labels":
        return float((one != two).any())
    silent = np.isnan(one) != np.isnan(two)
    return float(np.where(silent, 1.0, np.nan_to_num(np.abs(one - two))).max())


def _count(images: int) -> str:
    return f"{images} image{'s' if images > 1 else ''}"


def _words(apart: float) -> str:
    return "the same to the bit" if apart == 0.0 else f"up to {apart:.1g} apart"


def _finding(check: str, apart: float, stated: str, seen: str, meaning: str) -> Finding:
    level: Level = "ok" if apart <= TOLERANCE else ("failure" if apart > _GRAVE else "warning")
    return Finding(check, level, stated, seen, "" if level == "ok" else meaning)
