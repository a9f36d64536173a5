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
from radbench.specs.scenario import Precision

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
    workers: int = 1,
    precision: Precision | None = None,
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
        workers: Processes that edit; on several GPUs one each.
        precision: Of the noise predictor: "float32", "tf32" or "bfloat16"; None for the shift's.
        cache: The cache's root; None for ``$RADBENCH_CACHE`` or the platform's.
        progress: True for bars, False for none, or a function of what, done and total.

    Returns:
        The edited images, a torch ``Dataset``.

    Raises:
        UsageError: Something that can be mended.
    """
    spec = jobs.needed_shift(shift, precision)
    named = None if bundle is None else str(bundle)
    options = RunOptions(
        shift=spec,
        limit=limit,
        seed=seed,
        device=device,
        bundle=named,
        batch_size=batch_size,
        workers=workers,
        precision=precision,
    )
    job = Job(spec, Choice(()), find_bundle(spec, named))
    with cache_at(cache):
        root = jobs.settle([job], options)
        told = progress_of(progress)
        opened = jobs.open_job(job, options, told)
        testset = jobs.build_set(opened, options, root, told)
        from radbench.api.dataset import EditedImages

        return EditedImages(spec, opened.cohort, testset)


def build_part(
    shard: str,
    shift: ShiftName = "manifestation",
    *,
    limit: int | None = None,
    seed: int = 0,
    device: DeviceName = "auto",
    bundle: str | Path | None = None,
    batch_size: int = 8,
    precision: Precision | None = None,
    cache: str | Path | None = None,
    progress: bool | Callback | Progress = True,
) -> int:
    """Edit one part of a shift's images and store it, as one task of an array of many.

    When all parts are there, ``build`` (or an audit) puts the test set together; it edits what a lost task left.

    Args:
        shard: Which part of how many: ``2/8``.
        shift: As in ``build``, like all that follows.
        limit: Edit at most this many images in all parts together.
        seed: Of the edits.
        device: "auto", "cpu" or "cuda".
        bundle: Another diffusion bundle than the shift's.
        batch_size: Images edited at once.
        precision: Of the noise predictor.
        cache: The cache's root, which all parts share.
        progress: True for bars, False for none, or a function of what, done and total.

    Returns:
        How many edits of this part could not be made.

    Raises:
        UsageError: Something that can be mended.
    """
    from radbench.testsets.executor import Shard

    named = None if bundle is None else str(bundle)
    options = RunOptions(
        shift=shift,
        limit=limit,
        seed=seed,
        device=device,
        bundle=named,
        batch_size=batch_size,
        precision=precision,
    )
    with cache_at(cache):
        return jobs.edit_part(options, Shard.read(shard), progress_of(progress))
