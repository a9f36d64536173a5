"""``radbench import-predictions``: a vendor's table, checked against the exported list, as a model's YAML file."""

import shlex
import shutil
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import ValidationError
from rich.console import Console

from radbench.cli import run
from radbench.cli.exporting import default_folder
from radbench.cli.handout import MANIFEST, read_key, read_manifest
from radbench.declared import shift_path
from radbench.errors import UsageError
from radbench.models.source import folder_sha256
from radbench.models.tables.answers import read_answers
from radbench.models.tables.columns import LABEL, SCORE
from radbench.models.tables.masks import mask_file, read_mask, refuse_no_masks
from radbench.models.tables.reading import kind_of, open_table
from radbench.runtime import atomic_write, sha256_file
from radbench.specs import ModelSpec, ShiftSpec, load_model, load_shift

Meaning = Literal["logits", "probabilities", "calibrated", "labels"]
Sizes = Mapping[str, tuple[int, int]]

_HEAD: Final = "# A vendor's answers to an exported test set, written by radbench import-predictions.\n"


@dataclass(frozen=True)
class ImportOptions:
    """What ``radbench import-predictions`` was asked for; see its help."""

    table: Path
    shift: str
    name: str
    target_file: Path
    testset: Path | None = None
    output: Meaning | None = None
    operating_point: float | None = None
    exploratory: bool = False
    classes: tuple[str, ...] = ()
    target_class: str | None = None
    indeterminate: tuple[str, ...] = ()
    intended_use: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Tally:
    """How many of the exported images are answered, are in the table without an answer, or are not in it."""

    answered: int
    silent: int
    absent: int
    notes: tuple[str, ...] = ()


def run_import(options: ImportOptions, console: Console | None = None) -> Path:
    """Check a vendor's answers and write the YAML file of a model of format ``table`` with a copy of them beside it.

    Args:
        options: What to do.
        console: Where the outcome is told; stdout if None.

    Returns:
        The YAML file, for ``radbench run --model``.

    Raises:
        UsageError: A table that does not fit the exported set (with file and line), files that are there already, or
            a wrong name or option.
    """
    shift = load_shift(shift_path(options.shift))
    folder = options.testset or default_folder(shift)
    sizes, key = read_manifest(folder), read_key(folder, shift)
    segments = shift.task == "segmentation"
    copy = _copy_name(options, segments=segments)
    settings = _settings(options, shift, sizes, copy)
    spec = _declared(settings, options.target_file)
    tally = _check_masks(options.table, spec, sizes) if segments else _check_table(options.table, spec, sizes)
    kept = options.target_file.parent / copy
    _refuse_present([options.target_file, kept], options)
    digest = _keep_folder(options.table, kept, sizes) if segments else _keep_file(options.table, kept)
    text = yaml.safe_dump(settings | {"sha256": digest}, sort_keys=False, allow_unicode=True, width=110)
    atomic_write(options.target_file, (_HEAD + text).encode())
    load_model(options.target_file)
    _tell(console or Console(), options, tally, key)
    return options.target_file


def _copy_name(options: ImportOptions, *, segments: bool) -> str:
    return f"{options.name}-masks" if segments else f"{options.name}.{kind_of(options.table.resolve())}"


def _settings(options: ImportOptions, shift: ShiftSpec, sizes: Sizes, copy: str) -> dict[str, Any]:
    """Return the model's declaration as it goes into the YAML file."""
    segments = shift.task == "segmentation"
    meaning = options.output or _meaning(options.table, segments=segments)
    (height, width), _ = Counter(sizes.values()).most_common(1)[0]
    fixed = not options.exploratory and (options.operating_point is not None or meaning == "labels")
    several = "multiclass" if len(options.classes) > 2 else "binary"
    settings: dict[str, Any] = {
        "name": options.name,
        "title": f"{options.name}, answers imported for '{shift.target}'",
        "description": f"Answers that were given elsewhere to {len(sizes)} exported images; to no other image.",
        "format": "table",
        "path": copy,
        "task": "segmentation" if segments else several,
        "mask_classes" if segments else "classes": list(options.classes),
        "target": shift.target,
        "target_class": options.target_class,
        "input": {
            "channels": 1,
            "spatial_shape": [height, width],
            "dtype": "uint8",
            "value_range": [0.0, 255.0],
        },
        "output": meaning,
        "indeterminate": list(options.indeterminate),
        "operating_point": 0.5 if options.operating_point is None else options.operating_point,
        "operating_point_source": "pre-specified" if fixed else "exploratory",
        "intended_use": options.intended_use,
    }
    return {name: value for name, value in settings.items() if value not in (None, [])}


def _meaning(table: Path, *, segments: bool) -> Meaning:
    if segments:
        return "labels"
    columns = open_table(table.resolve()).columns
    return "labels" if LABEL in columns and SCORE not in columns else "probabilities"


def _declared(settings: Mapping[str, Any], file: Path) -> ModelSpec:
    try:
        return ModelSpec(**settings).read_from(file)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        what = f"{field} is {first['input']!r:.80}: " if field else ""
        raise UsageError(
            f"The model cannot be declared so: {what}{first['msg'].removeprefix('Value error, ')}."
        ) from error


def _check_table(table: Path, spec: ModelSpec, sizes: Sizes) -> Tally:
    answers = read_answers(table.resolve(), spec)
    for key, number in answers.numbers.items():
        if key not in sizes:
            raise UsageError(
                f"{answers.places[number]}: image {key[:12]}... is not in {MANIFEST}, expected the names of the "
                "exported files; answers to another test set cannot be imported."
            )
    answered = len(answers.numbers) - answers.silent
    if not answered:
        raise UsageError(
            f"{table} answers none of the {len(sizes)} exported images, expected an answer to most."
        )
    return Tally(answered, answers.silent, len(sizes) - len(answers.numbers), tuple(answers.notes))


def _check_masks(folder: Path, spec: ModelSpec, sizes: Sizes) -> Tally:
    refuse_no_masks(folder, spec)
    strange = sorted(path.name for path in folder.glob("*.png") if path.stem not in sizes)
    if strange:
        raise UsageError(
            f"{folder / strange[0]} is no mask of an image in {MANIFEST}, expected the exported names."
        )
    absent = [key for key in sizes if not mask_file(folder, key).exists()]
    if absent:
        raise UsageError(
            f"{folder} lacks the masks of {len(absent)} of {len(sizes)} images ({absent[0]}.png among them), expected "
            "one for each; all 0 where nothing was found."
        )
    for key, size in sizes.items():
        read_mask(mask_file(folder, key), size, spec)
    return Tally(len(sizes), 0, 0)


def _refuse_present(paths: list[Path], options: ImportOptions) -> None:
    for path in paths:
        if path.exists() and not options.force and path.resolve() != options.table.resolve():
            raise UsageError(
                f"{path} is there already; choose another --name or --target-file, or replace it with --force."
            )


def _keep_file(table: Path, kept: Path) -> str:
    """Copy the table beside the YAML file; return its SHA-256."""
    if kept.resolve() != table.resolve():
        atomic_write(kept, table.read_bytes())
    return sha256_file(kept)


def _keep_folder(folder: Path, kept: Path, sizes: Sizes) -> str:
    """Copy the masks (and nothing else that lies with them) beside the YAML file; return the folder's SHA-256."""
    part = kept.parent / f".{kept.name}.{uuid.uuid4().hex}.part"
    part.mkdir(parents=True)
    try:
        for key in sizes:
            shutil.copyfile(mask_file(folder, key), mask_file(part, key))
        if kept.exists():
            shutil.rmtree(kept)
        part.rename(kept)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return folder_sha256(kept)


def _tell(console: Console, options: ImportOptions, tally: Tally, key: Mapping[str, Any]) -> None:
    silent = tally.silent + tally.absent
    for note in tally.notes:
        run.say(console, f"Read as: {note}.")
    run.say(console, f"{tally.answered} of {tally.answered + silent} images are answered.")
    if silent:
        run.say(
            console,
            f"{silent} have no answer ({tally.silent} by an empty one, {tally.absent} by none) and are counted so.",
        )
    words = ["radbench", "run", "--shift", options.shift, "--model", str(options.target_file)]
    for option, usual in (("limit", None), ("seed", 0), ("bundle", None), ("device", "auto")):
        if key.get(option, usual) != usual:
            words += [f"--{option}", str(key[option])]
    run.say(console, f"Model: {options.target_file}")
    run.say(console, f"Audit: {shlex.join(words)}")
