"""Whether the model is clearly better under another declaration than its own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from radbench.models.adapters.base import joined
from radbench.models.base import ModelFailureError, Prediction
from radbench.models.finding import Level
from radbench.models.preflight.alternatives import Alternative, sliced
from radbench.models.preflight.figures import Gain, Metric, figures, gains
from radbench.models.preflight.session import Session

CLEAR: Final = 0.1
"""Gain of AUROC, Dice or balanced accuracy that is worth a word."""

_GRAVE: Final = 0.2
_USABLE: Final[dict[Metric, float]] = {"AUROC": 0.7, "Dice": 0.5, "balanced accuracy": 0.85}
"""What the other declaration has to reach before the model's own is called wrong."""

_SLACK: Final = 0.02
_LOSS: Final = 0.05
_NEARLY: Final = 0.05
_FULLY_TRIED: Final = 3


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


def change_between(first: Prediction, second: Prediction) -> float:
    """Return how far two predictions of the same images are apart; see ``Outcome.change``."""
    if first.kind == "probabilities":
        one, two = first.values.astype(np.float64), second.values.astype(np.float64)
        silent = np.isnan(one) != np.isnan(two)
        return float(np.where(silent, 1.0, np.nan_to_num(np.abs(one - two))).mean())
    return float((first.values != second.values).mean())


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
    return Outcome(alternative, change_between(declared, found), compared, found, level, decisive)


def _promising(outcome: Outcome) -> bool:
    return any(
        gain.size > (gain.declared / 4 if name == "log loss" else _SLACK)
        for name, gain in outcome.gains.items()
    )


def declared_figures(session: Session) -> dict[Metric, float]:
    """Return the figures as declared, on all images."""
    return figures(session.spec, session.probe, session.base, len(session.probe.images))
