"""A shift's test set for a vendor: what a model would see of it, and no more.

The folder goes to a vendor, who must not know which image is which: files are named by the SHA-256 of size and
pixels, listed in the order of those, dated alike, and neither the list nor the text says a label, an arm, a patient or
the seed. What the auditor needs to go on lies beside the folder, in ``FOLDER.key.json``, and stays here.
"""

import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from radbench.api import job as jobs
from radbench.api.bundles import find_bundle
from radbench.api.choices import Choice
from radbench.api.handout import KEY_VERSION, MANIFEST, PICTURES, README, instructions, key_file, manifest_csv
from radbench.api.job import OUT, Job, RunOptions, ShiftName
from radbench.api.progress import Callback, Progress, Report, progress_of
from radbench.errors import UsageError
from radbench.harness.arms import ArmImages, Scene
from radbench.models.adapters.table import keys_of, png_bytes
from radbench.runtime import DeviceName, atomic_write, canonical_json, sha256_bytes
from radbench.specs import ShiftSpec

Sizes = dict[str, tuple[int, int]]
"""Height and width of every image, by its SHA-256."""

_DATED: Final = 315_532_800  # 1 January 1980: when a file was made would tell the arms apart


def default_folder(shift: ShiftSpec) -> Path:
    """Return where a shift's test set is exported to unless a folder is asked for."""
    return OUT / f"{shift.name}-testset"


@dataclass(frozen=True)
class Exported:
    """An exported test set.

    Attributes:
        folder: For the vendor: ``images/``, ``manifest.csv`` and ``README.txt``.
        key: What stays with the auditor, beside the folder.
        images: How many different images there are.
    """

    folder: Path
    key: Path
    images: int


def export_testset(
    shift: ShiftName = "manifestation",
    out: str | Path | None = None,
    *,
    limit: int | None = None,
    seed: int = 0,
    device: DeviceName = "auto",
    batch_size: int = 8,
    bundle: str | None = None,
    progress: bool | Callback | Progress = True,
) -> Exported:
    """Build the test set of a shift and write its images for a vendor: named by hash, without labels.

    Args:
        shift: A declared shift's name, its YAML file, or a ``ShiftSpec``.
        out: The folder to write; None for ``radbench-out/SHIFT-testset``.
        limit: Edit at most this many images; the audit needs the same.
        seed: Of the edits; the audit needs the same.
        device: "auto", "cpu" or "cuda"; the audit needs the same kind.
        batch_size: Images edited at once; changes no pixel.
        bundle: Another diffusion bundle than the shift's.
        progress: True for bars, False for none, or a function of what, done and total.

    Raises:
        UsageError: Something that can be mended, such as a folder that holds something else already.
    """
    options = RunOptions(
        shift=shift,
        out=None if out is None else Path(out),
        limit=limit,
        seed=seed,
        device=device,
        batch_size=batch_size,
        bundle=bundle,
    )
    said = progress_of(progress)
    spec = jobs.read_shift(shift)
    folder = options.out or default_folder(spec)
    _refuse_other(folder)
    job = Job(spec, Choice(()), find_bundle(spec, bundle), folder)
    cache = jobs.settle([job], options)
    opened = jobs.open_job(job, options)
    testset = jobs.build_set(opened, options, cache, said)
    arms = Scene(spec, opened.cohort, testset, opened.anchors).arms()
    with said.loop("Writing") as report:
        sizes = _write(spec, arms, folder, report)
    key = _key(options, spec, sizes, {str(arm): len(images) for arm, images in arms.items()}, testset.key)
    atomic_write(key_file(folder), canonical_json(key) + b"\n")
    return Exported(folder, key_file(folder), len(sizes))


def _write(shift: ShiftSpec, arms: Mapping[Any, ArmImages], folder: Path, report: Report) -> Sizes:
    """Write the folder under another name, and put it in its place when it is whole."""
    part = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.part"
    try:
        (part / PICTURES).mkdir(parents=True)
        sizes = _write_pictures(arms, part / PICTURES, report)
        (part / MANIFEST).write_bytes(manifest_csv(sizes))
        (part / README).write_text(instructions(shift, sizes), encoding="utf-8")
        for path in (part / MANIFEST, part / README, part / PICTURES):
            os.utime(path, (_DATED, _DATED))
        _swap(part, folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return sizes


def _write_pictures(arms: Mapping[Any, ArmImages], folder: Path, report: Report) -> Sizes:
    sizes: Sizes = {}
    done, total = 0, sum(map(len, arms.values()))
    for images in arms.values():
        for number in range(len(images)):
            image = images.load(number)
            (key,) = keys_of([image])
            if key not in sizes:
                path = folder / f"{key}.png"
                path.write_bytes(png_bytes(image))
                os.utime(path, (_DATED, _DATED))
                sizes[key] = (image.shape[0], image.shape[1])
            done += 1
            report(done, total)
    return dict(sorted(sizes.items()))


def _swap(part: Path, folder: Path) -> None:
    """Put ``part`` in the place of an earlier export, which goes only when the new one is there."""
    old = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.old"
    if folder.exists():
        folder.rename(old)
    try:
        part.rename(folder)
    except OSError:
        with suppress(OSError):
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _refuse_other(folder: Path) -> None:
    """Refuse to replace anything but an earlier export.

    Raises:
        UsageError: There is a file, or a folder that holds other things.
    """
    if not folder.exists():
        return
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {folder.name}
    others = names - {MANIFEST, README, PICTURES}
    if others:
        raise UsageError(
            f"The folder {folder} holds other things ({min(others)} among them), expected a new folder or an earlier "
            "export; choose another with --out."
        )


def _key(
    options: RunOptions, shift: ShiftSpec, sizes: Sizes, arms: Mapping[str, int], testset: str
) -> dict[str, Any]:
    """Return what the auditor keeps: how the set was built, so that the audit builds the very same."""
    return {
        "version": KEY_VERSION,
        "shift": shift.name,
        "limit": options.limit,
        "seed": options.seed,
        "bundle": options.bundle,
        "device": options.device,
        "testset": testset,
        "images": dict(arms),
        "distinct": len(sizes),
        "manifest_sha256": sha256_bytes(manifest_csv(sizes)),
    }
