"""Logits, probabilities and calibrated scores to the target's score."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from radbench.models.base import ModelFailureError
from radbench.models.outputs import Values, column, columns, maps, numbers, table, wrong_count
from radbench.specs import ModelSpec

TOLERANCE: Final = 1e-6
"""How far rounding may carry a declared probability out of [0, 1]."""


def scores(spec: ModelSpec, name: str, values: Values) -> NDArray[np.float64]:
    """Return the target's score of every image, float64 [N] in [0, 1], NaN for no answer.

    Raises:
        ModelFailureError: another number of columns than classes, no numbers, or scores out of range.
    """
    found = numbers(spec, name, table(spec, name, values))
    if found.shape[1] != columns(spec.classes):
        raise wrong_count(spec, name, found, "classes", spec.classes)
    silent = _silent(spec, found)
    exclusive = spec.task == "multiclass" or (spec.task == "binary" and found.shape[1] > 1)
    answer = probabilities(spec, name, np.where(silent[:, None], np.nan, found), exclusive=exclusive)
    return answer[:, column(spec)]


def map_scores(spec: ModelSpec, name: str, values: Values) -> NDArray[np.float64]:
    """Return the target's score of every pixel, float64 [N, h, w] in [0, 1].

    Raises:
        ModelFailureError: another number of maps than declared, no numbers, NaN, or scores out of range.
    """
    found = numbers(spec, name, maps(spec, name, values))
    if np.isnan(found).any():
        raise ModelFailureError(
            f"Model '{spec.name}' gave a map in '{name}' that is not finite (NaN), expected a number for every pixel.",
            kind="output",
        )
    return probabilities(spec, name, found, exclusive=found.shape[1] > 1)[:, column(spec)]


def probabilities(
    spec: ModelSpec, name: str, found: NDArray[np.float64], *, exclusive: bool
) -> NDArray[np.float64]:
    """Return [N, K, ...] in [0, 1] by the declared output; ``exclusive``: the K classes share one probability."""
    if spec.output == "logits":
        return _softmax(found) if exclusive else _sigmoid(found)
    outside = (found < -TOLERANCE) | (found > 1 + TOLERANCE)
    if outside.any():
        raise ModelFailureError(
            f"Model '{spec.name}' gave scores outside [0, 1] in '{name}' ({found[outside][0]:g} among them) although "
            f"its output is declared as {spec.output}; declare it as logits if that is what it gives.",
            kind="output",
        )
    return found.clip(0.0, 1.0)


def _silent(spec: ModelSpec, found: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return [N], whether an image's scores are a declared way to say nothing."""
    numbered = [float(answer) for answer in spec.indeterminate if isinstance(answer, int)]
    silent = np.isin(found[:, column(spec)], numbered)
    rejecting = [index for index, name in enumerate(spec.classes) if name in spec.indeterminate]
    if spec.task == "multiclass" and rejecting:
        silent |= np.isin(found.argmax(axis=1), rejecting)
    return silent


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    small = np.exp(-np.abs(values))
    share: NDArray[np.float64] = np.where(values >= 0, 1.0, small) / (1.0 + small)
    return share


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over axis 1; NaN where a value is NaN or more than one is infinite."""
    with np.errstate(invalid="ignore"):
        share = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(share / share.sum(axis=1, keepdims=True))
