"""What an ONNX file refers to outside itself, read from its bytes without running or importing anything.

A ModelProto is a protocol buffer (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto). Only the fields on the way
from the model to a tensor's external data are followed; everything else is skipped.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from radbench.errors import UsageError

_TENSOR: Final = "tensor"
_ENTRY: Final = "entry"
_MESSAGES: Final[dict[str, dict[int, str]]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: _TENSOR, 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {5: _TENSOR, 6: "graph", 10: _TENSOR, 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: _TENSOR, 2: _TENSOR},
    _TENSOR: {13: _ENTRY},
    _ENTRY: {},
}
"""Which field of a message holds which message."""

_GRAPH: Final = 7
_DEEPEST: Final = 100


def external_files(path: Path) -> list[str]:
    """Return the names of the files that hold tensors of an ONNX model, sorted; none for a self-contained file.

    Raises:
        UsageError: the file is no ONNX model.
    """
    try:
        return _external(memoryview(path.read_bytes()))
    except (OSError, ValueError, IndexError, RecursionError) as error:
        raise UsageError(
            f"{path}: not an ONNX model ({error}); expected a file that onnx.save writes."
        ) from error


def input_shape(path: Path) -> list[int | None] | None:
    """Return the shape of an ONNX model's one input, None for a length that may vary.

    None where the file has several inputs, or says nothing of the shape.

    Raises:
        UsageError: the file is no ONNX model.
    """
    try:
        view = memoryview(path.read_bytes())
        (graph,) = (value for number, value in _fields(view) if number == _GRAPH)
        held, inputs = set(), {}
        for number, value in _fields(graph):
            if number == 5:
                held.add(_named(value, 8))
            elif number == 11:
                inputs[_named(value, 1)] = value
        images = [value for name, value in inputs.items() if name not in held]
        return _shape(images[0]) if len(images) == 1 else None
    except (OSError, ValueError, IndexError) as error:
        raise UsageError(
            f"{path}: not an ONNX model ({error}); expected a file that onnx.save writes."
        ) from error


def _named(view: memoryview, field: int) -> bytes:
    return next((bytes(value) for number, value in _fields(view) if number == field), b"")


def _shape(value_info: memoryview) -> list[int | None] | None:
    """Return the shape that a ValueInfoProto states: its type (2), of a tensor (1), with a shape (2) of dims (1)."""
    place = value_info
    for wanted in (2, 1, 2):
        inner = next((value for number, value in _fields(place) if number == wanted), None)
        if inner is None:
            return None
        place = inner
    return [_length(dim) for number, dim in _fields(place) if number == 1]


def _length(dim: memoryview) -> int | None:
    """Return the number in a dimension's dim_value (field 1), None where it has a name or nothing."""
    if len(dim) > 1 and dim[0] == 1 << 3:
        length, _ = _varint(dim, 1)
        return length if 0 < length < 1 << 31 else None
    return None


def _external(view: memoryview) -> list[str]:
    fields = {number for number, _ in _fields(view)}
    if _GRAPH not in fields:
        raise ValueError("it has no graph")
    return sorted(set(_locations(view, "model", 0)))


def _locations(view: memoryview, message: str, depth: int) -> Iterator[str]:
    if depth > _DEEPEST:
        raise ValueError("its graphs are nested too deeply")
    if message == _ENTRY:
        pair = {number: bytes(value).decode(errors="replace") for number, value in _fields(view)}
        if pair.get(1) == "location":
            yield pair.get(2, "")
        return
    for number, value in _fields(view):
        inner = _MESSAGES[message].get(number)
        if inner is not None:
            yield from _locations(value, inner, depth + 1)


def _fields(view: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Yield number and bytes of every field of a message that has a length; numbers are skipped."""
    place = 0
    while place < len(view):
        tag, place = _varint(view, place)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            _, place = _varint(view, place)
        elif kind in {1, 5}:
            place += 8 if kind == 1 else 4
        elif kind == 2:
            length, place = _varint(view, place)
            if number == 0 or place + length > len(view):
                raise ValueError("it is cut short or damaged")
            yield number, view[place : place + length]
            place += length
        else:
            raise ValueError("it is no protocol buffer")
    if place > len(view):
        raise ValueError("it is cut short")


def _varint(view: memoryview, place: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = view[place]
        value |= (byte & 0x7F) << shift
        place += 1
        if byte < 0x80:
            return value, place
    raise ValueError("it is no protocol buffer")
