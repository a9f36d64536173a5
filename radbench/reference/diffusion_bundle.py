"""Make the embedded diffusion bundle: render the pool, fit the encoder, train decoder and denoiser, export, card.

Each stage keeps its state in the working folder and goes on where it was interrupted. The export is an ordinary
diffusers folder of safetensors with a ``datasheet.json`` that names the training command, seeds, steps, losses and
the SHA-256 of every file.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel
from transformers import BertModel, BertTokenizerFast

from radbench.diffusion.assembly import COMPONENTS, DATASHEET
from radbench.diffusion.bundle import Bundle
from radbench.diffusion.bundle_card import CARD, latent_features, make_reference
from radbench.diffusion.training.config import DataConfig, TrainingConfig
from radbench.diffusion.training.linear_vae import PatchComponents, build_vae, fit_components, linear_encode
from radbench.diffusion.training.networks import build_text_encoder, build_tokenizer, build_unet, tokenize
from radbench.diffusion.training.trainers import (
    DenoiserTrainer,
    LatentPool,
    LaterPool,
    train_decoder,
)
from radbench.phantom.cohort import build_cohort
from radbench.phantom.prompts import every_text
from radbench.reference.pool import Pool, build_pool
from radbench.runtime import atomic_write, sha256_file

Progress: TypeAlias = Callable[[str, int, int, float], None]
"""Called with (stage, done, total, loss or nan)."""

_PIXELS = 128
_COMPONENT_IMAGES = 600


@dataclass
class BundleTraining:
    """One training run in one working folder; each stage may be called again after an interruption.

    Args:
        config: what to train.
        folder: working folder (pool, checkpoints, losses).
        device: where to train.
        progress: told about every step.
        workers: processes that render the pool.
    """

    config: TrainingConfig
    folder: Path
    device: torch.device
    progress: Progress
    workers: int = 2

    @cached_property
    def pool(self) -> Pool:
        """The rendered pool."""
        return self._render(self.config.data, "pool")

    def _later(self, data: DataConfig) -> Pool:
        first = self.config.data
        if (data.cohort, data.patients, data.seed) == (first.cohort, first.patients, first.seed):
            return self.pool
        return self._render(data, f"pool-{data.cohort.replace('/', '-')}-{data.patients}-{data.seed}")

    def _render(self, data: DataConfig, name: str) -> Pool:
        def progress(done: int, total: int) -> None:
            self.progress("render", done, total, float("nan"))

        wanted = data.cohort, data.patients, data.seed
        return build_pool(*wanted, self.folder / name, self.workers, progress)

    @cached_property
    def components(self) -> PatchComponents:
        """The linear encoder, fitted to the pool's first images."""
        images = np.asarray(self.pool.images[: _COMPONENT_IMAGES // 2]).reshape(-1, _PIXELS, _PIXELS)
        settings = self.config.autoencoder
        return fit_components(images, settings.latent_channels, settings.whitening)

    @cached_property
    def tokenizer(self) -> BertTokenizerFast:
        """The tokenizer of the phantom's reports."""
        return build_tokenizer(every_text(), self.config.text.max_length, self.folder / "tokenizer")

    def scheduler(self) -> DDPMScheduler:
        """The noise schedule of Appendix A: linear betas, epsilon prediction."""
        return DDPMScheduler(
            num_train_timesteps=self.config.num_train_timesteps,
            beta_schedule=self.config.beta_schedule,
            beta_start=self.config.beta_start,
            beta_end=self.config.beta_end,
            prediction_type="epsilon",
            clip_sample=False,
            timestep_spacing="leading",
        )

    def train_decoder(self) -> AutoencoderKL:
        """Train the decoder to its configured steps and return the autoencoder."""
        settings = self.config.autoencoder
        torch.manual_seed(settings.seed)
        vae = build_vae(self.components, _PIXELS, settings.block_out_channels)
        images = self.pool.images.reshape(-1, _PIXELS, _PIXELS)
        place, record = self.folder / "decoder.safetensors", self._recorder("decoder", settings.steps)
        every = self.config.checkpoint_every
        train_decoder(vae, self.components, images, settings, place, self.device, record, every)
        return vae

    def train_denoiser(self) -> DenoiserTrainer:
        """Train U-Net and text encoder to their configured steps and return the trainer with the averages."""
        later = [
            LaterPool(data.from_step, self._latent_pool(self._later(data)), data.low_noise_only)
            for data in self.config.later_data
        ]
        trainer = self._denoiser_trainer(self._latent_pool(self.pool), later)
        trainer.run(self.config.checkpoint_every, self._recorder("denoiser", self.config.denoiser.steps))
        return trainer

    def averages(self) -> tuple[UNet2DConditionModel, BertModel, int]:
        """Return the averaged U-Net and text encoder of the last checkpoint, and its step."""
        tokens, attention = tokenize(self.tokenizer, ["", *every_text()])
        nothing = np.empty((0, 2, 1, 1, 1), np.float32), torch.empty((0, 2)).long()
        trainer = self._denoiser_trainer(LatentPool(*nothing, tokens, attention))
        averages: dict[str, Any] = trainer.averages
        step = trainer.resume()
        return averages["unet"].eval(), averages["text_encoder"].eval(), step

    def _denoiser_trainer(self, pool: LatentPool, later: Sequence[LaterPool] = ()) -> DenoiserTrainer:
        config = self.config
        unet = build_unet(config.denoiser, config.text, config.autoencoder.latent_channels, _PIXELS // 4)
        text_encoder = build_text_encoder(len(self.tokenizer), config.text, config.denoiser.seed)
        checkpoint = self.folder / "denoiser.safetensors"
        return DenoiserTrainer(
            unet, text_encoder, self.scheduler(), pool, config.denoiser, checkpoint, self.device, later
        )

    def _latent_pool(self, pool: Pool) -> LatentPool:
        patients, renderings = pool.texts.shape
        side = _PIXELS // 4
        channels = self.config.autoencoder.latent_channels
        latents = np.empty((patients, renderings, channels, side, side), dtype=np.float16)
        for start in range(0, patients, 250):
            chunk = np.asarray(pool.images[start : start + 250])
            codes = linear_encode(self.components, chunk.reshape(-1, _PIXELS, _PIXELS))
            latents[start : start + 250] = codes.reshape(len(chunk), renderings, channels, side, side).numpy()
        tokens, attention = tokenize(self.tokenizer, pool.corpus)
        return LatentPool(latents, torch.from_numpy(np.asarray(pool.texts)), tokens, attention)

    def _recorder(self, stage: str, total: int) -> Callable[[int, float], None]:
        log = self.folder / f"{stage}-loss.csv"
        recent: list[float] = []

        def record(step: int, loss: float) -> None:
            recent.append(loss)
            if len(recent) == 50 or step == total:
                with log.open("a", encoding="utf-8") as file:
                    file.write(f"{step},{sum(recent) / len(recent):.6f}\n")
                recent.clear()
            self.progress(stage, step, total, loss)

        return record


def last_loss(folder: Path, stage: str) -> float | None:
    """Return the mean loss over the last 50 steps of a stage, or None if it never ran."""
    log = folder / f"{stage}-loss.csv"
    if not log.exists():
        return None
    return float(json.loads(log.read_text(encoding="utf-8").splitlines()[-1].split(",")[1]))


_INDEX = {
    "_class_name": "RadEditPipeline",
    "unet": ["diffusers", "UNet2DConditionModel"],
    "vae": ["diffusers", "AutoencoderKL"],
    "text_encoder": ["transformers", "BertModel"],
    "tokenizer": ["transformers", "BertTokenizerFast"],
    "scheduler": ["diffusers", "DDPMScheduler"],
}


def export_bundle(training: BundleTraining, folder: Path, command: str) -> Path:
    """Save the averaged weights of a training as a bundle; an existing bundle is replaced in one step.

    Args:
        training: a training whose stages have run.
        folder: where the bundle goes.
        command: the command that reproduces it, for the datasheet.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        unet, text_encoder, step = training.averages()
        unet.save_pretrained(staging / "unet", safe_serialization=True)
        training.train_decoder().save_pretrained(staging / "vae", safe_serialization=True)
        text_encoder.save_pretrained(staging / "text_encoder", safe_serialization=True)
        training.tokenizer.save_pretrained(staging / "tokenizer")
        training.scheduler().save_pretrained(staging / "scheduler")
        (staging / "model_index.json").write_text(json.dumps(_INDEX, indent=2) + "\n", encoding="utf-8")
        about = {
            "name": training.config.name,
            "command": command,
            "configuration": training.config.model_dump(mode="json"),
            "steps": {"decoder": training.config.autoencoder.steps, "denoiser": step},
            "final_loss": {stage: last_loss(training.folder, stage) for stage in ("decoder", "denoiser")},
            "encoder": "principal components of 4 x 4 patches, in closed form",
            "data": "procedural phantom radiographs, no patient data",
            "licence": "MIT",
        }
        write_datasheet(staging, about)
        staging.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        staging.replace(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def write_datasheet(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``datasheet.json`` with ``content`` and the SHA-256 of every file of the components."""
    files = sorted(file for name in COMPONENTS for file in (folder / name).iterdir() if file.is_file())
    digests = {f"{file.parent.name}/{file.name}": sha256_file(file) for file in files}
    text = json.dumps({**content, "files": digests}, indent=2, sort_keys=True, ensure_ascii=False)
    atomic_write(folder / DATASHEET, (text + "\n").encode())


CARD_COHORTS: Final = ("phantom/manifestation", "phantom/acquisition", "phantom/population")
CARD_PATIENTS: Final = 256
"""Validation patients of each cohort."""


def write_card(bundle: Bundle, folder: Path, *, patients: int = CARD_PATIENTS) -> Path:
    """Measure validation patients of the phantom and write ``radbench.json`` into a bundle's folder.

    Args:
        bundle: the bundle, loaded.
        folder: its folder.
        patients: of each cohort.
    """
    squares = []
    for name in CARD_COHORTS:
        cohort = build_cohort(name, split="val", size=patients)
        squares += [cohort.image(study) for study in cohort.studies]
    features, _ = latent_features(bundle, squares)
    made_from = f"{patients} validation patients of each of {', '.join(CARD_COHORTS)}"
    reference = make_reference(features, made_from)
    path = folder / CARD
    content = {"domain": "phantom", "typicality": reference.model_dump()}
    atomic_write(path, (json.dumps(content, indent=1) + "\n").encode())
    return path
