"""Whether the model is clearly better under another declaration than its own, on labelled images.

The figures are compared by a paired bootstrap within each class, corrected for the number of alternatives tried.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from radbench.models.adapters.base import joined
from radbench.models.base import Level, ModelFailureError, Prediction
from radbench.models.preflight.alternatives import Alternative
from radbench.models.preflight.session import Probe, Session, apart, sliced
from radbench.specs import ModelSpec

Floats = NDArray[np.float64]
Metric = Literal["AUROC", "balanced accuracy", "log loss", "Dice"]

CLEAR: Final = 0.1
"""Gain of AUROC, Dice or balanced accuracy that is worth a word."""

_GRAVE: Final = 0.2

_USABLE: Final[dict[Metric, float]] = {"AUROC": 0.7, "Dice": 0.5, "balanced accuracy": 0.85}
"""What the other declaration has to reach before the model's own is called wrong."""

_SLACK: Final = 0.02
_LOSS: Final = 0.05
_NEARLY: Final = 0.05
_FULLY_TRIED: Final = 3
REPLICATES: Final = 4000
_ERROR: Final = 0.05
_LEAST_SHARE: Final = 1e-6


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


@dataclass(frozen=True)
class Outcome:
    """What came of one alternative.

    Attributes:
        alternative: which.
        change: how far the answers are from those as declared: mean absolute difference of the scores, or the share
            of decisions or pixels that differ; None where the model refused.
        gains: figures under both, where they can be judged.
        level: "ok" where it is not clearly better.
        decisive: the figure that the level rests on.
        answers: what the model said.
    """

    alternative: Alternative
    change: float | None
    gains: dict[Metric, Gain]
    answers: Prediction | None = None
    level: Level = "ok"
    decisive: Gain | None = None

    @property
    def quality(self) -> float:
        """Mean of AUROC and balanced accuracy, or Dice; 0 where nothing was judged."""
        told = [gain.other for name, gain in self.gains.items() if name != "log loss"]
        return float(np.mean(told)) if told else 0.0


def judged(session: Session, tried: Sequence[Alternative]) -> list[Outcome]:
    """Try every alternative on a few images, the promising ones on all, and weigh them against each other."""
    screened = [_screened(session, alternative, len(tried)) for alternative in tried]
    if len(session.probe.images) == session.screen:
        return weighed(screened)
    promising = sorted((o for o in screened if _promising(o)), key=lambda o: -o.quality)[:_FULLY_TRIED]
    chosen = {id(outcome) for outcome in promising}
    return weighed(
        [
            _tried_fully(session, one, len(tried)) if id(one) in chosen else replace(one, level="ok")
            for one in screened
        ]
    )


def weighed(outcomes: Sequence[Outcome]) -> list[Outcome]:
    """Return the outcomes with a lower level for those that another explains clearly better."""
    suspects = [o for o in outcomes if o.level == "failure"] or [o for o in outcomes if o.level == "warning"]
    best = max((o.quality for o in suspects), default=0.0)
    return [
        replace(o, level="note") if o.level in {"warning", "failure"} and o.quality < best - _NEARLY else o
        for o in outcomes
    ]


def level_of(found: dict[Metric, Gain], *, certain: bool = True) -> tuple[Level, Gain | None]:
    """Return how grave an alternative's gains are, and the one that says so.

    A failure: AUROC or Dice (of a model that gives labels only, balanced accuracy) is better by more than 0.1 and the
    interval excludes no gain; or the decisions at the operating point become right although the order of the scores is
    no better. A warning: balanced accuracy is clearly better, or the log loss less than half.
    """
    main = found.get("AUROC") or found.get("Dice") or found.get("balanced accuracy")
    if main is None:
        return "ok", None
    top: Level = "failure" if certain else "warning"
    if main.sure and main.size > CLEAR:
        return (top, main) if main.other >= _USABLE[main.metric] else ("warning", main)
    decisions, loss = found.get("balanced accuracy"), found.get("log loss")
    if main.size < -_SLACK or main.other < _USABLE[main.metric]:
        return "ok", None
    if decisions is not None and decisions.sure and decisions.size > CLEAR:
        grave = decisions.size > _GRAVE and decisions.other >= _USABLE["balanced accuracy"]
        return (top if grave else "warning"), decisions
    if loss is not None and loss.sure and loss.size > max(_LOSS, loss.declared / 2):
        return "warning", loss
    return "ok", None


def _screened(session: Session, alternative: Alternative, tried: int) -> Outcome:
    count = session.screen
    try:
        found = alternative.ask(session, 0, count)
    except ModelFailureError:
        return Outcome(alternative, None, {})
    return _outcome(session, alternative, found, tried)


def _tried_fully(session: Session, outcome: Outcome, tried: int) -> Outcome:
    start, stop, known = session.screen, len(session.probe.images), outcome.answers
    if known is None:
        return outcome
    try:
        rest = outcome.alternative.ask(session, start, stop)
    except ModelFailureError:
        return replace(outcome, level="ok")
    return _outcome(session, outcome.alternative, joined([known, rest], session.spec), tried)


def _outcome(session: Session, alternative: Alternative, found: Prediction, tried: int) -> Outcome:
    count = len(found.values)
    declared = sliced(session.base, 0, count)
    compared = gains(session.spec, session.probe, (declared, found), count, tried=tried)
    level, decisive = level_of(compared, certain=alternative.certain)
    return Outcome(alternative, float(apart(declared, found).mean()), compared, found, level, decisive)


def _promising(outcome: Outcome) -> bool:
    return any(
        gain.size > (gain.declared / 4 if name == "log loss" else _SLACK)
        for name, gain in outcome.gains.items()
    )


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
