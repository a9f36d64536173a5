"""``radbench export-testset``: build a shift's test set and write what a model would see of it, and no more.

The folder goes to a vendor, who must not know which image is which: files are named by the SHA-256 of size and
pixels, listed in the order of those, dated alike, and neither the list nor the text says a label, an arm, a patient or
the seed. What the auditor needs to go on lies beside the folder, in ``FOLDER.key.json``, and stays here.
"""

import os
import shutil
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from radbench.audit.arms import ArmImages, Scene
from radbench.cli import run
from radbench.cli.bundles import find_bundle
from radbench.cli.choices import Choice
from radbench.cli.handout import KEY_VERSION, MANIFEST, PICTURES, README, instructions, key_file, manifest_csv
from radbench.cli.progress import Report, progress
from radbench.declared import shift_path
from radbench.errors import UsageError
from radbench.models.tables.keyed import keys_of, png_bytes
from radbench.runtime import atomic_write, canonical_json, sha256_bytes
from radbench.specs import ShiftSpec, load_shift

Sizes = dict[str, tuple[int, int]]
"""Height and width of every image, by its SHA-256."""

_DATED: Final = 315_532_800  # 1 January 1980: when a file was made would tell the arms apart


def default_folder(shift: ShiftSpec) -> Path:
    """Return where a shift's test set is exported to unless a folder is asked for."""
    return run.OUT / f"{shift.name}-testset"


def run_export(options: run.RunOptions, console: Console | None = None) -> Path:
    """Build the test set of a shift and write its images for a vendor.

    Args:
        options: What to do; models and gate are not looked at.
        console: Where progress goes; stdout if None.

    Returns:
        The folder: ``images/``, ``manifest.csv`` and ``README.txt``.

    Raises:
        UsageError: Something that the user can mend, such as a folder that holds something else already.
    """
    console = console or Console()
    shift = load_shift(shift_path(options.shift))
    folder = options.out or default_folder(shift)
    _refuse_other(folder)
    job = run.Job(shift, Choice(()), find_bundle(shift, options.bundle), folder)
    cache = run.settle([job], options)
    opened = run.open_job(job, options)
    testset = run.build_set(opened, options, cache, console)
    arms = Scene(shift, opened.cohort, testset).arms()
    with progress(console, "Writing") as report:
        sizes = _write(shift, arms, folder, report)
    key = _key(options, shift, sizes, {str(arm): len(images) for arm, images in arms.items()}, testset.key)
    atomic_write(key_file(folder), canonical_json(key) + b"\n")
    run.say(console, f"For the vendor: {folder} ({len(sizes)} images, {MANIFEST}, {README})")
    run.say(console, f"Stays here: {key_file(folder)}")
    return folder


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
    options: run.RunOptions, shift: ShiftSpec, sizes: Sizes, arms: Mapping[str, int], testset: str
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
