"""The score-distribution figure as plain geometry; the template draws it as inline SVG in the page's colours.

Drawing in the page's own markup keeps the figure sharp, themed (light, dark, print), readable as text and
equal byte by byte on every machine.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
BINS = 25
"""Bins of width 0.04 over scores in [0, 1]."""
WIDTH, ROW, PAD_LEFT, PAD_RIGHT, PAD_TOP, PAD_BOTTOM = 520, 74, 14, 14, 8, 40
_LABEL_SPACE = 20


@dataclass(frozen=True)
class Bar:
    """One bin's bar: its corner, width and height in the figure's user units, and its tooltip."""

    x: float
    y: float
    width: float
    height: float
    title: str


@dataclass(frozen=True)
class Strip:
    """The histogram of one group of images; ``kind`` is its colour class in the stylesheet."""

    kind: str
    label: str
    bars: tuple[Bar, ...]
    baseline: float
    label_y: float


@dataclass(frozen=True)
class Figure:
    """Score histograms of one model, one strip a group; the operating point is a line across them."""

    width: int
    height: int
    strips: tuple[Strip, ...]
    ticks: tuple[tuple[float, str], ...]
    top: float
    bottom: float
    threshold_x: float | None
    description: str


def score_figure(
    groups: Sequence[tuple[str, str, Sequence[float]]], threshold: float | None
) -> Figure | None:
    """Lay out histograms of ``groups`` of (kind, label, scores in [0, 1]); None when no group has a score.

    Each strip is scaled to its own largest bin, so that a small group is as readable as a large one.
    """
    present = [
        (kind, label, np.asarray(scores, dtype=float)) for kind, label, scores in groups if len(scores)
    ]
    if not present:
        return None
    strips = tuple(_strip(row, *group) for row, group in enumerate(present))
    bottom = PAD_TOP + ROW * len(present)
    return Figure(
        width=WIDTH,
        height=bottom + PAD_BOTTOM,
        strips=strips,
        ticks=tuple((_x(tick / 4), f"{tick / 4:g}") for tick in range(5)),
        top=PAD_TOP,
        bottom=bottom,
        threshold_x=None if threshold is None else _x(threshold),
        description=_describe(present, threshold),
    )


def _x(score: float) -> float:
    return round(PAD_LEFT + score * (WIDTH - PAD_LEFT - PAD_RIGHT), 2)


def _strip(row: int, kind: str, label: str, scores: Scores) -> Strip:
    counts, edges = np.histogram(np.clip(scores, 0, 1), bins=BINS, range=(0.0, 1.0))
    baseline = PAD_TOP + ROW * (row + 1)
    room = ROW - _LABEL_SPACE - 4
    bins = zip(counts.tolist(), edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    bars = tuple(_bar(n, low, high, baseline, room * n / counts.max()) for n, low, high in bins if n)
    return Strip(kind, f"{label} (n = {len(scores)})", bars, baseline, baseline - ROW + _LABEL_SPACE - 4)


def _bar(count: int, low: float, high: float, baseline: float, height: float) -> Bar:
    height = round(max(2.0, float(height)), 2)
    title = f"{count} image{'s' if count != 1 else ''} with a score of {low:.2f} to {high:.2f}"
    return Bar(_x(low) + 0.75, round(baseline - height, 2), round(_x(high) - _x(low) - 1.5, 2), height, title)


def _describe(groups: Sequence[tuple[str, str, Scores]], threshold: float | None) -> str:
    parts = [f"{label}: {len(v)} images, median score {np.median(v):.2f}" for _, label, v in groups]
    if threshold is not None:
        shares = [f"{np.mean(v >= threshold):.0%} at or above the operating point" for _, _, v in groups]
        parts = [f"{part}, {share}" for part, share in zip(parts, shares, strict=True)]
    return "; ".join(parts) + "."
