"""What the phantom's image-text encoder learns from: four renderings of one patient, and what may be said of each."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from radbench.phantom.canvas import Stream
from radbench.phantom.findings import Finding, Side
from radbench.phantom.prompts import every_text
from radbench.phantom.render import Hospital, render
from radbench.quality.encoders.phantom import words_of

SCENES = 4
"""Renderings a patient: without finding, with one, with another, and one of these where something else changed."""

_SEED_OFFSET = 700_000_000
_KINDS = ("pneumothorax", "consolidation", "oedema", "pacemaker", "covid")
_SHARES = (0.38, 0.18, 0.14, 0.12, 0.18)
_SIDED = {"pneumothorax", "consolidation", "drain"}
_TELLING = {"pacemaker": "pacemaker", "oedema": "oedema", "peripheral": "covid"}
_EXTRA_NORMAL = ("No pneumothorax.", "No consolidation.", "No pulmonary oedema.", "No acute abnormality.")


@dataclass(frozen=True)
class Family:
    """One patient.

    Attributes:
        images: uint8 [4, 128, 128].
        meanings: what may be said of each image.
        partner: which of the first three the fourth shows again, with something else changed.
    """

    images: NDArray[np.uint8]
    meanings: tuple[tuple[str, ...], ...]
    partner: int


def corpus() -> list[str]:
    """Return every text the encoder is taught, sorted: what the phantom writes, and a few more negations."""
    return sorted({*every_text(), *_EXTRA_NORMAL})


def meaning(text: str) -> str:
    """Return what one of the corpus's texts says: a finding with its side, ``normal``, or ``drain`` with its side.

    Size words and the mention of a treated pneumothorax's drain do not count: texts that differ in these alone
    mean the same.
    """
    words = words_of(text)
    if words[0] in {"no", "normal"}:
        return "normal"
    side = next((f" {word}" for word in words if word in {"left", "right"}), "")
    if "lobe" in words:
        return f"consolidation{side}"
    if "pneumothorax" in words:
        return f"drain{side}" if "no" in words else f"pneumothorax{side}"
    return next(name for word, name in _TELLING.items() if word in words)


def draw_family(index: int, seed: int) -> Family:
    """Draw and render one patient's four scenes, all of one anatomy and, but for the fourth, one hospital."""
    patient = _SEED_OFFSET + seed * 10_000_000 + index
    rng = Stream(patient, 401)
    hospital: Hospital = "B" if rng.chance(0.35) else "A"
    first = _finding(rng)
    second = _other(rng, first)
    drained = rng.chance(0.5 if first.name == "pneumothorax" else 0.1)
    devices = (Finding("drain", first.side or _side(rng)),) if drained else ()
    scenes: list[tuple[Finding, ...]] = [devices, (first, *devices), (second, *devices)]
    chosen = rng.integer(0, 3)
    scenes.append(_aside(rng, scenes[chosen], first))
    other: Hospital = "A" if hospital == "B" else "B"
    places = (hospital,) * 3 + (other if rng.chance(0.25) else hospital,)
    images = [render(patient, scene, place).image for scene, place in zip(scenes, places, strict=True)]
    return Family(np.stack(images), tuple(map(meanings, scenes)), chosen)


def meanings(findings: Sequence[Finding]) -> tuple[str, ...]:
    """Return everything that is true of a film and a text may say."""
    named = [f"{f.name} {f.side}" if f.name in _SIDED else f.name for f in findings]
    bare = all(finding.name == "drain" for finding in findings)
    return (*(("normal",) if bare else ()), *(name for name in named if bare or not name.startswith("drain")))


def _side(rng: Stream) -> Side:
    return "left" if rng.chance(0.5) else "right"


def _finding(rng: Stream) -> Finding:
    name = str(rng.generator.choice(_KINDS, p=_SHARES))
    side: Side = _side(rng) if name in _SIDED else "left" if name == "pacemaker" else ""
    small = name == "pneumothorax" and rng.chance(0.6)
    return Finding(name, side, rng.uniform(0.05, 0.42) if small else rng.uniform(0.05, 1.0))


def _other(rng: Stream, first: Finding) -> Finding:
    if first.name in _SIDED and rng.chance(0.5):
        return Finding(first.name, "right" if first.side == "left" else "left", rng.uniform(0.05, 1.0))
    while True:
        second = _finding(rng)
        if second.name != first.name:
            return second


def _aside(rng: Stream, scene: tuple[Finding, ...], first: Finding) -> tuple[Finding, ...]:
    """Return a scene with a drain added or taken away, or as it is."""
    if rng.chance(0.6):
        return scene
    kept = tuple(finding for finding in scene if finding.name != "drain")
    return kept if len(kept) < len(scene) else (*scene, Finding("drain", first.side or _side(rng)))
