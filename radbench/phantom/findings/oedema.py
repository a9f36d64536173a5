"""Pulmonary oedema: bilateral perihilar haze with accentuated vessels; the heart keeps its size."""

import numpy as np

from radbench.phantom.anatomy import Anatomy
from radbench.phantom.findings.base import Drawn, Finding
from radbench.phantom.tissue import Film

_STREAM = 12


def draw(film: Film, anatomy: Anatomy, finding: Finding) -> Drawn:
    """Add haze that fades from the hila to the periphery of both lungs."""
    rng = anatomy.stream(_STREAM)
    clouds = rng.noise(anatomy.size, 14)
    wings = np.exp(-(np.square((np.abs(anatomy.x) - 0.24) / 0.33) + np.square((anatomy.y - 0.10) / 0.46)))
    haze = np.clip(wings * (1 + 0.35 * clouds), 0, 1.3) * anatomy.lung_mask
    film.base = (film.base + (0.12 + 0.16 * finding.severity) * haze).astype(np.float32)
    film.vessels = film.vessels * (1 + 0.3 * haze)
    return Drawn({"oedema": np.asarray(haze > 0.15)})
