"""A small trainer for the reference models: AdamW, cosine schedule with warm-up, mild augmentation.

It needs no dataset library: it takes uint8 arrays, keeps them in memory as they are (16 KiB for a 128 x 128
image) and runs on a CPU or one GPU. Every random draw comes from the seed and the step, so a run that was
stopped and resumed ends with the same weights as one that was not.

``loop`` turns the steps, ``objective`` is what it asks of a task, ``classifier`` and ``segmenter`` are the tasks.
"""

from radbench.reference.training.classifier import train_classifier
from radbench.reference.training.config import ClassifierConfig, SegmenterConfig
from radbench.reference.training.loop import Progress, TrainingReport
from radbench.reference.training.samples import Batch, MaskBatch
from radbench.reference.training.segmenter import train_segmenter

__all__ = [
    "Batch",
    "ClassifierConfig",
    "MaskBatch",
    "Progress",
    "SegmenterConfig",
    "TrainingReport",
    "train_classifier",
    "train_segmenter",
]
