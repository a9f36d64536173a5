"""Train the phantom's image-text encoder on rendered films and their reports, and write it with its datasheet."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field
from safetensors.torch import save

from radbench.diffusion.bundle import Bundle
from radbench.diffusion.encoding import decode, encode, to_pixels, to_uint8
from radbench.quality.encoders import load_encoder
from radbench.quality.encoders.files import DATASHEET, PHANTOM_FILES
from radbench.quality.encoders.phantom import FORMAT, PhantomTowers
from radbench.reference.encoder_check import Film, score_table
from radbench.reference.encoder_objective import Family, Teacher, draw_family, vocabulary
from radbench.runtime import atomic_write, sha256_file

Progress = Callable[[str, int, int, float], None]
"""Called with (stage, done, total, loss or nan)."""


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


class Autoencoder(Protocol):
    """What redraws a film, uint8 [128, 128] to uint8 [128, 128]; ``digest`` says which one."""

    digest: str

    def __call__(self, film: Film) -> Film:
        """Return the film encoded and decoded."""


class BundleAutoencoder:
    """The autoencoder of a diffusion bundle.

    Args:
        bundle: the loaded bundle.
    """

    def __init__(self, bundle: Bundle) -> None:
        self.digest = bundle.digests["vae"]
        self._vae, self._channels = bundle.vae, int(bundle.vae.config.in_channels)

    def __call__(self, film: Film) -> Film:
        """Return the film encoded and decoded."""
        return to_uint8(decode(self._vae, encode(self._vae, to_pixels(film, self._channels))))


def train_encoder(
    training: EncoderTraining,
    folder: Path,
    command: str,
    progress: Progress,
    autoencoder: Autoencoder | None = None,
) -> dict[str, Any]:
    """Train the encoder, write it with its datasheet, and return the datasheet.

    Args:
        training: the configuration.
        folder: gets ``encoder.json``, ``encoder.safetensors`` and ``datasheet.json``; older ones are replaced.
        command: what reproduces it, for the datasheet.
        progress: told about every step.
        autoencoder: redraws films for the datasheet's figures on decoded ones; it is no part of the training.

    Raises:
        UsageError: the folder cannot be written to.
    """
    configuration = {"format": FORMAT, "vocabulary": vocabulary()}
    atomic_write(folder / PHANTOM_FILES[0], _pretty(configuration))
    towers = train_towers(training, render_families(training, progress), progress)
    state = {name: value.detach().contiguous() for name, value in towers.state_dict().items()}
    (folder / DATASHEET).unlink(missing_ok=True)
    atomic_write(folder / PHANTOM_FILES[1], save(state))
    return write_datasheet(training, folder, command, progress, autoencoder)


def write_datasheet(
    training: EncoderTraining,
    folder: Path,
    command: str,
    progress: Progress,
    autoencoder: Autoencoder | None = None,
) -> dict[str, Any]:
    """Measure the encoder in ``folder``, write its datasheet and return it; arguments as ``train_encoder``'s."""
    (folder / DATASHEET).unlink(missing_ok=True)
    progress("measure", 0, 1, float("nan"))
    scores = score_table(load_encoder(str(folder)), training.checked, autoencoder)
    progress("measure", 1, 1, float("nan"))
    datasheet = {
        "name": "image-text encoder of the phantom",
        "command": command,
        "configuration": training.model_dump(mode="json"),
        "data": "procedural phantom radiographs, no patient data",
        "licence": "MIT",
        "editing_score": scores,
        "decoded_by": autoencoder.digest if autoencoder else None,
        "files": {name: sha256_file(folder / name) for name in PHANTOM_FILES},
    }
    atomic_write(folder / DATASHEET, _pretty(datasheet))
    return datasheet


def _pretty(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


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
    teacher = Teacher(training.texts_a_meaning, training.temperature, training.unknown_words)
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
