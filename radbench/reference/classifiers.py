"""Train the reference classifiers that the package ships, and fill in what their declarations say about them."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from radbench.models.base import Image
from radbench.models.training import Batch, ClassifierConfig, TrainingReport, train_classifier
from radbench.phantom.cohort import build_cohort
from radbench.runtime import atomic_write, canonical_json
from radbench.specs import load_model

_CHUNK = 250


class ClassifierTraining(BaseModel):
    """One run of ``radbench train classifier``: which declared model, on which embedded cohort."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str
    cohort: str
    size: int = Field(ge=2)
    cohort_seed: int = Field(default=0, ge=0)
    epochs: int = Field(default=8, ge=1)
    batch_size: int = Field(default=32, ge=1)
    learning_rate: float = Field(default=2e-3, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    label_smoothing: float = Field(default=0.02, ge=0, lt=0.5)
    seed: int = Field(default=0, ge=0)


def train_reference_classifier(
    training: ClassifierTraining, declaration: Path, progress: Callable[[int, int, float], None] | None = None
) -> TrainingReport:
    """Train the model declared in ``declaration``; write its weights, their digest and a datasheet beside it.

    Args:
        training: the configuration.
        declaration: the model's YAML; its ``sha256`` line is brought up to date.
        progress: called with (steps done, steps in all, running loss).
    """
    spec = load_model(declaration)
    config = ClassifierConfig(
        architecture=spec.architecture,
        architecture_args=spec.architecture_args,
        input=spec.input,
        epochs=training.epochs,
        batch_size=training.batch_size,
        learning_rate=training.learning_rate,
        weight_decay=training.weight_decay,
        label_smoothing=training.label_smoothing,
        seed=training.seed,
    )
    weights = declaration.parent / spec.weights
    report = train_classifier(
        config,
        rendered_samples(training.cohort, training.size, training.cohort_seed, spec.target),
        weights=weights,
        checkpoint=weights.with_suffix(".checkpoint.safetensors"),
        progress=progress,
    )
    _fill_digest(declaration, report.weights_sha256)
    datasheet = {"command": spec.training, "configuration": training.model_dump(), "report": vars(report)}
    atomic_write(weights.with_suffix(".json"), canonical_json(datasheet) + b"\n")
    return report


def rendered_samples(cohort: str, size: int, seed: int, target: str, split: str = "train") -> Iterator[Batch]:
    """Yield (images uint8 [n, 128, 128], labels int64 [n]) of an embedded cohort, rendered and never edited."""
    source = build_cohort(cohort, split, size, seed)
    for start in range(0, size, _CHUNK):
        studies = source.studies[start : start + _CHUNK]
        images: Image = np.stack([source.image(study) for study in studies])
        yield images, np.array([study.labels[target] for study in studies], dtype=np.int64)


def _fill_digest(declaration: Path, digest: str) -> None:
    text = declaration.read_text(encoding="utf-8")
    filled, count = re.subn(r"(?m)^sha256:.*$", f'sha256: "{digest}"', text)
    if count == 1 and filled != text:
        atomic_write(declaration, filled.encode())
