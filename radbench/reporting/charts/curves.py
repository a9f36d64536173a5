"""Dose-response curves: a figure with its interval against the strength of one setting, a line a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from radbench.reporting.charts.axis import WIDTH, Axis, make_axis, place

LEFT, RIGHT, TOP, PLOT, FOOT = 52, 14, 10, 170, 42


@dataclass(frozen=True)
class Dose:
    """One measured point: the setting's value, and the figure with its interval there."""

    dose: float
    value: float
    low: float | None = None
    high: float | None = None
    main: bool = False


@dataclass(frozen=True)
class Mark:
    """One point as drawn; ``main`` is the setting that the test set itself was made with."""

    x: float
    y: float
    low_y: float | None
    high_y: float | None
    main: bool
    title: str


@dataclass(frozen=True)
class Curve:
    """One model's line: ``points`` as the SVG element takes them, and its marks."""

    series: int
    name: str
    points: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class CurveChart:
    """Curves over the doses of one factor; ``ticks`` are the doses themselves."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    axis: Axis
    ticks: tuple[tuple[float, str], ...]
    curves: tuple[Curve, ...]
    caption: str
    across: str
    description: str


def curve_chart(
    curves: Mapping[str, Sequence[Dose]],
    series: Sequence[str],
    *,
    caption: str,
    across: str,
    scale: float = 100.0,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> CurveChart | None:
    """Lay out one curve a model; None when nothing was measured.

    Args:
        curves: By model, its points.
        series: Names of the models, in their colours' order.
        caption: What the upright axis measures.
        across: The factor whose doses run across.
        scale: Factor from a value to the number on the upright axis.
        bounds: Values that the upright axis may not pass.
    """
    found = [point for name in series for point in curves.get(name, ())]
    if not found:
        return None
    bottom = TOP + PLOT
    numbers = [n for p in found for n in (p.low, p.value, p.high) if n is not None]
    axis = make_axis(numbers, bottom, TOP, scale=scale, bounds=bounds)
    doses = sorted({point.dose for point in found})
    room = WIDTH - LEFT - RIGHT - 40
    span = (doses[-1] - doses[0]) or 1.0
    xs = {dose: place(LEFT + 20 + room * (dose - doses[0]) / span) for dose in doses}
    lines = tuple(
        _curve(index, name, curves[name], xs, axis) for index, name in enumerate(series) if curves.get(name)
    )
    return CurveChart(
        width=WIDTH,
        height=bottom + FOOT,
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=bottom,
        axis=axis,
        ticks=_ticks(xs),
        curves=lines,
        caption=caption,
        across=across,
        description="; ".join(mark.title for line in lines for mark in line.marks) + ".",
    )


def _ticks(xs: Mapping[float, float]) -> tuple[tuple[float, str], ...]:
    """Label the doses; one too near to the label before it is left without."""
    ticks: list[tuple[float, str]] = []
    for dose, x in xs.items():
        if not ticks or x - ticks[-1][0] >= 26:
            ticks.append((x, f"{dose:g}"))
    return tuple(ticks)


def _curve(index: int, name: str, points: Sequence[Dose], xs: Mapping[float, float], axis: Axis) -> Curve:
    ordered = sorted(points, key=lambda point: point.dose)
    marks = tuple(_mark(index, name, point, xs, axis) for point in ordered)
    return Curve(index, name, " ".join(f"{mark.x:g},{mark.y:g}" for mark in marks), marks)


def _mark(index: int, name: str, point: Dose, xs: Mapping[float, float], axis: Axis) -> Mark:
    low, high = (None if number is None else axis.at(number) for number in (point.low, point.high))
    title = f"{name} at {point.dose:g}: {point.value:.3g}"
    if point.low is not None and point.high is not None:
        title += f" ({point.low:.3g} to {point.high:.3g})"
    x = place(xs[point.dose] + 3 * index)  # side by side, so that intervals of several models do not hide
    return Mark(x, axis.at(point.value), low, high, point.main, title)
