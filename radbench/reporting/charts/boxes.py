"""Box plots of per-image values, grouped by scenario, one box a model: the form of the paper's Figure 5."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from radbench.reporting.charts.axis import WIDTH, Axis, make_axis, place

LEFT, RIGHT, TOP, PLOT = 52, 6, 10, 210
_LETTER = 6.2
_SLOPE_X, _SLOPE_Y = 0.82, 0.58
"""Cosine and sine, a little more, of the 35 degrees by which a slanted label rises."""
_LONGEST = 150
_MOST_DOTS = 120
_GOLDEN = 0.618033988749895


@dataclass(frozen=True)
class Group:
    """One set of images: its label and, by series, the per-image values."""

    label: str
    values: Mapping[str, Sequence[float]]


@dataclass(frozen=True)
class Box:
    """One box: quartiles and median, whiskers from the 5th to the 95th percentile, and the images as dots."""

    series: int
    x: float
    width: float
    middle: float
    upper: float
    height: float
    median_y: float
    whisker_top: float
    whisker_bottom: float
    dots: tuple[tuple[float, float], ...]
    title: str


@dataclass(frozen=True)
class Label:
    """A group's name, broken into short lines; ``slanted`` where it is too long to stand upright."""

    x: float
    words: tuple[str, ...]
    slanted: bool = False


@dataclass(frozen=True)
class BoxChart:
    """A box plot; ``baselines`` are (series, y) of each series' mean in the first group.

    ``outside`` says how many images are drawn at the axis' end because they lie far beyond, "" if none.
    """

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    axis: Axis
    boxes: tuple[Box, ...]
    labels: tuple[Label, ...]
    baselines: tuple[tuple[int, float], ...]
    series: tuple[str, ...]
    caption: str
    outside: str
    description: str


def box_chart(
    groups: Sequence[Group], series: Sequence[str], *, caption: str, bounds: tuple[float, float]
) -> BoxChart | None:
    """Lay out the groups, the first of which is the baseline; None when there is no value at all.

    Args:
        groups: From left to right.
        series: Names of the models, in their colours' order.
        caption: What the axis measures.
        bounds: Values that the axis may not pass.
    """
    values = [float(v) for group in groups for name in series for v in group.values.get(name, ())]
    if not values:
        return None
    bottom = TOP + PLOT
    near = _near([group.values[name] for group in groups for name in series if group.values.get(name)])
    axis = make_axis(near, bottom, TOP, at_most=6, bounds=bounds)
    column = (WIDTH - LEFT - RIGHT) / len(groups)
    edges = [LEFT + column * number for number in range(len(groups))]
    boxes = [
        _box(group.label, index, name, group.values[name], (edge, column, len(series)), axis)
        for group, edge in zip(groups, edges, strict=True)
        for index, name in enumerate(series)
        if len(group.values.get(name, ()))
    ]
    labels = _labels([group.label for group in groups], edges, column)
    return BoxChart(
        width=WIDTH,
        height=bottom + _foot(labels),
        left=LEFT,
        right=WIDTH - RIGHT,
        top=TOP,
        bottom=bottom,
        axis=axis,
        boxes=tuple(boxes),
        labels=labels,
        baselines=_baselines(groups[0], series, axis),
        series=tuple(series),
        caption=caption,
        outside=_outside(caption, values, axis),
        description="; ".join(box.title for box in boxes) + ".",
    )


def _near(samples: Sequence[Sequence[float]]) -> list[float]:
    """Return the ends that the axis must hold: of each box, what lies within three of its heights."""
    ends: list[float] = []
    for sample in samples:
        found = np.asarray(sample, dtype=float)
        low, first, third, high = (float(v) for v in np.percentile(found, [5, 25, 75, 95]))
        reach = 3 * (third - first)
        inside = found[(found >= min(low, first - reach)) & (found <= max(high, third + reach))]
        ends += [float(inside.min()), float(inside.max())]
    return ends


def _outside(caption: str, values: Sequence[float], axis: Axis) -> str:
    far = [value for value in values if not axis.low - 1e-9 <= value <= axis.high + 1e-9]
    if not far:
        return ""
    images = "1 image lies" if len(far) == 1 else f"{len(far)} images lie"
    extreme = max(far, key=lambda value: max(axis.low - value, value - axis.high))
    return f"{caption}: {images} beyond the axis, the furthest at {extreme:.3g}; drawn at its end."


def _baselines(group: Group, series: Sequence[str], axis: Axis) -> tuple[tuple[int, float], ...]:
    return tuple(
        (index, axis.at(float(np.mean(group.values[name]))))
        for index, name in enumerate(series)
        if len(group.values.get(name, ()))
    )


def _box(
    label: str, index: int, name: str, values: Sequence[float], slot: tuple[float, float, int], axis: Axis
) -> Box:
    edge, column, count = slot
    width = min(30.0, 0.8 * column / count)
    middle = edge + column / 2 + (index - (count - 1) / 2) * width * 1.12
    found = np.asarray(values, dtype=float)
    low, first, median, third, high = (float(v) for v in np.percentile(found, [5, 25, 50, 75, 95]))
    upper, lower = axis.at(third), axis.at(first)
    spread = (np.arange(len(found)) * _GOLDEN) % 1 - 0.5
    dots = zip(spread.tolist(), found.tolist(), strict=True) if len(found) <= _MOST_DOTS else ()
    return Box(
        series=index,
        x=place(middle - width / 2),
        width=place(width),
        middle=place(middle),
        upper=upper,
        height=place(max(lower - upper, 1.0)),
        median_y=axis.at(median),
        whisker_top=axis.at(high),
        whisker_bottom=axis.at(low),
        dots=tuple((place(middle + 0.7 * width * shift), axis.at(value)) for shift, value in dots),
        title=f"{label}, {name}: median {median:.3g}, quartiles {first:.3g} to {third:.3g} (n = {len(found)})",
    )


def _labels(names: Sequence[str], edges: Sequence[float], column: float) -> tuple[Label, ...]:
    """Place the groups' names: upright where all of them fit their columns, or else slanted, end at the column."""
    middles = [place(edge + column / 2) for edge in edges]
    broken = [_wrap(name, int((column - 4) / _LETTER)) for name in names]
    if all(lines is not None for lines in broken):
        return tuple(Label(x, lines) for x, lines in zip(middles, broken, strict=True) if lines is not None)
    return tuple(
        Label(x, (_cut(name, int(min(_LONGEST, (x - 4) / _SLOPE_X) / _LETTER)),), slanted=True)
        for x, name in zip(middles, names, strict=True)
    )


def _wrap(label: str, room: int) -> tuple[str, ...] | None:
    """Break a label at spaces into at most three lines of ``room`` letters; None where that cannot be done."""
    lines: list[str] = []
    for word in label.split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return tuple(lines) if len(lines) <= 3 and all(len(line) <= room for line in lines) else None


def _cut(label: str, room: int) -> str:
    return label if len(label) <= room else label[: max(1, room - 1)].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def _foot(labels: Sequence[Label]) -> int:
    """Return the height below the axis that the labels need."""
    if any(label.slanted for label in labels):
        return int(20 + _SLOPE_Y * _LETTER * max(len(label.words[0]) for label in labels))
    return 14 + 14 * max(len(label.words) for label in labels)
