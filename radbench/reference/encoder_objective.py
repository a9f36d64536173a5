"""What the phantom's image-text encoder learns from, and its losses.

It learns from four renderings of one patient, and what may be said of each. Films and texts are drawn together by
InfoNCE over meanings: texts that say the same are each other's positives. Equation 5 asks for more than that, so pairs
of films of one patient are taught as well: the difference between two renderings points along the difference between
their texts, the difference made by another finding does not, and neither does what an autoencoder does to a film (blur,
noise, contrast) or a change that the text is silent about.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from radbench.phantom.canvas import Stream
from radbench.phantom.findings import Finding, Side, random_side
from radbench.phantom.prompts import every_text
from radbench.phantom.render import Hospital, render
from radbench.quality.encoders.phantom import PAD, UNKNOWN, PhantomTowers, token_ids, words_of

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
    devices = (Finding("drain", first.side or random_side(rng)),) if drained else ()
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


def _finding(rng: Stream) -> Finding:
    name = str(rng.generator.choice(_KINDS, p=_SHARES))
    side: Side = random_side(rng) if name in _SIDED else "left" if name == "pacemaker" else ""
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
    return kept if len(kept) < len(scene) else (*scene, Finding("drain", first.side or random_side(rng)))


_PAIRS = tuple(combinations(range(SCENES - 1), 2))
_WRONG = ((0, 1), (1, 0))


def vocabulary() -> list[str]:
    """Return the words of the corpus, sorted."""
    return sorted({word for text in corpus() for word in words_of(text)})


class Teacher:
    """Turns patients into a loss.

    Args:
        texts_a_meaning: texts drawn a step for each thing that can be said.
        temperature: of InfoNCE.
        unknown_words: share of words that are taught as unknown ones.
    """

    def __init__(self, texts_a_meaning: int, temperature: float, unknown_words: float) -> None:
        self._texts_a_meaning, self._temperature = texts_a_meaning, temperature
        self._unknown_words = unknown_words
        self._texts = corpus()
        self._tokens = token_ids(self._texts, vocabulary())
        means = [meaning(text) for text in self._texts]
        self._meanings = sorted(set(means))
        self._rows = {m: [i for i, other in enumerate(means) if other == m] for m in self._meanings}

    def loss(self, towers: PhantomTowers, families: Sequence[Family], rng: np.random.Generator) -> Tensor:
        """Return InfoNCE plus the directional loss of one step's families."""
        columns = [m for m in self._meanings for _ in range(self._texts_a_meaning)]
        texts = towers.text(self._spoken([int(rng.choice(self._rows[m])) for m in columns], rng))
        pixels = disturbed(np.concatenate([family.images for family in families]), rng)
        films = towers.image(pixels.contiguous(memory_format=torch.channels_last))
        said = np.array([[m in scene for m in columns] for family in families for scene in family.meanings])
        contrastive = _info_nce(films @ texts.T / self._temperature, torch.from_numpy(said))
        films = films.view(len(families), SCENES, -1)
        told = texts[torch.from_numpy(_pick(families, columns, rng))]
        partner = torch.tensor([family.partner for family in families])
        return contrastive + _directional(films, told, partner)

    def _spoken(self, rows: list[int], rng: np.random.Generator) -> Tensor:
        tokens = self._tokens[rows].clone()
        lost = torch.from_numpy(rng.random(tokens.shape) < self._unknown_words)
        tokens[lost & (tokens != PAD)] = UNKNOWN
        return tokens


def _pick(families: Sequence[Family], columns: list[str], rng: np.random.Generator) -> NDArray[np.int64]:
    """Choose a text for each family's first three scenes, int64 [families, 3]: rows of the step's texts."""
    where: Mapping[str, list[int]] = {m: [i for i, c in enumerate(columns) if c == m] for m in columns}
    rows = []
    for family in families:
        spoken = [
            scene[0] if len(scene) == 1 or rng.random() < 0.7 else scene[-1] for scene in family.meanings[:-1]
        ]
        rows.append([int(rng.choice(where[m])) for m in spoken])
    return np.array(rows, dtype=np.int64)


def _info_nce(logits: Tensor, positive: Tensor) -> Tensor:
    """Return the mean over both directions; every positive of a row or column has the same share."""
    share = positive.float()
    by_film = -(share * logits.log_softmax(1)).sum(1) / share.sum(1).clamp(min=1)
    by_text = -(share * logits.log_softmax(0)).sum(0) / share.sum(0).clamp(min=1)
    return (by_film.mean() + by_text[share.sum(0) > 0].mean()) / 2


def _directional(films: Tensor, texts: Tensor, partner: Tensor) -> Tensor:
    """Return how far changes of film are from where they should point.

    Args:
        films: float32 [P, 4, D].
        texts: float32 [P, 3, D], one for each of the first three scenes.
        partner: int64 [P].
    """
    film = [films[:, b] - films[:, a] for a, b in _PAIRS]
    text = [texts[:, b] - texts[:, a] for a, b in _PAIRS]
    right = torch.stack([1 - functional.cosine_similarity(f, t) for f, t in zip(film, text, strict=True)])
    wrong = torch.stack([functional.cosine_similarity(film[f], text[t]).relu() ** 2 for f, t in _WRONG])
    idle = films[:, 3] - films[torch.arange(len(films)), partner]
    silent = torch.stack([functional.cosine_similarity(idle, t) ** 2 for t in text])
    return 2 * right.mean() + 2 * wrong.mean() + 4 * silent.mean()


def disturbed(images: NDArray[np.uint8], rng: np.random.Generator) -> Tensor:
    """Return films as an autoencoder might hand them back: mildly blurred or sharpened, noisy, of other contrast.

    Args:
        images: uint8 [N, 128, 128].
        rng: draws the disturbance of each image.

    Returns:
        float32 [N, 1, 128, 128] in [0, 1].
    """
    count = len(images)

    def each(low: float, high: float) -> Tensor:
        return torch.from_numpy(rng.uniform(low, high, (count, 1, 1, 1)).astype(np.float32))

    pixels = torch.from_numpy(images).float()[:, None] / 255
    pixels = pixels + each(-0.3, 1.0) * (_blurred(pixels) - pixels)
    white = torch.from_numpy(rng.standard_normal(pixels.shape, dtype=np.float32))
    pixels = pixels + each(0, 0.03) * white + each(0, 0.06) * _blurred(white)
    return ((pixels - 0.5) * each(0.92, 1.08) + 0.5 + each(-0.03, 0.03)).clamp(0, 1)


def _blurred(pixels: Tensor) -> Tensor:
    taps = torch.exp(-(torch.arange(-3, 4) ** 2) / (2 * 1.3**2))
    taps = taps / taps.sum()
    padded = functional.pad(pixels, (3, 3, 3, 3), mode="replicate")
    return functional.conv2d(functional.conv2d(padded, taps.view(1, 1, 1, 7)), taps.view(1, 1, 7, 1))
