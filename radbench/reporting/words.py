"""Numbers as a reader sees them: percentages, points, intervals, and 'undefined' with the reason."""

from dataclasses import dataclass
from typing import Literal

from radbench.audit.result import Estimate

Unit = Literal["share", "points", "score"]
"""``share``: a rate in [0, 1], in per cent; ``points``: a difference of rates; ``score``: a signed number."""

_MINUS = "\N{MINUS SIGN}"


@dataclass(frozen=True)
class Shown:
    """An estimate in words: ``text`` with its unit, ``interval`` ("" if none), and why it is undefined.

    ``low``, ``value`` and ``high`` are the bare numbers for drawing (None where undefined).
    """

    text: str
    interval: str
    defined: bool
    note: str
    n: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


def show(estimate: Estimate | None, unit: Unit = "share", missing: str = "not measured") -> Shown:
    """Put an estimate into words; ``missing`` is the reason given when there is no estimate at all."""
    if estimate is None:
        return Shown("undefined", "", defined=False, note=missing, n=0)
    if estimate.value is None:
        note = estimate.note or "the images at hand do not define it"
        return Shown("undefined", "", defined=False, note=note, n=estimate.n)
    low, high = estimate.low, estimate.high
    interval = (
        "" if low is None or high is None else f"{_bare(low, unit)} to {_bare(high, unit)}{_sign(unit)}"
    )
    text = _bare(estimate.value, unit) + {"share": " %", "points": " points", "score": ""}[unit]
    return Shown(
        text,
        interval,
        defined=True,
        note=estimate.note,
        n=estimate.n,
        value=estimate.value,
        low=low,
        high=high,
    )


def _sign(unit: Unit) -> str:
    return " %" if unit == "share" else ""


def _bare(value: float, unit: Unit) -> str:
    text = f"{value:+.3f}" if unit == "score" else f"{100 * value:.1f}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("+-")  # no "-0.0"
    return text.replace("-", _MINUS)


def plain(name: str) -> str:
    """Return an identifier as words: ``chest_drain`` becomes ``chest drain``."""
    return name.replace("_", " ")


def count(number: int, word: str) -> str:
    """Return ``1 model`` or ``2 models``."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def grey_levels(fraction: float | None) -> str:
    """Return a fraction of the grey range as grey levels of 255, or ``not known``."""
    return "not known" if fraction is None else f"{255 * fraction:.1f}"
