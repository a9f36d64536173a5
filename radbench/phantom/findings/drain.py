"""Chest drain: a radio-opaque tube from the chest wall towards the apex of one lung."""

import numpy as np

from radbench.phantom.anatomy import SIDES, Anatomy
from radbench.phantom.canvas import Field, Strokes, curve
from radbench.phantom.findings.base import Drawn, Finding, composite

_STREAM = 15
_WALL, _LUMEN = 0.86, 0.80


def draw(density: Field, anatomy: Anatomy, finding: Finding) -> tuple[Field, Drawn]:
    """Lay the tube over the film; the mask is where it is at least half opaque."""
    rng, side = anatomy.stream(_STREAM), SIDES[finding.side]
    start = (side * rng.uniform(0.90, 1.1), rng.uniform(0.05, 0.50))
    tip = (side * rng.uniform(0.24, 0.42), rng.uniform(-0.52, -0.18))
    bend = (side * rng.uniform(0.42, 0.60), rng.uniform(0.15, 0.42))
    path = curve(start, bend, tip, points=48)
    tube, lumen = Strokes(anatomy.size, anatomy.place), Strokes(anatomy.size, anatomy.place)
    tube.line(path, 3.0)
    lumen.line(path, 1.0)
    opacity = tube.field()
    value = _WALL - (_WALL - _LUMEN) * lumen.field()
    return composite(density, opacity, value), Drawn({"drain": np.asarray(opacity >= 0.5)})
