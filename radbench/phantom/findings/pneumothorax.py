"""Pneumothorax: a dark lateral band without lung markings, bounded by a visible pleural line."""

import numpy as np

from radbench.phantom.anatomy import Anatomy
from radbench.phantom.canvas import ridge, soft
from radbench.phantom.findings.base import Drawn, Finding, lung_of
from radbench.phantom.tissue import Film

_STREAM = 11


def draw(film: Film, anatomy: Anatomy, finding: Finding) -> Drawn:
    """Draw air between chest wall and lung; the mask covers the air and the pleural line."""
    rng, lung, severity = anatomy.stream(_STREAM), lung_of(anatomy, finding), finding.severity
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
