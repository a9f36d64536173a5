"""COVID-like pneumonia: patchy peripheral opacities of both lower and middle zones, each with its box."""

import numpy as np

from radbench.phantom.anatomy import Anatomy
from radbench.phantom.canvas import soft
from radbench.phantom.findings.base import Box, Drawn, Finding, Mask
from radbench.phantom.tissue import Film

_STREAM = 14


def draw(film: Film, anatomy: Anatomy, finding: Finding) -> Drawn:
    """Add one or two opacities to each lung; ``covid_boxes`` is the union of their boxes."""
    rng, size = anatomy.stream(_STREAM), anatomy.size
    fine, edge = rng.noise(size, 22), rng.noise(size, 10)
    opacity, boxes = np.zeros_like(anatomy.x), []
    for lung in anatomy.lungs.values():
        for _ in range(rng.integer(1, 3)):
            centre = (rng.uniform(0.45, 0.82), rng.uniform(0.12, 0.32))
            radii = (rng.uniform(0.10, 0.19), rng.uniform(0.16, 0.30))
            distance = np.sqrt(
                np.square((lung.height - centre[0]) / radii[0])
                + np.square((lung.medial - centre[1]) / radii[1])
            )
            patch = soft(1 - distance + 0.22 * edge, 0.16) * lung.mask
            opacity = np.maximum(opacity, patch)
            boxes += _box(np.asarray(patch > 0.25))
    film.base = (film.base + (0.15 + 0.11 * finding.severity) * opacity * (1 + 0.18 * fine)).astype(
        np.float32
    )
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
