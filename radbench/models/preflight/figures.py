"""How good answers are on labelled images, and whether other answers to the same images are clearly better."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from radbench.models.base import Prediction
from radbench.models.preflight.probe import Probe
from radbench.specs import ModelSpec

Floats = NDArray[np.float64]
Metric = Literal["AUROC", "balanced accuracy", "log loss", "Dice"]

REPLICATES: Final = 4000
_LEAST_SHARE: Final = 1e-6
_ERROR: Final = 0.05


@dataclass(frozen=True)
class Gain:
    """One figure under the declaration and under another.

    Attributes:
        metric: which figure.
        declared: as declared.
        other: otherwise.
        low: lower limit of the interval of the improvement (positive: better), corrected for the number of
            alternatives that are tried; ``high`` its upper limit.
    """

    metric: Metric
    declared: float
    other: float
    low: float
    high: float

    @property
    def size(self) -> float:
        """How much better the other is; negative where it is worse."""
        return self.declared - self.other if self.metric == "log loss" else self.other - self.declared

    @property
    def sure(self) -> bool:
        """Whether the interval excludes that it is no better."""
        return self.low > 0.0


def figures(spec: ModelSpec, probe: Probe, prediction: Prediction, count: int) -> dict[Metric, float]:
    """Return the figures of a prediction on the first ``count`` images; none where they cannot be judged."""
    return {name: float(values.mean()) for name, values in _parts(spec, probe, prediction, count).items()}


def gains(
    spec: ModelSpec, probe: Probe, pair: tuple[Prediction, Prediction], count: int, *, tried: int
) -> dict[Metric, Gain]:
    """Compare two predictions of the same first ``count`` images, by a paired bootstrap within each class.

    Args:
        spec: the declaration.
        probe: what is known of the images.
        pair: the prediction as declared, and the other.
        count: how many images both cover.
        tried: how many alternatives are tried in all; the error is shared among them (Bonferroni).
    """
    first, second = (_parts(spec, probe, prediction, count) for prediction in pair)
    found: dict[Metric, Gain] = {}
    for name in first.keys() & second.keys():
        before, after = first[name], second[name]
        better = before - after if name == "log loss" else after - before
        tail = _ERROR / max(tried, 1) / 2
        low, high = np.quantile(_replicates(better), [tail, 1 - tail])
        found[name] = Gain(name, float(before.mean()), float(after.mean()), float(low), float(high))
    return found


def _parts(spec: ModelSpec, probe: Probe, prediction: Prediction, count: int) -> dict[Metric, Floats]:
    """Return each figure as an array whose mean it is: one value a pair of classes, or one an image."""
    if prediction.kind == "masks":
        return _dice(probe, prediction, count)
    if not probe.labelled or probe.labels is None:
        return {}
    labels = probe.labels[:count]
    if labels.min() == labels.max():
        return {}
    decisions = prediction.decisions(spec.operating_point)[:count]
    right = (decisions == labels).astype(np.float64)
    found: dict[Metric, Floats] = {
        "balanced accuracy": _pairs(right, labels, lambda up, down: (up + down) / 2)
    }
    scores = prediction.scores()
    if scores is None:
        return found
    known = np.where(np.isnan(scores[:count]), 0.5, scores[:count])
    found["AUROC"] = _pairs(known, labels, lambda up, down: (up > down) + 0.5 * (up == down))
    if spec.output in {"logits", "probabilities"}:
        share = np.where(labels == 1, known, 1.0 - known).clip(_LEAST_SHARE, 1.0)
        found["log loss"] = _pairs(-np.log(share), labels, lambda up, down: (up + down) / 2)
    return found


def _pairs(values: Floats, labels: NDArray[np.int64], join: Callable[[Floats, Floats], Any]) -> Floats:
    """Return float64 [positives, negatives], ``join`` of every positive's and every negative's value."""
    up, down = values[labels == 1][:, None], values[labels == 0][None, :]
    return np.asarray(join(up, down), np.float64)


def _dice(probe: Probe, prediction: Prediction, count: int) -> dict[Metric, Floats]:
    if not probe.outlined or probe.masks is None:
        return {}
    truth, found = probe.masks[:count], prediction.values.astype(bool)[:count]
    both = (truth & found).sum(axis=(1, 2))
    either = truth.sum(axis=(1, 2)) + found.sum(axis=(1, 2))
    return {"Dice": np.where(either > 0, 2 * both / np.maximum(either, 1), 1.0)}


def _replicates(values: Floats) -> Floats:
    """Return float64 [REPLICATES], the mean of ``values`` with the images of each class drawn again."""
    if values.ndim == 1:
        return np.asarray(_counts(len(values)) @ values / len(values))
    ups, downs = values.shape
    return np.asarray(((_counts(ups) @ values) * _counts(downs, 1)).sum(axis=1) / (ups * downs))


@cache
def _counts(size: int, seed: int = 0) -> Floats:
    """Return float64 [REPLICATES, size], how often each of ``size`` images was drawn."""
    drawn = np.random.default_rng(seed).multinomial(size, np.full(size, 1 / size), size=REPLICATES)
    return drawn.astype(np.float64)
