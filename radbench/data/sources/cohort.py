"""A dataset's index as a cohort."""

from collections.abc import Callable
from pathlib import Path

from radbench.data.folder import FolderCohort
from radbench.errors import UsageError
from radbench.specs import CohortSpec


def open_dataset(part: CohortSpec, resolve: Callable[[str], Path], image_size: int) -> FolderCohort:
    """Return the cohort of a dataset."""
    del resolve, image_size
    raise UsageError(f"There is no dataset '{part.cohort}'.")
