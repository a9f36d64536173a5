"""A forest plot: one line an effect, its point and interval on a common axis, and lines at 0 and a limit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from radbench.harness.words import Shown
from radbench.reporting.charts.axis import WIDTH, Axis, make_axis

ROW, TOP, FOOT, SIDE = 44, 6, 40, 24


@dataclass(frozen=True)
class ForestLine:
    """One effect: its words at ``text_y``, and where its point and interval stand (None if undefined)."""

    kind: str
    label: str
    shown: Shown
    text_y: float
    y: float
    x: float | None
    low_x: float | None
    high_x: float | None


@dataclass(frozen=True)
class Forest:
    """A forest plot; ``limit_xs`` are the places of dashed lines."""

    width: int
    height: int
    lines: tuple[ForestLine, ...]
    axis: Axis
    axis_y: float
    top: float
    zero_x: float
    limit_xs: tuple[float, ...]
    caption: str
    description: str


def forest_chart(
    effects: Sequence[tuple[str, str, Shown]],
    *,
    caption: str,
    scale: float = 100.0,
    limits: Sequence[float] = (),
    span: Sequence[float] = (),
) -> Forest | None:
    """Lay out ``effects`` of (kind, label, figure); None when none of them is defined.

    Args:
        effects: From top to bottom.
        caption: What the axis measures.
        scale: Factor from a value to the number on the axis.
        limits: Values at which a dashed line stands.
        span: Further values that the axis must hold, so that several plots share one.
    """
    if not any(shown.defined for _, _, shown in effects):
        return None
    axis = make_axis([0.0, *limits, *span, *reach(effects)], SIDE, WIDTH - SIDE, at_most=6, scale=scale)
    bottom = TOP + ROW * len(effects)
    return Forest(
        width=WIDTH,
        height=bottom + FOOT,
        lines=tuple(_line(row, *effect, axis) for row, effect in enumerate(effects)),
        axis=axis,
        axis_y=bottom,
        top=TOP,
        zero_x=axis.at(0.0),
        limit_xs=tuple(axis.at(limit) for limit in limits),
        caption=caption,
        description="; ".join(_describe(label, shown) for _, label, shown in effects) + ".",
    )


def reach(effects: Sequence[tuple[str, str, Shown]]) -> list[float]:
    """Return every finite number that a plot of the effects has to hold."""
    found = [number for _, _, shown in effects for number in (shown.low, shown.value, shown.high)]
    return [number for number in found if number is not None and math.isfinite(number)]


def _line(row: int, kind: str, label: str, shown: Shown, axis: Axis) -> ForestLine:
    top = TOP + ROW * row
    low, value, high = (
        None if number is None else axis.at(number) for number in (shown.low, shown.value, shown.high)
    )
    return ForestLine(kind, _short(label, shown.text), shown, top + 16, top + 31, value, low, high)


def _short(label: str, figure: str) -> str:
    """Cut a label so that it does not run into the figure at the end of its line; the description has it whole."""
    room = int((WIDTH - 28 - 7.2 * len(figure)) / 6.5)
    return label if len(label) <= room else label[: room - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _describe(label: str, shown: Shown) -> str:
    if not shown.defined:
        return f"{label}: undefined, {shown.note}"
    return f"{label}: {shown.text}" + (f" ({shown.interval})" if shown.interval else "")
