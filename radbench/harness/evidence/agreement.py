"""Whether an audit's drop is the drop of the clinic: predicted against true drops, over shifts, models and seeds.

Where the true counterfactual of every edited image is known (the phantom), an audit measures two drops of the
primary metric from the same real test set: to the edited images, which is what it predicts, and to the true
counterfactuals of the same studies, which is what would have happened.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from radbench.harness.result import AuditResult, ModelResult, Primary, Role, Strict

_ALL: Final = "all"


class AgreementRow(Strict):
    """One model in one audit.

    Attributes:
        shift: name of the shift.
        model: name of the model.
        role: whether it was under test or a control.
        seed: the audit's seed.
        primary: the metric that the drops are of.
        n: edited images whose true counterfactual is known.
        predicted: real minus stress.
        true: real minus true counterfactuals, of the same studies.
        low: lower limit of the 95 % interval of ``predicted``; None where there is none.
        high: its upper limit.
        error: ``predicted - true``.
        covered: whether the interval holds ``true``; None where there is no interval.
    """

    shift: str
    model: str
    role: Role
    seed: int
    primary: Primary
    n: int
    predicted: float
    true: float
    low: float | None
    high: float | None
    error: float
    covered: bool | None


class AgreementSummary(Strict):
    """Agreement over some rows.

    Attributes:
        group: "all", or the primary metric that the rows share.
        n: rows.
        mean_absolute_error: mean of |predicted - true|, in units of the metric; None for no rows.
        rank_correlation: Spearman's, ties taking their mean rank; None for fewer than three rows, or where all
            predicted, or all true, drops are the same.
        coverage: share of the intervals that hold the true drop; None for no intervals.
        intervals: rows that have an interval.
    """

    group: str
    n: int
    mean_absolute_error: float | None
    rank_correlation: float | None
    coverage: float | None
    intervals: int


class Agreement(Strict):
    """All rows, and their summaries: of all together, then of each primary metric if there are several."""

    rows: list[AgreementRow]
    summaries: list[AgreementSummary]

    @property
    def overall(self) -> AgreementSummary:
        """The summary of all rows together."""
        return self.summaries[0]

    def of(self, primary: Primary) -> AgreementSummary:
        """Return the summary of the rows with one primary metric."""
        return summarise(primary, [row for row in self.rows if row.primary == primary])


def agreement(results: Sequence[AuditResult]) -> Agreement:
    """Return how well the audits' drops agree with the true ones.

    Models without a stress arm or without known counterfactuals have no row.

    Args:
        results: audits of any shifts, at any seeds, in the order wanted.
    """
    found = [_row(result, model) for result in results for model in result.models]
    rows = [row for row in found if row is not None]
    metrics = list(dict.fromkeys(row.primary for row in rows))
    parts = [summarise(name, [row for row in rows if row.primary == name]) for name in metrics]
    return Agreement(rows=rows, summaries=[summarise(_ALL, rows), *(parts if len(parts) > 1 else [])])


def summarise(group: str, rows: Sequence[AgreementRow]) -> AgreementSummary:
    """Return error, rank correlation and coverage over ``rows``."""
    covered = [row.covered for row in rows if row.covered is not None]
    predicted, true = np.array([row.predicted for row in rows]), np.array([row.true for row in rows])
    return AgreementSummary(
        group=group,
        n=len(rows),
        mean_absolute_error=float(np.abs(predicted - true).mean()) if rows else None,
        rank_correlation=spearman(predicted, true),
        coverage=float(np.mean(covered)) if covered else None,
        intervals=len(covered),
    )


def spearman(first: NDArray[np.float64], second: NDArray[np.float64]) -> float | None:
    """Return Spearman's rank correlation of float64 [N] and [N]; None where it says nothing.

    Ties take the mean of their ranks (Kendall 1945, doi:10.1093/biomet/33.3.239).
    """
    from scipy.stats import rankdata

    one, other = (rankdata(np.round(values, 9)) for values in (first, second))
    if len(one) < 3 or not one.std() or not other.std():
        return None
    return float(np.clip(np.corrcoef(one, other)[0, 1], -1, 1))


def _row(result: AuditResult, model: ModelResult) -> AgreementRow | None:
    stress, truth = model.paired.get("stress"), model.paired.get("truth")
    if stress is None or truth is None or stress.drop.value is None or truth.drop.value is None:
        return None
    predicted, true = stress.drop.value, truth.drop.value
    low, high = stress.drop.low, stress.drop.high
    return AgreementRow(
        shift=result.shift.name,
        model=model.name,
        role=model.role,
        seed=result.seed,
        primary=result.primary,
        n=truth.drop.n,
        predicted=predicted,
        true=true,
        low=low,
        high=high,
        error=predicted - true,
        covered=None if low is None or high is None else low - 1e-12 <= true <= high + 1e-12,
    )
