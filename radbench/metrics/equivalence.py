"""Whether two sets of images show the same figure: two one-sided tests against a margin, and the difference itself.

Two figures are equivalent at the 5 % level if both one-sided tests of "they differ by the margin or more" reject,
which is when the 90 % interval of their difference lies within the margin (Schuirmann 1987, doi:10.1007/BF01068419).
That they are not seen to differ is another thing: few images never show much.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

from radbench.metrics.intervals import Interval, Mean, difference

WITHIN: Final = 0.9
"""Confidence of the interval that has to lie within the margin."""
Agreement: TypeAlias = Literal["agree", "disagree", "cannot tell", "not measured"]
_STEPS: Final = 14


class Equivalence(NamedTuple):
    """How two figures compare.

    Attributes:
        value: the first less the second; None where either has no images.
        interval: of it, at 95 %.
        narrow: of it, at 90 %.
        p: of the two one-sided tests, the larger one; None without an interval.
        verdict: "agree": ``narrow`` lies within the margin; "disagree": ``interval`` leaves out 0 and the difference
            is beyond the margin; "cannot tell": neither; "not measured": no difference, or no interval.
    """

    value: float | None
    interval: Interval
    narrow: Interval
    p: float | None
    verdict: Agreement


def compare(first: Mean, second: Mean, margin: float) -> Equivalence:
    """Return whether two means of one draw, both shares or both not, are the same within ``margin`` (> 0)."""
    if not first.n or not second.n:
        nothing = Interval(None, None)
        return Equivalence(None, nothing, nothing, None, "not measured")
    value = first.value - second.value
    wide, narrow = difference(first, second), difference(first, second, WITHIN)
    verdict = _verdict(value, wide, narrow, margin)
    p = None if verdict == "not measured" else tost(first, second, margin)
    return Equivalence(value, wide, narrow, p, verdict)


def verdict_of(first: Mean, second: Mean, margin: float) -> Agreement:
    """Return the verdict alone, without the p-value, which takes the time."""
    if not first.n or not second.n:
        return "not measured"
    wide, narrow = difference(first, second), difference(first, second, WITHIN)
    return _verdict(first.value - second.value, wide, narrow, margin)


def _verdict(value: float, wide: Interval, narrow: Interval, margin: float) -> Agreement:
    if wide.low is None or wide.high is None or narrow.low is None or narrow.high is None:
        return "not measured"
    if -margin < narrow.low and narrow.high < margin:
        return "agree"
    return "disagree" if (wide.low > 0 or wide.high < 0) and abs(value) > margin else "cannot tell"


def tost(first: Mean, second: Mean, margin: float) -> float | None:
    """Return the p-value of two one-sided tests: the smallest level at which the interval lies within the margin.

    To 0.0001, and never less; above 0.5 where the difference itself is beyond the margin. None for no interval.
    """
    value = first.value - second.value
    beyond = abs(value) >= margin
    low, high = 0.0, 0.5
    for _ in range(_STEPS):
        middle = (low + high) / 2
        found = difference(first, second, 1 - 2 * middle)
        if found.low is None or found.high is None:
            return None
        apart = (
            (found.low > margin or found.high < -margin)
            if beyond
            else -margin < found.low < found.high < margin
        )
        low, high = (low, middle) if apart else (middle, high)
    return max(round(1 - high if beyond else high, 4), 1e-4)
