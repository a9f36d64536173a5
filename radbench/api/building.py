"""The synthetic test set of a shift, built or found in the cache."""

from pathlib import Path
from typing import TYPE_CHECKING

from radbench.api import job as jobs
from radbench.api.bundles import find_bundle
from radbench.api.choices import Choice
from radbench.api.environment import cache_at
from radbench.api.job import Job, RunOptions, ShiftName
from radbench.api.progress import Callback, Progress, progress_of
from radbench.runtime import DeviceName

if TYPE_CHECKING:
    from radbench.api.dataset import EditedImages


def build(
    shift: ShiftName = "manifestation",
    *,
    limit: int | None = None,
    seed: int = 0,
    device: DeviceName = "auto",
    bundle: str | Path | None = None,
    batch_size: int = 8,
    cache: str | Path | None = None,
    progress: bool | Callback | Progress = True,
) -> "EditedImages":
    """Edit a shift's images, or find them in the cache; no model is run.

    Args:
        shift: A declared shift's name, its YAML file, or a ``ShiftSpec``.
        limit: Edit at most this many images; None for the shift's limit.
        seed: Of the edits.
        device: "auto", "cpu" or "cuda".
        bundle: Another diffusion bundle than the shift's.
        batch_size: Images edited at once; bounds the memory, changes no pixel.
        cache: The cache's root; None for ``$RADBENCH_CACHE`` or the platform's.
        progress: True for bars, False for none, or a function of what, done and total.

    Returns:
        The edited images, a torch ``Dataset``.

    Raises:
        UsageError: Something that can be mended.
    """
    spec = jobs.read_shift(shift)
    named = None if bundle is None else str(bundle)
    options = RunOptions(
        shift=spec, limit=limit, seed=seed, device=device, bundle=named, batch_size=batch_size
    )
    job = Job(spec, Choice(()), find_bundle(spec, named))
    with cache_at(cache):
        root = jobs.settle([job], options)
        opened = jobs.open_job(job, options)
        testset = jobs.build_set(opened, options, root, progress_of(progress))
        from radbench.api.dataset import EditedImages

        return EditedImages(spec, opened.cohort, testset)
