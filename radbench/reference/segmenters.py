"""Train the reference segmenters that the package ships, and fill in what their declarations say about them."""

from pathlib import Path
from typing import Any

from pydantic import Field

from radbench.reference.declared_training import DeclaredTraining, Progress, train_declared
from radbench.reference.rendered import rendered_masks
from radbench.reference.training import SegmenterConfig, TrainingReport, train_segmenter
from radbench.specs.model import ModelSpec


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
        return train_segmenter(
            SegmenterConfig(**settings, dice_weight=training.dice_weight),
            rendered_masks(training.cohort, training.size, training.cohort_seed, spec.target),
            weights=weights,
            checkpoint=checkpoint,
            progress=progress,
        )

    return train_declared(training, declaration, "segmentation", run, trainer)
