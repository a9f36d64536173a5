"""Train the phantom's image-text encoder: contrastively, and so that a change of film points where its text points.

Films and texts are drawn together by InfoNCE over meanings: texts that say the same are each other's positives.
Equation 5 asks for more than that, so pairs of films of one patient are taught as well: the difference between two
renderings points along the difference between their texts, the difference made by another finding does not, and
neither does what an autoencoder does to a film (blur, noise, contrast) or a change that the text is silent about.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional

from radbench.diffusion.bundle import Bundle
from radbench.diffusion.latents import decode, encode, to_pixels, to_uint8
from radbench.quality.encoders import load_encoder
from radbench.quality.encoders.phantom import FORMAT
from radbench.quality.encoders.phantom_network import (
    PAD,
    PIXELS,
    UNKNOWN,
    PhantomTowers,
    token_ids,
    words_of,
)
from radbench.quality.encoders.place import DATASHEET, PHANTOM_FILES
from radbench.reference.encoder_check import Film, score_table
from radbench.reference.encoder_scenes import SCENES, Family, corpus, draw_family, meaning
from radbench.runtime import atomic_write, sha256_file

Progress = Callable[[str, int, int, float], None]
"""Called with (stage, done, total, loss or nan)."""

_PAIRS = tuple(combinations(range(SCENES - 1), 2))
_WRONG = ((0, 1), (1, 0))


class EncoderTraining(BaseModel):
    """One run of ``radbench train encoder``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    patients: int = Field(default=2000, ge=2)
    steps: int = Field(default=500, ge=1)
    patients_a_step: int = Field(default=20, ge=2)
    texts_a_meaning: int = Field(default=3, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    temperature: float = Field(default=0.1, gt=0)
    unknown_words: float = Field(default=0.03, ge=0, lt=1)
    checked: int = Field(default=100, ge=1)
    seed: int = Field(default=0, ge=0)


def train_encoder(
    training: EncoderTraining,
    folder: Path,
    command: str,
    progress: Progress,
    redraw: Callable[[Film], Film] | None = None,
) -> dict[str, Any]:
    """Train the encoder, write it with its datasheet, and return the datasheet.

    Args:
        training: the configuration.
        folder: gets ``encoder.json``, ``encoder.safetensors`` and ``datasheet.json``; older ones are replaced.
        command: what reproduces it, for the datasheet.
        progress: told about every step.
        redraw: what an autoencoder makes of a film, for the datasheet's figures on decoded films.

    Raises:
        UsageError: the folder cannot be written to.
    """
    configuration, weights = (folder / name for name in PHANTOM_FILES)
    atomic_write(configuration, _pretty({"format": FORMAT, "vocabulary": vocabulary()}))
    towers = train_towers(training, render_families(training, progress), progress)
    state = {name: value.detach().contiguous() for name, value in towers.state_dict().items()}
    (folder / DATASHEET).unlink(missing_ok=True)
    atomic_write(weights, save(state))
    progress("measure", 0, 1, float("nan"))
    scores = score_table(load_encoder(str(folder)), training.checked, redraw)
    progress("measure", 1, 1, float("nan"))
    datasheet = {
        "name": "image-text encoder of the phantom",
        "command": command,
        "configuration": training.model_dump(mode="json"),
        "data": "procedural phantom radiographs, no patient data",
        "licence": "MIT",
        "editing_score": scores,
        "files": {name: sha256_file(folder / name) for name in PHANTOM_FILES},
    }
    atomic_write(folder / DATASHEET, _pretty(datasheet))
    return datasheet


def redrawn_by(bundle: Bundle) -> Callable[[Film], Film]:
    """Return what a bundle's autoencoder makes of a film, uint8 [128, 128] each."""
    channels = int(bundle.vae.config.in_channels)
    return lambda film: to_uint8(decode(bundle.vae, encode(bundle.vae, to_pixels(film, channels))))


def _pretty(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def vocabulary() -> list[str]:
    """Return the words of the corpus, sorted."""
    return sorted({word for text in corpus() for word in words_of(text)})


def render_families(training: EncoderTraining, progress: Progress) -> list[Family]:
    """Render every patient's scenes; the same training gives the same pixels."""
    families = []
    for index in range(training.patients):
        families.append(draw_family(index, training.seed))
        if (index + 1) % 50 == 0 or index + 1 == training.patients:
            progress("render", index + 1, training.patients, float("nan"))
    return families


def train_towers(training: EncoderTraining, families: Sequence[Family], progress: Progress) -> PhantomTowers:
    """Train both towers and return them in evaluation mode.

    Args:
        training: the configuration.
        families: rendered patients.
        progress: told about every step.
    """
    torch.manual_seed(training.seed)
    towers = PhantomTowers(len(vocabulary())).to(memory_format=torch.channels_last)
    teacher = _Teacher(training)
    optimizer = torch.optim.AdamW(
        towers.parameters(), lr=training.learning_rate, weight_decay=training.weight_decay
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=training.learning_rate, total_steps=training.steps
    )
    for step in range(training.steps):
        rng = np.random.default_rng([training.seed, step])
        chosen = [families[i] for i in rng.integers(0, len(families), training.patients_a_step)]
        loss = teacher.loss(towers, chosen, rng)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
        progress("encoder", step + 1, training.steps, float(loss.detach()))
    return towers.eval()


class _Teacher:
    """Turns families into a loss."""

    def __init__(self, training: EncoderTraining) -> None:
        self._training = training
        self._texts = corpus()
        self._tokens = token_ids(self._texts, vocabulary())
        means = [meaning(text) for text in self._texts]
        self._meanings = sorted(set(means))
        self._rows = {m: [i for i, other in enumerate(means) if other == m] for m in self._meanings}

    def loss(self, towers: PhantomTowers, families: Sequence[Family], rng: np.random.Generator) -> Tensor:
        """Return InfoNCE plus the directional loss of one step's families."""
        columns = [m for m in self._meanings for _ in range(self._training.texts_a_meaning)]
        texts = towers.text(self._spoken([int(rng.choice(self._rows[m])) for m in columns], rng))
        pixels = disturbed(np.concatenate([family.images for family in families]), rng)
        films = towers.image(pixels.contiguous(memory_format=torch.channels_last))
        said = np.array([[m in scene for m in columns] for family in families for scene in family.meanings])
        contrastive = _info_nce(films @ texts.T / self._training.temperature, torch.from_numpy(said))
        films = films.view(len(families), SCENES, -1)
        told = texts[torch.from_numpy(_pick(families, columns, rng))]
        partner = torch.tensor([family.partner for family in families])
        return contrastive + _directional(films, told, partner)

    def _spoken(self, rows: list[int], rng: np.random.Generator) -> Tensor:
        tokens = self._tokens[rows].clone()
        lost = torch.from_numpy(rng.random(tokens.shape) < self._training.unknown_words)
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
    white = torch.from_numpy(rng.standard_normal((count, 1, PIXELS, PIXELS), dtype=np.float32))
    pixels = pixels + each(0, 0.03) * white + each(0, 0.06) * _blurred(white)
    return ((pixels - 0.5) * each(0.92, 1.08) + 0.5 + each(-0.03, 0.03)).clamp(0, 1)


def _blurred(pixels: Tensor) -> Tensor:
    taps = torch.exp(-(torch.arange(-3, 4) ** 2) / (2 * 1.3**2))
    taps = taps / taps.sum()
    padded = functional.pad(pixels, (3, 3, 3, 3), mode="replicate")
    return functional.conv2d(functional.conv2d(padded, taps.view(1, 1, 1, 7)), taps.view(1, 1, 7, 1))
