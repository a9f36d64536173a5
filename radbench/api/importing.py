"""A vendor's answers to an exported test set, checked against its list, as a model's YAML file."""

import shutil
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from pydantic import ValidationError

from radbench.api.exporting import default_folder
from radbench.api.handout import MANIFEST, read_key, read_manifest
from radbench.api.job import ShiftName, read_shift
from radbench.errors import UsageError
from radbench.models.adapters.table import mask_file, read_mask, refuse_no_masks
from radbench.models.adapters.table_answers import LABEL, SCORE, read_answers
from radbench.models.adapters.table_file import kind_of, open_table
from radbench.models.source import folder_sha256
from radbench.runtime import atomic_write, sha256_file
from radbench.specs import ModelSpec, ShiftSpec, load_model

Meaning = Literal["logits", "probabilities", "calibrated", "labels"]
Sizes = Mapping[str, tuple[int, int]]

_HEAD: Final = "# A vendor's answers to an exported test set, written by radbench import-predictions.\n"


@dataclass(frozen=True)
class ImportOptions:
    """What an import was asked for; see ``import_predictions``."""

    table: Path
    shift: ShiftName
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
    """How many of the exported images are answered, are in the table without an answer, or are not in it.

    ``notes`` say how what was not plain in the table was read.
    """

    answered: int
    silent: int
    absent: int
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Imported:
    """A vendor's answers as a model.

    Attributes:
        model: The YAML file, for ``radbench.audit(..., models=[model])``.
        tally: How many images are answered.
        key: How the test set was built (limit, seed, bundle, device), where the auditor's key lies beside it.
    """

    model: Path
    tally: Tally
    key: Mapping[str, Any]


def import_predictions(  # noqa: PLR0913 - each is one part of a model's declaration
    table: str | Path,
    shift: ShiftName,
    name: str,
    *,
    target_file: str | Path | None = None,
    testset: str | Path | None = None,
    output: Meaning | None = None,
    operating_point: float | None = None,
    exploratory: bool = False,
    classes: Sequence[str] = (),
    target_class: str | None = None,
    indeterminate: Sequence[str] = (),
    intended_use: str | None = None,
    force: bool = False,
) -> Imported:
    """Check a vendor's answers and write the YAML file of a model of format ``table`` with a copy of them beside it.

    Args:
        table: CSV, JSON Lines or Parquet, or a folder of masks.
        shift: The shift that the set was exported for.
        name: Of the model.
        target_file: The YAML file to write; None for ``NAME.yaml``.
        testset: The exported folder; None for ``radbench-out/SHIFT-testset``.
        output: What the answers mean; None: labels for a column ``label`` and masks, else probabilities.
        operating_point: Score from which the model says yes, in [0, 1]; None for 0.5.
        exploratory: The operating point was not fixed before the audit.
        classes: Names of the classes, in the order of the numbers.
        target_class: The vendor's name of the shift's target, if it is another.
        indeterminate: Answers that mean "cannot say".
        intended_use: What the vendor says that the model is for.
        force: Replace files that are there already.

    Raises:
        UsageError: A table that does not fit the exported set (with file and line), files that are there already, or
            a wrong name or option.
    """
    return _imported(
        ImportOptions(
            table=Path(table),
            shift=shift,
            name=name,
            target_file=Path(f"{name}.yaml" if target_file is None else target_file),
            testset=None if testset is None else Path(testset),
            output=output,
            operating_point=operating_point,
            exploratory=exploratory,
            classes=tuple(classes),
            target_class=target_class,
            indeterminate=tuple(indeterminate),
            intended_use=intended_use,
            force=force,
        )
    )


def _imported(options: ImportOptions) -> Imported:
    shift = read_shift(options.shift)
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
    return Imported(options.target_file, tally, key)


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
