"""The verdict on a model: the interval of its drop against what was allowed."""

from typing import Final

from radbench.harness.result import Estimate, Primary, Verdict

DEFAULT_MAX_DROP: Final = 0.1
"""What is judged by where no gate was asked for."""


def signed(change: float) -> str:
    """Return a change with two decimals and its sign; what rounds to nothing is +0.00, never -0.00."""
    return f"{round(change, 2) + 0.0:+.2f}"


def judge(drop: Estimate | None, max_drop: float, primary: Primary = "accuracy") -> tuple[Verdict, str]:
    """Return the verdict and one sentence of why.

    PASS when even the upper limit of the drop's interval is within ``max_drop``, FAIL when even the lower
    limit is beyond it, INCONCLUSIVE when the interval holds ``max_drop``, NOT_RUN when nothing was measured.

    Args:
        drop: primary metric on the real set minus on the stress set; None where there was no stress set.
        max_drop: largest fall of it that is allowed, e.g. 0.1.
        primary: what the metric is called.
    """
    if drop is None or drop.value is None:
        reason = drop.note if drop is not None and drop.note else "no edited image could be measured"
        return Verdict.NOT_RUN, f"Not measured: {reason}."
    limit = f"the {max_drop:.2f} allowed"
    name = primary.capitalize()
    if drop.low is None or drop.high is None:
        return (
            Verdict.INCONCLUSIVE,
            f"{name} changes by {signed(-drop.value)}, without an interval: {drop.note}.",
        )
    found = (
        f"{name} changes by {signed(-drop.value)} on the stress set; "
        f"its fall is {drop.low:.2f} to {drop.high:.2f} (95 % interval)"
    )
    if drop.high <= max_drop:
        return Verdict.PASS, f"{found}, wholly within {limit}."
    if drop.low > max_drop:
        return Verdict.FAIL, f"{found}, wholly beyond {limit}."
    return Verdict.INCONCLUSIVE, f"{found}, on both sides of {limit}: more studies are needed."
