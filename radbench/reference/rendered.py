"""Training samples of the reference models: rendered phantoms, never an edited image."""

from collections.abc import Iterator, Sequence

import numpy as np

from radbench.data.cohort import Study
from radbench.phantom.cohort import PhantomCohort, build_cohort
from radbench.reference.training import Batch, MaskBatch

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
