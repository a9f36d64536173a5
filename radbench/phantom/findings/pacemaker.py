"""Left pectoral pacemaker: the generator box and two leads to the right atrium and ventricle."""

import math

import numpy as np

from radbench.phantom.anatomy import Anatomy
from radbench.phantom.canvas import Field, Strokes, curve, soft
from radbench.phantom.findings.base import Drawn, Finding, composite

_STREAM = 16


def draw(density: Field, anatomy: Anatomy, _: Finding) -> tuple[Field, Drawn]:
    """Lay generator and leads over the film; ``pacemaker`` is both, ``pacemaker_box`` the generator alone."""
    rng = anatomy.stream(_STREAM)
    centre = (rng.uniform(0.50, 0.60), rng.uniform(-0.46, -0.34))
    box = _generator(
        anatomy, centre, rng.uniform(-0.5, 0.5), (rng.uniform(0.085, 0.11), rng.uniform(0.095, 0.12))
    )
    inlet = rng.uniform(0.02, 0.10)
    ventricle, atrium = (
        (rng.uniform(0.12, 0.26), rng.uniform(0.40, 0.50)),
        (inlet - 0.10, rng.uniform(0.12, 0.22)),
    )
    strokes = Strokes(anatomy.size, anatomy.place)
    for offset, tip, sag in ((0.06, ventricle, (inlet - 0.16, 0.18)), (0.02, atrium, (inlet - 0.10, 0.10))):
        start = (centre[0] - 0.05, centre[1] - offset)
        strokes.line(curve(start, (inlet + 0.12, -0.66 + offset / 2), (inlet, -0.30)), 1.6)
        strokes.line(curve((inlet, -0.30), sag, tip), 1.6)
    leads = 0.9 * strokes.field()
    density = composite(composite(density, leads, 0.84), box, 0.92)
    masks = {"pacemaker": np.asarray((box > 0.4) | (leads > 0.4)), "pacemaker_box": np.asarray(box > 0.4)}
    return density, Drawn(masks)


def _generator(
    anatomy: Anatomy, centre: tuple[float, float], angle: float, half: tuple[float, float]
) -> Field:
    x, y = anatomy.x - centre[0], anatomy.y - centre[1]
    across = np.abs(x * math.cos(angle) + y * math.sin(angle)) / half[0]
    along = np.abs(y * math.cos(angle) - x * math.sin(angle)) / half[1]
    distance = np.power(np.power(across, 3.2) + np.power(along, 3.2), 1 / 3.2)
    return soft(1 - distance, 0.07)
