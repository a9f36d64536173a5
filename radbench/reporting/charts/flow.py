"""A participant flow: boxes from top to bottom, and beside each step what was left out there (STARD 2015, figure)."""

from collections.abc import Sequence
from dataclasses import dataclass

from radbench.reporting.charts.axis import place

WIDTH, MARGIN, MIDDLE, GAP = 560, 6, 244, 22
LINE, PAD = 17, 9
_LETTER = 6.9


@dataclass(frozen=True)
class Step:
    """One box of the trunk, and what is left out between it and the next box: (number, words)."""

    words: str
    number: int
    left_out: Sequence[tuple[int, str]] = ()
    is_end: bool = False


@dataclass(frozen=True)
class FlowBox:
    """A box with its lines, each at its own height; ``kind`` is "step", "loss" or "end"."""

    kind: str
    x: float
    y: float
    width: float
    height: float
    lines: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Arrow:
    """A line with a head at its end, from (x, y) to (to_x, to_y)."""

    x: float
    y: float
    to_x: float
    to_y: float


@dataclass(frozen=True)
class FlowChart:
    """The whole diagram."""

    width: int
    height: float
    boxes: tuple[FlowBox, ...]
    arrows: tuple[Arrow, ...]
    description: str


def flow_chart(steps: Sequence[Step]) -> FlowChart:
    """Lay out the steps from top to bottom, with what each leaves out at the right."""
    boxes: list[FlowBox] = []
    arrows: list[Arrow] = []
    y = float(MARGIN)
    centre = MARGIN + MIDDLE / 2
    for index, step in enumerate(steps):
        kind = "end" if step.is_end else "step"
        box = _box(kind, MARGIN, y, MIDDLE, [step.words, f"n = {step.number}"])
        boxes.append(box)
        y = box.y + box.height
        if index + 1 == len(steps):
            break
        top, y = y, y + GAP
        losses = [(number, words) for number, words in step.left_out if number]
        if losses:
            side = _box("loss", MARGIN + MIDDLE + 30, y, WIDTH - 2 * MARGIN - MIDDLE - 30, _losses(losses))
            boxes.append(side)
            middle = place(y + side.height / 2)
            arrows.append(Arrow(centre, middle, side.x, middle))
            y += side.height + GAP
        arrows.append(Arrow(centre, top, centre, y))
    return FlowChart(WIDTH, place(y + MARGIN), tuple(boxes), tuple(arrows), describe(steps))


def describe(steps: Sequence[Step]) -> str:
    """Say the flow in words."""
    parts = []
    for step in steps:
        losses = [f"{number} {words}" for number, words in step.left_out if number]
        parts.append(f"{step.words}: {step.number}" + (f" (left out: {'; '.join(losses)})" if losses else ""))
    return ", then ".join(parts) + "."


def _losses(losses: Sequence[tuple[int, str]]) -> list[str]:
    head = f"Left out (n = {sum(number for number, _ in losses)})"
    return [head, *(f"{number} {words}" for number, words in losses)]


def _box(kind: str, x: float, y: float, width: float, words: Sequence[str]) -> FlowBox:
    room = int((width - 2 * PAD) / _LETTER)
    lines = [line for text in words for line in wrapped(text, room)]
    height = 2 * PAD + LINE * len(lines)
    placed = tuple((place(y + PAD + LINE * number + 12.5), line) for number, line in enumerate(lines))
    return FlowBox(kind, place(x), place(y), place(width), place(height), placed)


def wrapped(text: str, room: int) -> list[str]:
    """Break words into lines of at most ``room`` letters; a word that is longer is cut in pieces."""
    lines: list[str] = []
    for word in text.split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines += [word[start : start + room] for start in range(0, len(word), room)]
    return lines or [""]
