"""Training the reference models that are declared, on rendered phantoms, never an edited image.

Settings come from YAML; weights, digest and datasheet go beside the declaration.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from radbench.data.cohort import Study
from radbench.errors import UsageError
from radbench.phantom.cohort import PhantomCohort, build_cohort
from radbench.reference.training.augmentation import Augmentation
from radbench.reference.training.config import Batch, ClassifierConfig, MaskBatch, SegmenterConfig
from radbench.reference.training.loop import Progress, TrainingReport
from radbench.reference.training.tasks import train_classifier, train_segmenter
from radbench.runtime import atomic_write, canonical_json
from radbench.specs import load_model
from radbench.specs.model import Checkpoint, ModelSpec

_CHUNK = 250


def rendered_samples(cohort: str, size: int, seed: int, target: str, split: str = "train") -> Iterator[Batch]:
    """Yield (images uint8 [n, 128, 128], labels int64 [n]) of an embedded cohort."""
    source = build_cohort(cohort, split, size, seed)
    for studies in _chunks(source):
        images = np.stack([source.image(study) for study in studies])
        yield images, np.array([study.labels[target] for study in studies], dtype=np.int64)


def rendered_masks(
    cohort: str, size: int, seed: int, target: str, split: str = "train"
) -> Iterator[MaskBatch]:
    """Yield (images uint8, masks bool), both [n, 128, 128], of an embedded cohort.

    Raises:
        UsageError: a study without the mask ``target``.
    """
    source = build_cohort(cohort, split, size, seed)
    for studies in _chunks(source):
        pairs = [(source.image(study), source.mask(study, target)) for study in studies]
        yield np.stack([image for image, _ in pairs]), np.stack([mask for _, mask in pairs])


def _chunks(source: PhantomCohort) -> Iterator[Sequence[Study]]:
    for start in range(0, source.size, _CHUNK):
        yield source.studies[start : start + _CHUNK]


Trainer = Callable[[ModelSpec, dict[str, Any], Path, Path], TrainingReport]
"""Called with the declaration, the settings that every trainer takes, and the files of weights and checkpoint."""


class AugmentationSettings(BaseModel):
    """Widest changes of an image, see ``radbench.reference.training.augmentation.Augmentation``."""

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
    same = {"epochs", "batch_size", "learning_rate", "weight_decay"}
    settings = training.model_dump(include=same) | {
        "architecture": spec.architecture,
        "architecture_args": spec.architecture_args,
        "input": spec.input,
        "augmentation": Augmentation(**training.augmentation.model_dump()),
        "seed": training.seed + run,
    }
    weights = declaration.parent / chosen.weights
    report = trainer(spec, settings, weights, weights.with_suffix(".checkpoint.safetensors"))
    old, new = str(chosen.sha256), report.weights_sha256
    if old != new:
        atomic_write(declaration, declaration.read_text(encoding="utf-8").replace(old, new).encode())
    command = f"{spec.training} --run {run}" if run else spec.training
    datasheet = {"command": command, "configuration": training.model_dump(), "report": vars(report)}
    atomic_write(weights.with_suffix(".json"), canonical_json(datasheet) + b"\n")
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


class ClassifierTraining(DeclaredTraining):
    """One run of ``radbench train classifier``."""

    label_smoothing: float = Field(default=0.02, ge=0, lt=0.5)


def train_reference_classifier(
    training: ClassifierTraining, declaration: Path, run: int = 0, progress: Progress | None = None
) -> TrainingReport:
    """Train the classifier declared in ``declaration``; write its weights, their digest and a datasheet beside it.

    Args:
        training: the configuration.
        declaration: the model's YAML; the digest of the run's weights in it is brought up to date.
        run: 0 for the main weights, n for the declaration's n-th checkpoint.
        progress: called with (steps done, steps in all, running loss).

    Raises:
        UsageError: see ``train_declared``.
    """

    def trainer(spec: ModelSpec, settings: dict[str, Any], weights: Path, checkpoint: Path) -> TrainingReport:
        config = ClassifierConfig(**settings, label_smoothing=training.label_smoothing)
        samples = rendered_samples(training.cohort, training.size, training.cohort_seed, spec.target)
        return train_classifier(config, samples, weights=weights, checkpoint=checkpoint, progress=progress)

    return train_declared(training, declaration, "binary", run, trainer)


class SegmenterTraining(DeclaredTraining):
    """One run of ``radbench train segmenter``."""

    dice_weight: float = Field(default=1.0, ge=0)


def train_reference_segmenter(
    training: SegmenterTraining, declaration: Path, run: int = 0, progress: Progress | None = None
) -> TrainingReport:
    """Train the segmenter declared in ``declaration``; write its weights, their digest and a datasheet beside it.

    Args:
        training: the configuration; the cohort's studies must have the mask that the declaration targets.
        declaration: the model's YAML; the digest of the run's weights in it is brought up to date.
        run: 0 for the main weights, n for the declaration's n-th checkpoint.
        progress: called with (steps done, steps in all, running loss).

    Raises:
        UsageError: see ``train_declared``; a study without the mask.
    """

    def trainer(spec: ModelSpec, settings: dict[str, Any], weights: Path, checkpoint: Path) -> TrainingReport:
        config = SegmenterConfig(**settings, dice_weight=training.dice_weight)
        samples = rendered_masks(training.cohort, training.size, training.cohort_seed, spec.target)
        return train_segmenter(config, samples, weights=weights, checkpoint=checkpoint, progress=progress)

    return train_declared(training, declaration, "segmentation", run, trainer)
