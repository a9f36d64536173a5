"""Several training runs of one model: mean and standard deviation of every figure, as the paper prints them."""

from collections.abc import Iterable, Sequence

import numpy as np

from radbench.harness.measure import Measure
from radbench.harness.predict import Outcome
from radbench.harness.result import ARMS, Arm, ArmResult, CheckpointSummary, Spread
from radbench.models.base import ModelUnderTest


def summarise_runs(
    models: Sequence[ModelUnderTest], outcomes: Sequence[Outcome], measure: Measure
) -> CheckpointSummary | None:
    """Return the spread over the runs that could be run; None for a model of one run.

    Args:
        models: the runs of one model, the main weights first.
        outcomes: one a run.
        measure: how figures are made.
    """
    if len(models) < 2:
        return None
    ran = [(model, outcome) for model, outcome in zip(models, outcomes, strict=True) if outcome.error is None]
    shown = [
        {arm: measure.arm(outcome.seen[arm]) for arm in ARMS if arm in outcome.seen} for _, outcome in ran
    ]
    drops = [
        measure.effect(outcome.seen["real"], outcome.seen["stress"]).value
        for _, outcome in ran
        if "stress" in outcome.seen
    ]
    return CheckpointSummary(
        n=len(ran),
        failed=len(models) - len(ran),
        digests=[model.digest for model, _ in ran],
        arms=_by_arm(shown, measure.names),
        drop=spread(drops),
    )


def spread(values: Iterable[float | None]) -> Spread | None:
    """Return mean and sample standard deviation of the values that exist; None for fewer than two."""
    known = [value for value in values if value is not None]
    if len(known) < 2:
        return None
    return Spread(mean=float(np.mean(known)), sd=float(np.std(known, ddof=1)), n=len(known))


def _by_arm(runs: Sequence[dict[Arm, ArmResult]], names: Sequence[str]) -> dict[Arm, dict[str, Spread]]:
    found: dict[Arm, dict[str, Spread]] = {}
    for arm in ARMS:
        figures = {name: spread(run[arm].metrics[name].value for run in runs if arm in run) for name in names}
        known = {name: figure for name, figure in figures.items() if figure is not None}
        if known:
            found[arm] = known
    return found
