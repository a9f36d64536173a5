"""Consolidation of the left or right upper lobe: a homogeneous opacity bounded below by the fissure."""

import numpy as np

from radbench.phantom.anatomy import Anatomy
from radbench.phantom.canvas import soft
from radbench.phantom.findings.base import Drawn, Finding, lung_of
from radbench.phantom.tissue import Film

_STREAM = 13


def draw(film: Film, anatomy: Anatomy, finding: Finding) -> Drawn:
    """Fill the air spaces of one upper lobe."""
    rng, lung = anatomy.stream(_STREAM), lung_of(anatomy, finding)
    patchy, fine = rng.noise(anatomy.size, 11), rng.noise(anatomy.size, 28)
    fissure = rng.uniform(0.36, 0.50) + rng.uniform(-0.15, 0.15) * (lung.medial - 0.5) + 0.05 * patchy
    lobe = soft(fissure - lung.height, 0.035) * lung.mask
    opacity = np.clip(lobe * (0.92 + 0.14 * patchy + 0.10 * fine), 0, 1.15)
    film.base = (film.base + (0.20 + 0.15 * finding.severity) * opacity).astype(np.float32)
    film.vessels = film.vessels * (1 - 0.6 * opacity)
    return Drawn({"consolidation": np.asarray(lobe > 0.4)})
