"""Training a model that is declared: settings from YAML, weights, digest and datasheet beside the declaration."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from radbench.errors import UsageError
from radbench.models.training import Augmentation
from radbench.reference.training import TrainingReport
from radbench.runtime import atomic_write, canonical_json
from radbench.specs import load_model
from radbench.specs.model import Checkpoint, ModelSpec

Progress = Callable[[int, int, float], None]
"""Called with steps done, steps in all, and the running loss."""

Trainer = Callable[[ModelSpec, dict[str, Any], Path, Path], TrainingReport]
"""Called with the declaration, the settings that every trainer takes, and the files of weights and checkpoint."""


class AugmentationSettings(BaseModel):
    """Widest changes of an image, see ``radbench.models.training.Augmentation``."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rotation: float = Field(default=Augmentation.rotation, ge=0)
    shift: float = Field(default=Augmentation.shift, ge=0)
    scale: float = Field(default=Augmentation.scale, ge=0, lt=1)
    gamma: float = Field(default=Augmentation.gamma, ge=0)
    noise: float = Field(default=Augmentation.noise, ge=0)


class DeclaredTraining(BaseModel):
    """Which declared model is trained, on which embedded cohort's training split, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    cohort: str
    size: int = Field(ge=2)
    cohort_seed: int = Field(default=0, ge=0)
    epochs: int = Field(default=8, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    augmentation: AugmentationSettings = AugmentationSettings()
    seed: int = Field(default=0, ge=0)


def train_declared(
    training: DeclaredTraining, declaration: Path, task: str, run: int, trainer: Trainer
) -> TrainingReport:
    """Train one run of a declared model.

    The run's digest in the declaration is brought up to date, and a datasheet is written beside the weights.

    Args:
        training: the configuration.
        declaration: the model's YAML.
        task: what the trainer trains, "binary" or "segmentation".
        run: 0 for the main weights, n for the declaration's n-th checkpoint; it is added to the seed.
        trainer: trains and writes the weights.

    Raises:
        UsageError: a model of another task, a run that is not declared, or whatever the trainer raises.
    """
    spec = load_model(declaration)
    if spec.task != task:
        raise UsageError(
            f"{declaration}: task is '{spec.task}', expected '{task}'; train it with the command that it names: "
            f"{spec.training}."
        )
    chosen = _at_run(spec, run, declaration)
    settings = {
        "architecture": spec.architecture,
        "architecture_args": spec.architecture_args,
        "input": spec.input,
        "epochs": training.epochs,
        "batch_size": training.batch_size,
        "learning_rate": training.learning_rate,
        "weight_decay": training.weight_decay,
        "augmentation": Augmentation(**training.augmentation.model_dump()),
        "seed": training.seed + run,
    }
    weights = declaration.parent / chosen.weights
    report = trainer(spec, settings, weights, weights.with_suffix(".checkpoint.safetensors"))
    _fill_digest(declaration, chosen, report.weights_sha256)
    _write_datasheet(weights, spec, training, run, report)
    return report


def _at_run(spec: ModelSpec, run: int, declaration: Path) -> Checkpoint:
    if spec.weights is None or spec.sha256 is None or not spec.weights.endswith(".safetensors"):
        raise UsageError(
            f"{declaration}: names no weights, expected a model whose 'weights' (.safetensors) and 'sha256' are "
            "declared."
        )
    if run == 0:
        return Checkpoint(weights=spec.weights, sha256=spec.sha256)
    if not 0 < run <= len(spec.checkpoints):
        raise UsageError(
            f"{declaration}: run {run} was asked for, expected 0 (the main weights) to {len(spec.checkpoints)}, the "
            "number of its checkpoints; declare a further one first."
        )
    chosen = spec.checkpoints[run - 1]
    if chosen.sha256 is None or not chosen.weights.endswith(".safetensors"):
        raise UsageError(
            f"{declaration}: run {run} is {chosen.weights} with the sha256 {chosen.sha256 or 'missing'}, expected a "
            ".safetensors file and the digest that the training fills in (64 zeros at first)."
        )
    return chosen


def _fill_digest(declaration: Path, chosen: Checkpoint, new: str) -> None:
    old = str(chosen.sha256)
    text = declaration.read_text(encoding="utf-8")
    if old != new:
        atomic_write(declaration, text.replace(old, new).encode())


def _write_datasheet(
    weights: Path, spec: ModelSpec, training: DeclaredTraining, run: int, report: TrainingReport
) -> None:
    command = f"{spec.training} --run {run}" if run else spec.training
    datasheet = {"command": command, "configuration": training.model_dump(), "report": vars(report)}
    atomic_write(weights.with_suffix(".json"), canonical_json(datasheet) + b"\n")
