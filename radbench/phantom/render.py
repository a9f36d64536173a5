"""Compose anatomy, findings and a hospital's acquisition into one radiograph with all its masks."""

import copy
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from radbench.errors import UsageError, did_you_mean
from radbench.phantom.anatomy import LEFT, RIGHT, Anatomy, draw_anatomy
from radbench.phantom.canvas import Field, Stream
from radbench.phantom.findings import DEVICES, FINDING_NAMES, LUNG_FINDINGS, Box, Finding, Mask
from radbench.phantom.tissue import Film, expose

Hospital: TypeAlias = Literal["A", "B"]

_GLYPHS: dict[str, list[list[tuple[float, float]]]] = {
    "L": [[(0, 0), (0, 1), (1, 1)]],
    "R": [[(0, 1), (0, 0), (0.85, 0), (1, 0.25), (0.85, 0.5), (0, 0.5)], [(0.4, 0.5), (1, 1)]],
}


def _acquire(density: Field, anatomy: Anatomy, hospital: Hospital) -> tuple[Field, Mask]:
    """Return the film as the hospital delivers it, float32 in [0, 1], and the mask of its markings.

    Hospital A prints a plain L in the patient's upper left corner on most films. Hospital B prints a boxed R on
    the other side, brightens the mid tones and leaves black bars above and below.
    """
    rng = anatomy.stream(21)
    grain = rng.white(anatomy.size)
    grain = 0.6 * grain + 0.2 * (np.roll(grain, 1, axis=0) + np.roll(grain, 1, axis=1))
    gain, offset = rng.uniform(0.93, 1.08), rng.normal(0, 0.02)
    exposed = (density - 0.45) * gain + 0.45 + offset
    develop = _hospital_a if hospital == "A" else _hospital_b
    film, markings = develop(exposed, grain, rng)
    return np.clip(film, 0, 1).astype(np.float32), markings


def _hospital_a(film: Field, grain: Field, rng: Stream) -> tuple[Field, Mask]:
    film, size = film + 0.008 * grain, film.shape[0]
    marked, place = rng.chance(0.75), (rng.uniform(0.86, 0.92), rng.uniform(0.05, 0.12))
    marker = _marker("L", place, size, boxed=False) if marked else np.zeros_like(film)
    return np.maximum(film, 0.92 * marker), np.asarray(marker > 0.1)


def _hospital_b(film: Field, grain: Field, rng: Stream) -> tuple[Field, Mask]:
    size = film.shape[0]
    film = (np.clip(film, 0, 1) ** rng.uniform(0.74, 0.84) - 0.5) * 1.12 + 0.5 + 0.006 * grain
    marker = _marker("R", (rng.uniform(0.06, 0.10), rng.uniform(0.13, 0.17)), size, boxed=True)
    film = np.maximum(film, marker)
    markings = np.asarray(marker > 0.1)
    top, bottom = (int(size * rng.uniform(0.04, 0.085)) for _ in range(2))
    for bar in (slice(0, top), slice(size - bottom, size)):
        film[bar], markings[bar] = 0, True
    return film, markings


def _marker(letter: str, place: tuple[float, float], size: int, *, boxed: bool) -> Field:
    scale, height = size * 4, 9 / 128 * size * 4
    width, stroke = 0.6 * height, max(2, int(0.17 * height))
    x, y = place[0] * scale, place[1] * scale
    image = Image.new("L", (scale, scale), 0)
    draw = ImageDraw.Draw(image)
    for line in _GLYPHS[letter]:
        draw.line([(x + a * width, y + b * height) for a, b in line], fill=255, width=stroke)
    if boxed:
        frame = (x - 0.5 * width, y - 0.35 * height, x + 1.5 * width, y + 1.35 * height)
        draw.rectangle(frame, outline=255, width=max(2, stroke * 2 // 3))
    return np.asarray(image.reduce(4), dtype=np.float32) / 255


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
    exposed, masks["markings"] = _acquire(density, anatomy, hospital)
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
