"""Compose anatomy, findings and acquisition into one radiograph with all its masks."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError, did_you_mean
from radbench.phantom.acquisition import Hospital, acquire
from radbench.phantom.anatomy import LEFT, RIGHT, Anatomy, draw_anatomy
from radbench.phantom.findings import DEVICES, FINDING_NAMES, LUNG_FINDINGS, Finding
from radbench.phantom.findings.base import Box, Mask
from radbench.phantom.tissue import Film, expose

PHANTOM_VERSION = 1
"""Raised whenever the same seed would give other pixels."""


@dataclass(frozen=True)
class Radiograph:
    """A rendered study: ``image`` uint8 [size, size]; ``masks`` bool [size, size] by name; ``boxes`` by finding."""

    image: NDArray[np.uint8]
    masks: dict[str, Mask]
    boxes: dict[str, list[Box]]


def render(
    seed: int, findings: Iterable[Finding] = (), hospital: Hospital = "A", size: int = 128
) -> Radiograph:
    """Render the patient with this seed.

    The same seed gives the same anatomy, positioning, exposure and film grain, whatever the findings: two calls
    that differ in one finding are each other's true counterfactual.

    Args:
        seed: the patient.
        findings: what to draw, each finding at most once, in any order.
        hospital: acquisition style.
        size: side of the square image in pixels.

    Raises:
        UsageError: an unknown finding, or the same finding twice.
    """
    by_name = _by_name(findings)
    anatomy, film = _healthy(seed, size)
    film, masks, boxes = copy.copy(film), _lung_masks(anatomy), {}
    for name, draw in LUNG_FINDINGS.items():
        if name in by_name:
            drawn = draw(film, anatomy, by_name[name])
            masks |= drawn.masks
            boxes[name] = drawn.boxes
    density = film.density()
    for name, lay in DEVICES.items():
        if name in by_name:
            density, drawn = lay(density, anatomy, by_name[name])
            masks |= drawn.masks
    exposed, masks["markings"] = acquire(density, anatomy, hospital)
    return Radiograph(np.rint(exposed * 255).astype(np.uint8), masks, boxes)


def _by_name(findings: Iterable[Finding]) -> dict[str, Finding]:
    by_name: dict[str, Finding] = {}
    for finding in findings:
        if finding.name not in FINDING_NAMES:
            raise UsageError(
                f"The phantom has no finding '{finding.name}'; it draws {', '.join(FINDING_NAMES)}."
                + did_you_mean(finding.name, FINDING_NAMES)
            )
        if finding.name in by_name:
            raise UsageError(f"The finding '{finding.name}' was given twice; give each finding once.")
        by_name[finding.name] = finding
    return by_name


@lru_cache(maxsize=4)
def _healthy(seed: int, size: int) -> tuple[Anatomy, Film]:
    anatomy = draw_anatomy(seed, size)
    return anatomy, expose(anatomy)


def _lung_masks(anatomy: Anatomy) -> dict[str, Mask]:
    left, right = (np.asarray(anatomy.lungs[side].depth > 0) for side in (LEFT, RIGHT))
    return {"lung_left": left, "lung_right": right, "lungs": left | right}
