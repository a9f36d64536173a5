"""Findings: each changes the film and says exactly where (its masks) and on which side.

Each draws from a random stream of its own, so that it never depends on the others.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radbench.phantom.anatomy import SIDES, Anatomy
from radbench.phantom.canvas import Field, Stream, Strokes, curve, ridge, soft
from radbench.phantom.tissue import Film

Side: TypeAlias = Literal["left", "right", ""]
Mask: TypeAlias = NDArray[np.bool_]
Box: TypeAlias = tuple[int, int, int, int]


@dataclass(frozen=True)
class Finding:
    """One finding of a study; ``side`` is the patient's own, empty for bilateral ones; ``severity`` is in [0, 1]."""

    name: str
    side: Side = ""
    severity: float = 0.5


@dataclass
class Drawn:
    """Exact masks (bool [size, size]) and boxes (x0, y0, x1, y1; x1, y1 exclusive, pixels) of a drawn finding."""

    masks: dict[str, Mask] = field(default_factory=dict)
    boxes: list[Box] = field(default_factory=list)


def random_side(rng: Stream) -> Side:
    """Draw a side."""
    return "left" if rng.chance(0.5) else "right"


def _composite(density: Field, alpha: Field, value: Field | float) -> Field:
    """Lay an opaque structure over a film: ``alpha`` in [0, 1] is its opacity."""
    return (density * (1 - alpha) + alpha * value).astype(np.float32)


def _draw_pneumothorax(film: Film, anatomy: Anatomy, finding: Finding) -> Drawn:
    """Draw a dark lateral band without lung markings, bounded by a pleural line; the mask covers both."""
    rng, lung, severity = anatomy.stream(11), anatomy.lungs[SIDES[finding.side]], finding.severity
    width = (0.11 + 0.38 * severity) * (1.05 - 0.55 * np.clip(lung.height, 0, 1)) * (1 + rng.normal(0, 0.02))
    width = width + 0.02 * np.sin(6 * lung.height + rng.uniform(0, 6))
    width = width * soft(0.58 + 0.52 * severity - lung.height, 0.06)
    cap = 0.04 + 0.13 * severity
    from_pleura = np.minimum(lung.medial - width, (lung.height - cap) * 0.9).astype(np.float32)
    air = lung.mask * soft(-from_pleura, 0.030)
    line = ridge(from_pleura, 0.026) * lung.mask * soft(width - 0.03, 0.01)
    film.vessels = film.vessels * (1 - air)
    film.texture = film.texture * (1 - air)
    film.base = (film.base - (0.100 + 0.03 * severity) * air + 0.115 * line).astype(np.float32)
    pleural_line = np.asarray((line > 0.4) & (lung.depth > 0))
    return Drawn({"pneumothorax": (air > 0.4) | pleural_line, "pleural_line": pleural_line})


def _draw_oedema(film: Film, anatomy: Anatomy, finding: Finding) -> Drawn:
    """Add bilateral perihilar haze with accentuated vessels; the heart keeps its size."""
    rng = anatomy.stream(12)
    clouds = rng.noise(anatomy.size, 14)
    wings = np.exp(-(np.square((np.abs(anatomy.x) - 0.24) / 0.33) + np.square((anatomy.y - 0.10) / 0.46)))
    haze = np.clip(wings * (1 + 0.35 * clouds), 0, 1.3) * anatomy.lung_mask
    film.base = (film.base + (0.12 + 0.16 * finding.severity) * haze).astype(np.float32)
    film.vessels = film.vessels * (1 + 0.3 * haze)
    return Drawn({"oedema": np.asarray(haze > 0.15)})


def _draw_consolidation(film: Film, anatomy: Anatomy, finding: Finding) -> Drawn:
    """Fill the air spaces of one upper lobe: a homogeneous opacity, bounded below by the fissure."""
    rng, lung = anatomy.stream(13), anatomy.lungs[SIDES[finding.side]]
    patchy, fine = rng.noise(anatomy.size, 11), rng.noise(anatomy.size, 28)
    fissure = rng.uniform(0.36, 0.50) + rng.uniform(-0.15, 0.15) * (lung.medial - 0.5) + 0.05 * patchy
    lobe = soft(fissure - lung.height, 0.035) * lung.mask
    opacity = np.clip(lobe * (0.92 + 0.14 * patchy + 0.10 * fine), 0, 1.15)
    film.base = (film.base + (0.20 + 0.15 * finding.severity) * opacity).astype(np.float32)
    film.vessels = film.vessels * (1 - 0.6 * opacity)
    return Drawn({"consolidation": np.asarray(lobe > 0.4)})


def _draw_covid(film: Film, anatomy: Anatomy, finding: Finding) -> Drawn:
    """Add one or two patchy peripheral opacities to each lung; ``covid_boxes`` is the union of their boxes."""
    rng, size = anatomy.stream(14), anatomy.size
    fine, edge = rng.noise(size, 22), rng.noise(size, 10)
    opacity, boxes = np.zeros_like(anatomy.x), []
    for lung in anatomy.lungs.values():
        for _ in range(rng.integer(1, 3)):
            centre = (rng.uniform(0.45, 0.82), rng.uniform(0.12, 0.32))
            radii = (rng.uniform(0.10, 0.19), rng.uniform(0.16, 0.30))
            down, across = (lung.height - centre[0]) / radii[0], (lung.medial - centre[1]) / radii[1]
            distance = np.sqrt(np.square(down) + np.square(across))
            patch = soft(1 - distance + 0.22 * edge, 0.16) * lung.mask
            opacity = np.maximum(opacity, patch)
            boxes += _box(np.asarray(patch > 0.25))
    added = (0.15 + 0.11 * finding.severity) * opacity * (1 + 0.18 * fine)
    film.base = (film.base + added).astype(np.float32)
    film.vessels = film.vessels * (1 - 0.4 * opacity)
    return Drawn({"covid": np.asarray(opacity > 0.3), "covid_boxes": _fill(boxes, size)}, boxes)


def _box(mask: Mask) -> list[Box]:
    rows, columns = np.nonzero(mask)
    if rows.size == 0:
        return []
    size, pad = mask.shape[0], mask.shape[0] // 64
    x0, y0 = max(int(columns.min()) - pad, 0), max(int(rows.min()) - pad, 0)
    return [(x0, y0, min(int(columns.max()) + pad + 1, size), min(int(rows.max()) + pad + 1, size))]


def _fill(boxes: list[Box], size: int) -> Mask:
    mask = np.zeros((size, size), dtype=np.bool_)
    for x0, y0, x1, y1 in boxes:
        mask[y0:y1, x0:x1] = True
    return mask


def _draw_drain(density: Field, anatomy: Anatomy, finding: Finding) -> tuple[Field, Drawn]:
    """Lay a tube from the chest wall towards the apex over the film; the mask is where it is at least half opaque."""
    rng, side = anatomy.stream(15), SIDES[finding.side]
    start = (side * rng.uniform(0.90, 1.1), rng.uniform(0.05, 0.50))
    tip = (side * rng.uniform(0.24, 0.42), rng.uniform(-0.52, -0.18))
    bend = (side * rng.uniform(0.42, 0.60), rng.uniform(0.15, 0.42))
    path = curve(start, bend, tip, points=48)
    tube, lumen = Strokes(anatomy.size, anatomy.place), Strokes(anatomy.size, anatomy.place)
    tube.line(path, 3.0)
    lumen.line(path, 1.0)
    opacity = tube.field()
    value = 0.86 - (0.86 - 0.80) * lumen.field()
    return _composite(density, opacity, value), Drawn({"drain": np.asarray(opacity >= 0.5)})


def _draw_pacemaker(density: Field, anatomy: Anatomy, _: Finding) -> tuple[Field, Drawn]:
    """Lay a left pectoral generator and its two leads over the film.

    ``pacemaker`` is both, ``pacemaker_box`` the generator alone.
    """
    rng = anatomy.stream(16)
    centre = (rng.uniform(0.50, 0.60), rng.uniform(-0.46, -0.34))
    angle, half = rng.uniform(-0.5, 0.5), (rng.uniform(0.085, 0.11), rng.uniform(0.095, 0.12))
    box = _generator(anatomy.x - centre[0], anatomy.y - centre[1], angle, half)
    inlet = rng.uniform(0.02, 0.10)
    ventricle = rng.uniform(0.12, 0.26), rng.uniform(0.40, 0.50)
    atrium = inlet - 0.10, rng.uniform(0.12, 0.22)
    strokes = Strokes(anatomy.size, anatomy.place)
    for offset, tip, sag in ((0.06, ventricle, (inlet - 0.16, 0.18)), (0.02, atrium, (inlet - 0.10, 0.10))):
        start = (centre[0] - 0.05, centre[1] - offset)
        strokes.line(curve(start, (inlet + 0.12, -0.66 + offset / 2), (inlet, -0.30)), 1.6)
        strokes.line(curve((inlet, -0.30), sag, tip), 1.6)
    leads = 0.9 * strokes.field()
    density = _composite(_composite(density, leads, 0.84), box, 0.92)
    masks = {"pacemaker": np.asarray((box > 0.4) | (leads > 0.4)), "pacemaker_box": np.asarray(box > 0.4)}
    return density, Drawn(masks)


def _generator(x: Field, y: Field, angle: float, half: tuple[float, float]) -> Field:
    across = np.abs(x * math.cos(angle) + y * math.sin(angle)) / half[0]
    along = np.abs(y * math.cos(angle) - x * math.sin(angle)) / half[1]
    distance = np.power(np.power(across, 3.2) + np.power(along, 3.2), 1 / 3.2)
    return soft(1 - distance, 0.07)


LUNG_FINDINGS: dict[str, Callable[[Film, Anatomy, Finding], Drawn]] = {
    "pneumothorax": _draw_pneumothorax,
    "oedema": _draw_oedema,
    "consolidation": _draw_consolidation,
    "covid": _draw_covid,
}
"""Findings of the lung, drawn into the film's layers in this order."""

DEVICES: dict[str, Callable[[Field, Anatomy, Finding], tuple[Field, Drawn]]] = {
    "drain": _draw_drain,
    "pacemaker": _draw_pacemaker,
}
"""Opaque devices, composed over the finished film in this order."""

FINDING_NAMES: tuple[str, ...] = (*LUNG_FINDINGS, *DEVICES)
"""Every finding the phantom can draw."""
