"""One patient's anatomy: lung geometry and body proportions, all drawn from the patient's seed."""

import math
from dataclasses import dataclass

import numpy as np

from radbench.phantom.canvas import Field, Point, Stream, grid, soft

LEFT, RIGHT = 1, -1
"""Sign of the image's x axis on which the patient's left and right lie (a frontal film is seen from the front)."""

SIDES = {"left": LEFT, "right": RIGHT}


@dataclass(frozen=True)
class Lung:
    """One lung, every field float32 [size, size].

    ``mask`` is soft in [0, 1]; ``depth`` is the signed distance to the border (positive inside); ``height`` runs
    from 0 at the apex to 1 at the base; ``medial`` from 0 at the chest wall to 1 at the mediastinum.
    """

    mask: Field
    depth: Field
    height: Field
    medial: Field
    outer: Field
    diaphragm: Field
    base: float


@dataclass(frozen=True)
class Anatomy:
    """Geometry of one patient on a pixel grid; ``x``, ``y`` are patient coordinates after posture and position."""

    seed: int
    size: int
    x: Field
    y: Field
    posture: tuple[float, float, float, float]
    lungs: dict[int, Lung]
    apex: float
    half_width: float
    heart_bulge: float

    def place(self, x: float, y: float) -> Point:
        """Map patient coordinates to image coordinates, the inverse of what made ``self.x, self.y``."""
        angle, scale, dx, dy = self.posture
        cos, sin, x, y = math.cos(angle), math.sin(angle), x * scale, y * scale
        return x * cos - y * sin + dx, x * sin + y * cos + dy

    def both(self, name: str) -> Field:
        """Return a lung field with each half of the image taken from its own lung."""
        left, right = (getattr(self.lungs[side], name) for side in (LEFT, RIGHT))
        return np.asarray(np.where(self.x > 0, left, right))

    @property
    def lung_mask(self) -> Field:
        """Soft mask of both lungs, float32 [size, size] in [0, 1]."""
        return self.lungs[LEFT].mask + self.lungs[RIGHT].mask

    def stream(self, tag: int) -> Stream:
        """Return this patient's random stream for one layer, independent of every other layer."""
        return Stream(self.seed, tag)


def draw_anatomy(seed: int, size: int) -> Anatomy:
    """Draw the anatomy of the patient with this seed on a ``size`` x ``size`` grid."""
    rng = Stream(seed, 0)
    posture = (
        math.radians(rng.normal(0, 1.5)),
        rng.uniform(0.93, 1.07),
        rng.normal(0, 0.022),
        rng.normal(0, 0.026),
    )
    x, y = _patient_grid(size, posture)
    apex, half_width = rng.uniform(-0.78, -0.66), rng.uniform(0.60, 0.72)
    apex_x, heart_bulge = rng.uniform(0.26, 0.32), rng.uniform(0.17, 0.27)
    lungs = {
        side: _draw_lung(rng, side, x, y, apex, half_width, apex_x, heart_bulge if side == LEFT else 0.06)
        for side in (RIGHT, LEFT)
    }
    return Anatomy(seed, size, x, y, posture, lungs, apex, half_width, heart_bulge)


def _patient_grid(size: int, posture: tuple[float, float, float, float]) -> tuple[Field, Field]:
    angle, scale, dx, dy = posture
    image_x, image_y = grid(size)
    cos, sin = math.cos(angle), math.sin(angle)
    x = ((image_x - dx) * cos + (image_y - dy) * sin) / scale
    y = (-(image_x - dx) * sin + (image_y - dy) * cos) / scale
    return x, y


def _draw_lung(
    rng: Stream, side: int, x: Field, y: Field, apex: float, width: float, apex_x: float, bulge: float
) -> Lung:
    base = rng.uniform(0.56, 0.70) + (0.04 if side == LEFT else 0.0)
    hilum_x, dome_x, dome = rng.uniform(0.12, 0.15), rng.uniform(0.34, 0.42), rng.uniform(0.13, 0.20)
    lateral = np.abs(x)
    height = (y - apex) / (base - apex)
    shoulder, inward = np.clip(height / 0.78, 0, 1), np.clip(height / 0.22, 0, 1)
    outer = (
        apex_x + (width - apex_x) * np.sqrt(1 - (1 - shoulder) ** 2.3) - 0.03 * np.clip(height - 0.8, 0, 1)
    )
    inner = apex_x - (apex_x - hilum_x) * np.sqrt(1 - (1 - inward) ** 2)
    inner = inner + bulge * np.exp(-np.square((height - 0.86) / 0.22))
    own_x = np.where(np.sign(x) == side, lateral, -1.0)
    lateral_dip = dome * 1.15 * np.square((own_x - dome_x) / (width - dome_x)) * (own_x > dome_x)
    medial_dip = 0.10 * np.square((own_x - dome_x) / dome_x) * (own_x <= dome_x)
    diaphragm = (base - dome + lateral_dip + medial_dip).astype(np.float32)
    depth = np.minimum(np.minimum(outer - lateral, lateral - inner), diaphragm - y)
    depth = np.where((x * side > 0) & (height > 0), depth, -1.0).astype(np.float32)
    medial = np.clip((outer - lateral) / np.maximum(outer - inner, 0.05), 0, 1)
    return Lung(
        soft(depth, 0.013),
        depth,
        height.astype(np.float32),
        medial.astype(np.float32),
        outer.astype(np.float32),
        diaphragm,
        base,
    )
