"""What a model file says of itself: its input, held against the contract; its classes; what kind of archive it is.

Nothing in a file is run for it, and no pickle is read.
"""

import ast
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from radbench.errors import UsageError
from radbench.models.adapters.base import ROWS
from radbench.models.preprocess import row_shape
from radbench.specs import InputContract, ModelSpec

NOTES: Final = ("class_names", "classes", "names", "labels", "id2label")
"""The notes of a model file that are looked at, in this order."""

_LONGEST: Final = 100_000
_WAY_OUT: Final = (
    "Export it where you trust it: as ONNX, with torch.jit.script(model).save(path), with torch.export.save, or its "
    "state dict as safetensors with a declared architecture."
)


def agreed_rows(spec: ModelSpec, file: Path, shape: Sequence[int | None], dtype: str) -> int:
    """Return the rows of a batch that the file takes, if all that it says of its input agrees with the contract.

    Args:
        spec: the declaration.
        file: the file to name in errors.
        shape: the input's shape as the file states it, None for a length that may vary.
        dtype: its type in numpy's words, such as "float32".

    Returns:
        The file's fixed number of rows, or 16 where it may vary.

    Raises:
        UsageError: the file states another number of axes, type, number of channels or size.
    """
    contract = spec.input
    if len(shape) != 4:
        raise UsageError(
            f"{file}: its input has {len(shape)} axes ({shape_words(shape)}), expected 4: a batch of images in "
            f"{contract.layout} order."
        )
    if dtype != contract.dtype:
        raise UsageError(
            f"{file}: its input is of type {dtype}, but input.dtype is {contract.dtype}; expected the same."
        )
    batch, *rest = shape
    declared = row_shape(contract)
    if not _fits(rest, declared):
        height, width = contract.spatial_shape
        words = f"{contract.layout}, {contract.channels} channels of {height} x {width}"
        raise UsageError(
            f"{file}: its input has the shape {shape_words(shape)}, but input declares "
            f"{shape_words([None, *declared])} ({words}); expected the same.{_hint(rest, contract)}"
        )
    return ROWS if batch is None or batch < 1 else batch


def only_channels_last(shape: Sequence[int | None], contract: InputContract) -> bool:
    """Return whether a file's [n, H, W, C] can be the declared images only with their channels last."""
    if len(shape) != 4:
        return False
    last, first = (row_shape(contract.model_copy(update={"layout": layout})) for layout in ("NHWC", "NCHW"))
    return shape[3] == contract.channels and _fits(shape[1:], last) and not _fits(shape[1:], first)


def _hint(rest: Sequence[int | None], contract: InputContract) -> str:
    """Return what to declare where a file's shape shows where its channels are."""
    for layout, channels in (("NHWC", rest[2]), ("NCHW", rest[0])):
        if channels is None or channels > 4:
            continue
        other = contract.model_copy(update={"layout": layout, "channels": channels})
        if _fits(rest, row_shape(other)):
            return f" Declare channels: {channels} and layout: {layout}, if that is what it is."
    return ""


def _fits(found: Sequence[int | None], wanted: Sequence[int]) -> bool:
    return all(length in {None, other} for length, other in zip(found, wanted, strict=True))


def shape_words(shape: Sequence[int | None]) -> str:
    """Return a shape in words, "any" for a length that may vary."""
    return "[" + ", ".join("any" if length is None else str(length) for length in shape) + "]"


def archived_notes(path: Path) -> dict[str, str]:
    """Return the short texts among a torch archive's extra files (``class_names.json``) by name without its ending."""
    with zipfile.ZipFile(path) as archive:
        return {
            name.rpartition("/")[2].partition(".")[0]: archive.read(name).decode(errors="replace")
            for name in archive.namelist()
            if "/extra/" in name and archive.getinfo(name).file_size < _LONGEST
        }


def noted_class_names(notes: Mapping[str, str]) -> list[str] | None:
    """Return the class names that a model file's notes hold, or None where they hold none that can be read."""
    for note in NOTES:
        if note in notes and (names := parsed_class_names(notes[note])):
            return names
    return None


def parsed_class_names(text: str) -> list[str] | None:
    """Return the names in a list (``["a", "b"]``), a mapping from number to name, or words between commas."""
    if len(text) > _LONGEST:
        return None
    found: object = text
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
            break
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    if isinstance(found, Mapping):
        found = _numbered(found)
    if isinstance(found, str):
        found = [word.strip() for word in found.replace("\n", ",").split(",") if word.strip()]
    if isinstance(found, list | tuple) and found and all(isinstance(name, str) for name in found):
        return list(found)
    return None


def _numbered(found: Mapping[object, object]) -> list[object] | None:
    """Return the values of a mapping whose keys are the numbers from 0, or whose values are (name to number)."""
    by_number = {str(key): value for key, value in found.items()}
    turned = {str(value): key for key, value in found.items()}
    wanted = [str(number) for number in range(len(found))]
    for names in (by_number, turned):
        if sorted(names) == sorted(wanted):
            return [names[number] for number in wanted]
    return None


def archived_names(path: Path) -> set[str]:
    """Return the names of the files in a torch archive, without the folder at its root; none if it is no zip.

    Raises:
        UsageError: the archive names a file twice, so that two readers may see two models.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return set()
    if len(set(names)) != len(names):
        raise UsageError(f"{path}: its archive names a file twice, expected each file once.")
    roots = {name.partition("/")[0] for name in names}
    if len(roots) != 1:
        return set()
    return {name.partition("/")[2] for name in names}


def refuse_pickle(path: Path, expected: str) -> UsageError:
    """Return the error of a file that is none of the format's own, or a pickled Python object."""
    with path.open("rb") as file:
        marked = file.read(1) == b"\x80"
    if "data.pkl" in archived_names(path) or marked or path.suffix in {".pkl", ".pickle", ".joblib", ".sav"}:
        return UsageError(
            f"{path}: a pickled Python object, which runs whatever code it holds when it is read, so it is refused; "
            f"expected {expected}. {_WAY_OUT}"
        )
    return UsageError(f"{path}: found another kind of file, expected {expected}. {_WAY_OUT}")
