"""Write a trained bundle as an ordinary diffusers folder with its datasheet."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radbench.diffusion.assembly import DATASHEET
from radbench.reference.diffusion import BundleTraining, last_loss
from radbench.runtime import atomic_write, sha256_file

_COMPONENTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
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
        write_datasheet(staging, _provenance(training, step, command))
        staging.chmod(0o755)
        if folder.exists():
            shutil.rmtree(folder)
        staging.replace(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return folder


def write_datasheet(folder: Path, content: Mapping[str, Any]) -> None:
    """Write ``datasheet.json`` with ``content`` and the SHA-256 of every file of the components."""
    files = sorted(file for name in _COMPONENTS for file in (folder / name).iterdir() if file.is_file())
    digests = {f"{file.parent.name}/{file.name}": sha256_file(file) for file in files}
    text = json.dumps({**content, "files": digests}, indent=2, sort_keys=True, ensure_ascii=False)
    atomic_write(folder / DATASHEET, (text + "\n").encode())


def _provenance(training: BundleTraining, step: int, command: str) -> dict[str, Any]:
    return {
        "name": training.config.name,
        "command": command,
        "configuration": training.config.model_dump(mode="json"),
        "steps": {"decoder": training.config.autoencoder.steps, "denoiser": step},
        "final_loss": {stage: last_loss(training.folder, stage) for stage in ("decoder", "denoiser")},
        "encoder": "principal components of 4 x 4 patches, in closed form",
        "data": "procedural phantom radiographs, no patient data",
        "licence": "MIT",
    }
