"""A participant flow: boxes from top to bottom, and beside each step what was left out there (STARD 2015, figure)."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from radbench.plots.style import COLOURS, INK, MUTED, Drawing, drawing, drawn

_LINE, _PAD, _GAP = 0.19, 0.12, 0.24
_LEFT, _RIGHT, _BETWEEN = 2.5, 2.6, 0.4
"""Inches."""


@dataclass(frozen=True)
class Step:
    """One box of the trunk, and what is left out between it and the next box: (number, words)."""

    words: str
    number: int
    left_out: Sequence[tuple[int, str]] = ()
    is_end: bool = False


@drawn
def flow(steps: Sequence[Step]) -> Drawing:
    """Draw the steps from top to bottom, with what each leaves out at the right."""
    trunk = [_lines([step.words, f"n = {step.number}"], 34) for step in steps]
    sides = [_lines(_losses(step), 36) if _lost(step) else [] for step in steps]
    height = sum(map(_height, trunk)) + sum(_height(side) + _GAP for side in sides if side)
    height += _GAP * (len(steps) - 1) + 0.1
    figure = drawing(_LEFT + _BETWEEN + _RIGHT + 0.1, height)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(-0.05, _LEFT + _BETWEEN + _RIGHT + 0.05), ylim=(height - 0.05, -0.05))
    axes.set_axis_off()
    y = 0.0
    for place, (step, lines, side) in enumerate(zip(steps, trunk, sides, strict=True)):
        _box(axes, (0.0, y, _LEFT), lines, COLOURS["stress"] if step.is_end else MUTED, ends=step.is_end)
        y += _height(lines)
        if place + 1 == len(steps):
            break
        top = y
        y += _GAP
        if side:
            _box(axes, (_LEFT + _BETWEEN, y, _RIGHT), side, MUTED, dashed=True)
            middle = y + _height(side) / 2
            _arrow(axes, (_LEFT / 2, middle), (_LEFT + _BETWEEN, middle))
            y += _height(side) + _GAP
        _arrow(axes, (_LEFT / 2, top), (_LEFT / 2, y))
    figure.description = describe(steps)
    return figure


def describe(steps: Sequence[Step]) -> str:
    """Say the flow in words."""
    parts = []
    for step in steps:
        losses = [f"{number} {words}" for number, words in step.left_out if number]
        parts.append(f"{step.words}: {step.number}" + (f" (left out: {'; '.join(losses)})" if losses else ""))
    return ", then ".join(parts) + "."


def _lost(step: Step) -> int:
    return sum(number for number, _ in step.left_out)


def _losses(step: Step) -> list[str]:
    return [
        f"Left out (n = {_lost(step)})",
        *(f"{number} {words}" for number, words in step.left_out if number),
    ]


def _lines(texts: Sequence[str], room: int) -> list[str]:
    return [line for text in texts for line in textwrap.wrap(text, room) or [""]]


def _height(lines: Sequence[str]) -> float:
    return 2 * _PAD + _LINE * len(lines)


def _box(
    axes: Axes,
    place: tuple[float, float, float],
    lines: Sequence[str],
    colour: str,
    *,
    dashed: bool = False,
    ends: bool = False,
) -> None:
    from matplotlib.patches import Rectangle

    x, y, width = place
    style = (0, (4, 3)) if dashed else "-"
    line_width = 1.8 if ends else 1.0
    axes.add_patch(
        Rectangle(
            (x, y), width, _height(lines), fill=False, edgecolor=colour, linestyle=style, linewidth=line_width
        )
    )
    for number, line in enumerate(lines):
        axes.text(
            x + _PAD,
            y + _PAD + _LINE * (number + 0.5),
            line,
            va="center",
            fontsize=9,
            fontweight="bold" if ends else "normal",
            color=MUTED if dashed else INK,
        )


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    axes.annotate(
        "", xy=end, xytext=start, arrowprops={"arrowstyle": "-|>", "color": MUTED, "shrinkA": 0, "shrinkB": 0}
    )
