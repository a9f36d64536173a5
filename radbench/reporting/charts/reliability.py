"""A reliability diagram: mean score against the share that has the target, a point a tenth of the score."""

from collections.abc import Sequence
from dataclasses import dataclass

from radbench.reporting.charts.axis import WIDTH, Axis, make_axis, place

LEFT, RIGHT, TOP, FOOT = 52, 16, 12, 42
PLOT = WIDTH - LEFT - RIGHT
_SMALLEST, _LARGEST = 2.5, 10.0


@dataclass(frozen=True)
class Tenth:
    """One tenth of the score: mean score, share with the target, and how many images."""

    score: float
    positive: float
    n: int


@dataclass(frozen=True)
class Spot:
    """One point; its area grows with the images in it."""

    x: float
    y: float
    radius: float
    title: str


@dataclass(frozen=True)
class ReliabilityLine:
    """One set of images; ``kind`` is its colour class, ``points`` as the SVG element takes them."""

    kind: str
    label: str
    points: str
    spots: tuple[Spot, ...]


@dataclass(frozen=True)
class Reliability:
    """A square diagram; both axes are shares in per cent."""

    width: int
    height: int
    left: int
    right: int
    top: int
    bottom: int
    across: Axis
    upright: Axis
    lines: tuple[ReliabilityLine, ...]
    description: str


def reliability_chart(groups: Sequence[tuple[str, str, Sequence[Tenth]]]) -> Reliability | None:
    """Lay out ``groups`` of (kind, label, tenths); None when none of them holds an image."""
    most = max((tenth.n for _, _, tenths in groups for tenth in tenths), default=0)
    if not most:
        return None
    right, bottom = LEFT + PLOT, TOP + PLOT
    across = make_axis([0.0, 1.0], LEFT, right, at_most=6, scale=100.0, bounds=(0.0, 1.0))
    upright = make_axis([0.0, 1.0], bottom, TOP, at_most=6, scale=100.0, bounds=(0.0, 1.0))
    lines = tuple(
        _line(kind, label, [tenth for tenth in tenths if tenth.n], most, (across, upright))
        for kind, label, tenths in groups
        if any(tenth.n for tenth in tenths)
    )
    return Reliability(
        width=WIDTH,
        height=bottom + FOOT,
        left=LEFT,
        right=right,
        top=TOP,
        bottom=bottom,
        across=across,
        upright=upright,
        lines=lines,
        description="; ".join(spot.title for line in lines for spot in line.spots) + ".",
    )


def _line(
    kind: str, label: str, tenths: Sequence[Tenth], most: int, axes: tuple[Axis, Axis]
) -> ReliabilityLine:
    across, upright = axes
    spots = tuple(
        Spot(
            across.at(tenth.score),
            upright.at(tenth.positive),
            place(_SMALLEST + (_LARGEST - _SMALLEST) * (tenth.n / most) ** 0.5),
            f"{label}: mean score {tenth.score:.2f}, {tenth.positive:.0%} positive (n = {tenth.n})",
        )
        for tenth in sorted(tenths, key=lambda tenth: tenth.score)
    )
    return ReliabilityLine(kind, label, " ".join(f"{spot.x:g},{spot.y:g}" for spot in spots), spots)
