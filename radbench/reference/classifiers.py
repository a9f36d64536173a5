"""Train the reference classifiers that the package ships, and fill in what their declarations say about them."""

from pathlib import Path
from typing import Any

from pydantic import Field

from radbench.reference.declared_training import DeclaredTraining, Progress, train_declared
from radbench.reference.rendered import rendered_samples
from radbench.reference.training import ClassifierConfig, TrainingReport, train_classifier
from radbench.specs.model import ModelSpec


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
        return train_classifier(
            ClassifierConfig(**settings, label_smoothing=training.label_smoothing),
            rendered_samples(training.cohort, training.size, training.cohort_seed, spec.target),
            weights=weights,
            checkpoint=checkpoint,
            progress=progress,
        )

    return train_declared(training, declaration, "binary", run, trainer)
