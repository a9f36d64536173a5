"""What the vendor claims beside what was measured on the real test set."""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from radbench.harness.measure import Measure
from radbench.harness.predict import Seen
from radbench.harness.result import ClaimResult, Estimate, Withheld
from radbench.specs.model import Claim

LESS_IS_BETTER: Final = (
    "brier",
    "ece",
    "hausdorff_95",
    "average_surface_distance",
    "average_symmetric_surface_distance",
)
"""Metrics of which a low value is good."""
DISTANCES: Final = LESS_IS_BETTER[2:]
"""Metrics in pixels; every other one is a share."""
_Verdict: TypeAlias = Literal["supported", "not supported", "cannot tell", "not measured"]


def claim_results(claims: Sequence[Claim], real: Seen | None, measure: Measure) -> list[ClaimResult]:
    """Return one entry a claim, in order.

    Args:
        claims: the vendor's.
        real: the real arm as the model saw it; None where it was not measured.
        measure: how figures are made.
    """
    found = []
    for claim in claims:
        measured = None
        if real is not None and claim.metric in measure.available:
            measured = measure.figures([claim.metric], real)[claim.metric]
        verdict, reason = judge_claim(claim, measured)
        found.append(
            ClaimResult(
                metric=claim.metric,
                claimed=claim.value,
                claimed_low=claim.low,
                claimed_high=claim.high,
                population=claim.population,
                measured=measured,
                verdict=verdict,
                reason=reason,
            )
        )
    return found


def judge_claim(claim: Claim, measured: Estimate | None) -> tuple[_Verdict, str]:
    """Return whether a claim is supported by what was measured, and one sentence of why."""
    if measured is None:
        return "not measured", f"This audit does not measure {claim.metric}."
    if measured.value is None:
        return "not measured", f"{claim.metric} is {measured.note or 'undefined'}."
    if claim.metric not in DISTANCES and not 0 <= claim.value <= 1:
        return (
            "cannot tell",
            f"The claim of {claim.value:g} is no share between 0 and 1, as {claim.metric} is.",
        )
    if measured.withheld is not None:
        return _of_withheld(claim, measured, measured.withheld)
    if measured.low is None or measured.high is None:
        return "cannot tell", f"Measured {measured.value:.2f} without an interval: {measured.note}."
    interval = f"{measured.low:.2f} to {measured.high:.2f} (95 % interval, n = {measured.n})"
    claimed = f"the {claim.value:g} claimed"
    worse = measured.low > claim.value if claim.metric in LESS_IS_BETTER else measured.high < claim.value
    if worse:
        return "not supported", f"Measured {interval}, wholly on the worse side of {claimed}."
    if measured.low <= claim.value <= measured.high:
        return "supported", f"Measured {interval}, which holds {claimed}."
    return "supported", f"Measured {interval}, wholly on the better side of {claimed}."


def _of_withheld(claim: Claim, measured: Estimate, withheld: Withheld) -> tuple[_Verdict, str]:
    """Return what can be said where the model withheld answers: only what holds in the worst and in the best case."""
    said = []
    for end in (withheld.worst, withheld.best):
        case = Estimate(value=end.value, low=end.low, high=end.high, n=withheld.of)
        said.append(judge_claim(claim, case)[0])
    span = " to ".join(f"{value:.2f}" for value in sorted((withheld.worst.value, withheld.best.value)))
    about = (
        f"Measured {measured.value:.2f} on {measured.n} of {withheld.of} images; the other {withheld.n} have no "
        f"answer, and with them it is {span}"
    )
    if said[0] == said[1]:
        return said[0], f"{about}, which is one verdict on {claim.value:g} either way."
    return "cannot tell", f"{about}: the claim of {claim.value:g} depends on what was withheld."
