"""The healthy film: soft tissue, air, mediastinum, bones and lung vessels of one anatomy."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from radbench.phantom.anatomy import LEFT, Anatomy
from radbench.phantom.canvas import Field, Point, Stream, Strokes, ellipse, ridge, soft

_TISSUE, _BONES, _VESSELS = 1, 2, 3


@dataclass
class Film:
    """Optical density in layers, float32 [size, size]: findings may change ``base``, ``vessels`` and ``texture``."""

    base: Field
    vessels: Field
    texture: Field

    def density(self) -> Field:
        """Return the sum of the layers; 0 is black (air), 1 white (metal)."""
        return self.base + self.vessels + self.texture


def expose(anatomy: Anatomy) -> Film:
    """Return the film of a patient without any finding."""
    rng = anatomy.stream(_TISSUE)
    body = _body(anatomy, rng)
    base = body * (
        0.50 + 0.025 * rng.noise(anatomy.size, 9) + 0.06 * anatomy.y + rng.uniform(-0.05, 0.05) * anatomy.x
    )
    base = base - rng.uniform(0.28, 0.36) * _aeration(anatomy)
    base = base + _mediastinum(anatomy, rng, body) + _abdomen(anatomy, rng, body)
    base = base + _bones(anatomy, body) + _breasts(anatomy, rng, body)
    vessels = _vessels(anatomy)
    texture = 0.010 * rng.noise(anatomy.size, 30) * anatomy.lung_mask
    return Film(base.astype(np.float32) + _hila(anatomy), vessels, texture)


def _body(anatomy: Anatomy, rng: Stream) -> Field:
    neck, slope, waist = rng.uniform(0.22, 0.30), rng.uniform(0.32, 0.45), rng.uniform(0.05, 0.25)
    width = neck + (1.15 - neck) * np.sqrt(np.clip((anatomy.y + 1.0) / slope, 0, 1))
    torso = np.minimum(width, 1.15 - waist * np.clip((anatomy.y + 0.35) / 0.5, 0, 1))
    return soft(np.where(anatomy.y > -0.35, torso, width) - np.abs(anatomy.x), 0.02)


def _aeration(anatomy: Anatomy) -> Field:
    return sum(
        (
            lung.mask
            * (0.80 + 0.20 * np.sqrt(np.clip(4 * lung.medial * (1 - lung.medial), 0, 1)))
            * (1 - 0.12 * np.clip(lung.height, 0, 1))
            for lung in anatomy.lungs.values()
        ),
        start=np.zeros_like(anatomy.x),
    )


def _mediastinum(anatomy: Anatomy, rng: Stream, body: Field) -> Field:
    x, y, lateral = anatomy.x, anatomy.y, np.abs(anatomy.x)
    column = soft(0.15 + 0.03 * np.sin(4 * y + rng.uniform(0, 6)) - lateral, 0.035)
    spine = soft(0.075 - lateral, 0.012) * body
    discs = np.cos(2 * np.pi * y / rng.uniform(0.13, 0.16) + rng.uniform(0, 6.3))
    trachea_x = 0.02 * np.sin(3 * y) + rng.normal(0, 0.012)
    trachea = soft(0.045 - np.abs(x - trachea_x), 0.014) * soft(-0.14 - y, 0.04)
    centre = (rng.uniform(0.08, 0.14), rng.uniform(0.34, 0.42))
    radii = (anatomy.heart_bulge + rng.uniform(0.13, 0.18), rng.uniform(0.25, 0.31))
    heart = ellipse(x, y, centre, radii, 0.055) * soft(anatomy.lungs[LEFT].diaphragm + 0.03 - y, 0.03)
    knuckle = ellipse(x, y, (0.12, -0.24), (0.085, 0.10), 0.10)
    spine_density = spine * (0.030 + 0.028 * discs)
    heart_density = 0.135 * heart * (1 - 0.25 * column)
    return np.asarray(0.13 * column * body + spine_density - 0.10 * trachea + heart_density + 0.07 * knuckle)


def _abdomen(anatomy: Anatomy, rng: Stream, body: Field) -> Field:
    below = soft(anatomy.y - anatomy.both("diaphragm"), 0.02)
    flank = soft(1.1 * anatomy.both("outer") + 0.22 - np.abs(anatomy.x), 0.05)
    density = 0.13 * below * flank * body * np.where(anatomy.x < 0, 1.1, 0.85)
    has_bubble = rng.chance(0.5)
    centre = rng.uniform(0.30, 0.46), anatomy.lungs[LEFT].base + rng.uniform(0.02, 0.07)
    if has_bubble:
        density = density - 0.13 * ellipse(anatomy.x, anatomy.y, centre, (0.12, 0.06), 0.25)
    return density


def _breasts(anatomy: Anatomy, rng: Stream, body: Field) -> Field:
    if not rng.chance(0.45):
        return np.zeros_like(anatomy.x)
    density = rng.uniform(0.02, 0.055)
    lower = soft(anatomy.y - 0.15, 0.10)
    shapes = (ellipse(anatomy.x * side, anatomy.y, (0.42, 0.30), (0.36, 0.34), 0.05) for side in (-1, 1))
    return density * body * lower * sum(shapes, start=np.zeros_like(anatomy.x))


def _bones(anatomy: Anatomy, body: Field) -> Field:
    rng = anatomy.stream(_BONES)
    density = _ribs(anatomy, rng)
    outer, diaphragm, y = anatomy.both("outer"), anatomy.both("diaphragm"), anatomy.y
    wall = ridge(outer + 0.015 - np.abs(anatomy.x), 0.014)
    density = (
        density + 0.045 * wall * soft(y - anatomy.apex - 0.05, 0.03) * soft(diaphragm + 0.15 - y, 0.05) * body
    )
    for side in (-1, 1):
        scapula = ellipse(anatomy.x * side, y, (rng.uniform(0.75, 0.83), -0.22), (0.12, 0.34), 0.12)
        density = density + (0.055 * scapula + _clavicle(anatomy, rng, side)) * body
    return density


def _ribs(anatomy: Anatomy, rng: Stream) -> Field:
    x, y = anatomy.x, anatomy.y
    lateral, radius = np.abs(x), np.abs(x) / anatomy.half_width
    outer, diaphragm = anatomy.both("outer"), anatomy.both("diaphragm")
    spacing, phase, tilt = rng.uniform(0.150, 0.185), rng.uniform(-0.5, 0.5), rng.uniform(-0.12, 0.12)
    cage = soft(outer + 0.035 - lateral, 0.02) * soft(lateral - 0.10, 0.03)
    cage = cage * soft(y - anatomy.apex + 0.10, 0.04) * soft(diaphragm + 0.22 - y, 0.10)
    drop = 0.06 * radius + 0.24 * radius**3.2 + rng.uniform(-0.02, 0.05) * radius
    back = np.cos(2 * np.pi * ((y - drop) / spacing + phase + tilt * np.sign(x)))
    posterior = 0.052 * soft(back - 0.15, 0.16) + 0.030 * ridge(back - 0.15, 0.30) * (back < 0.6)
    rise = -0.42 * (radius - 0.45) * (radius > 0.2)
    front = np.cos(2 * np.pi * ((y - rise) / (spacing * 1.05) + phase + 0.37))
    anterior = (0.030 * soft(front - 0.2, 0.2) + 0.010 * ridge(front - 0.2, 0.3)) * soft(radius - 0.33, 0.06)
    return rng.uniform(0.75, 1.2) * cage * (posterior + anterior) * (0.35 + 0.65 * (y < diaphragm))


def _clavicle(anatomy: Anatomy, rng: Stream, side: int) -> Field:
    medial_y, lateral_y, bow = rng.uniform(-0.60, -0.52), rng.uniform(-0.70, -0.60), rng.uniform(0.02, 0.06)
    own_x = anatomy.x * side
    along = np.clip((own_x - 0.08) / 0.67, 0, 1)
    distance = np.abs(
        anatomy.y - (medial_y + (lateral_y - medial_y) * along + bow * np.sin(2 * np.pi * along))
    )
    width = 0.030 + 0.012 * np.abs(2 * along - 1)
    extent = soft(own_x - 0.07, 0.012) * soft(0.80 - own_x, 0.02)
    return extent * (0.085 * soft(width - distance, 0.010) + 0.05 * ridge(distance - width, 0.011))


def _hila(anatomy: Anatomy) -> Field:
    parts = (
        np.exp(-(np.square((anatomy.x - side * 0.19) / 0.075) + np.square((anatomy.y - 0.01) / 0.13)))
        for side in (-1, 1)
    )
    return (0.10 * sum(parts, start=np.zeros_like(anatomy.x))).astype(np.float32)


def _vessels(anatomy: Anatomy) -> Field:
    rng = anatomy.stream(_VESSELS)
    strokes = Strokes(anatomy.size, anatomy.place, oversample=2)
    for side in (-1, 1):
        root = (side * rng.uniform(0.14, 0.18), rng.uniform(-0.06, 0.04))
        for angle in np.linspace(-1.35, 1.25, 11).tolist():
            _draw_vessel(strokes, rng, side, root, angle + rng.normal(0, 0.08))
    return 0.13 * rng.uniform(0.8, 1.15) * strokes.field() * anatomy.lung_mask


def _draw_vessel(strokes: Strokes, rng: Stream, side: int, root: Point, angle: float) -> None:
    """Draw a tapering, wandering vessel with one twig from ``root`` on, in radians, 0 is lateral."""
    width, points = rng.uniform(1.5, 2.6), [root]
    for _ in range(int(rng.uniform(5, 9))):
        angle += rng.normal(0, 0.20)
        x, y = points[-1]
        points.append((x + side * math.cos(angle) * 0.07, y + math.sin(angle) * 0.085))
    for step, (start, end) in enumerate(pairwise(points)):
        share = step / len(points)
        strokes.line([start, end], width * (1 - 0.8 * share), 0.9 * (1 - 0.75 * share))
    x, y = points[int(rng.uniform(1, len(points) - 2))]
    twig = angle + rng.uniform(0.4, 0.8) * (1 if rng.chance(0.5) else -1)
    strokes.line([(x, y), (x + side * math.cos(twig) * 0.16, y + math.sin(twig) * 0.17)], 1, 0.47)
