"""An axis with round ticks."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

WIDTH = 360
"""Width of every chart, in user units."""
_MINUS = "\N{MINUS SIGN}"
_STEPS = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Axis:
    """Values from ``low`` to ``high`` on the stretch from ``start`` to ``end`` (which may run upwards).

    ``ticks`` are (place, label), from low to high.
    """

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[tuple[float, str], ...]

    def at(self, value: float) -> float:
        """Return where a value stands, held inside the stretch."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return place(self.start + share * (self.end - self.start))


def place(number: float) -> float:
    """Round a coordinate to a hundredth, without a negative zero."""
    return round(number, 2) + 0.0


def make_axis(
    values: Iterable[float],
    start: float,
    end: float,
    *,
    at_most: int = 5,
    scale: float = 1.0,
    bounds: tuple[float, float] = (-math.inf, math.inf),
) -> Axis:
    """Return an axis with round ends that holds all ``values``.

    Args:
        values: What it must hold.
        start: Where its low end stands.
        end: Where its high end stands.
        at_most: Ticks, about.
        scale: Factor from a value to its tick's number, as 100 for per cent.
        bounds: Values that its ends may not pass, such as 0 and 1 for a share.
    """
    found = [value for value in values if math.isfinite(value)] or [0.0]
    low, high = min(found), max(found)
    if high - low < 1e-9:
        low, high = low - 0.5 / scale, high + 0.5 / scale
    step = _step((high - low) * scale / max(1, at_most - 1)) / scale
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    if math.isfinite(bounds[0]):
        first = max(first, math.ceil(bounds[0] / step - 1e-9))
    if math.isfinite(bounds[1]):
        last = min(last, math.floor(bounds[1] / step + 1e-9))
    last = max(last, first + 1)
    low, high = first * step, last * step
    digits = max(0, -math.floor(math.log10(step * scale) + 1e-9))
    if round(step * scale * 10**digits, 6) % 1:
        digits += 1  # a step of 2.5 or 0.25
    axis = Axis(low, high, start, end, ())
    ticks = tuple((axis.at(n * step), _label(n * step * scale, digits)) for n in range(first, last + 1))
    return Axis(low, high, start, end, ticks)


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(float(factor) * power for factor in _STEPS if factor * power >= rough * (1 - 1e-9))


def _label(number: float, digits: int) -> str:
    text = f"{number:.{digits}f}"
    if not any(digit in text for digit in "123456789"):
        text = text.lstrip("-")
    return text.replace("-", _MINUS)
