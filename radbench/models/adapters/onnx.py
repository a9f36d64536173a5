"""An ONNX model under test, run by onnxruntime.

What its file refers to outside itself is read from its bytes, without running or importing anything. A ModelProto is a
protocol buffer (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): only the fields on the way from the model to
a tensor's external data are followed; everything else is skipped.
"""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError, did_you_mean
from radbench.models.adapters.base import TensorAdapter
from radbench.models.adapters.model_file import (
    agreed_rows,
    noted_class_names,
    only_channels_last,
    shape_words,
)
from radbench.models.base import ModelFailureError, one_line
from radbench.models.decode import wanted_output

if TYPE_CHECKING:
    import onnxruntime

_TYPES: Final = {
    "tensor(float)": "float32",
    "tensor(float16)": "float16",
    "tensor(double)": "float64",
    "tensor(uint8)": "uint8",
    "tensor(uint16)": "uint16",
    "tensor(int16)": "int16",
    "tensor(int32)": "int32",
}

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


class OnnxModel(TensorAdapter):
    """A file, or a folder of one ONNX file and the files that hold its tensors; see ``Adapter``."""

    format: ClassVar[str] = "onnx"
    _session: "onnxruntime.InferenceSession | None" = None
    _input: str = ""

    def verify(self) -> str:
        """Return the digest of the file or folder; every file that the model reads must be part of it."""
        found = super().verify()
        file = self.file()
        missing = self._outside(file)
        if missing and self.spec.source_path.is_dir():
            raise UsageError(f"{file}: keeps tensors in '{missing[0]}', expected a file inside its folder.")
        if missing:
            raise UsageError(
                f"{file}: keeps tensors in another file ('{missing[0]}'), expected one file; put both into a folder of "
                "their own and declare the folder as 'path', so that its digest holds both."
            )
        self._read_layout(file)
        return found

    def _read_layout(self, file: Path) -> None:
        """Take the order of the axes from the file where the declaration leaves it open and the file is plain."""
        contract = self.spec.input
        if "layout" in contract.model_fields_set:
            return
        shape = input_shape(file)
        if shape is not None and only_channels_last(shape, contract):
            self.spec = self.spec.model_copy(update={"input": contract.model_copy(update={"layout": "NHWC"})})
            self.found.append(
                f"The input of {file.name} has the shape {shape_words(shape)}: channels last (layout NHWC)."
            )

    def file(self) -> Path:
        """Return the ONNX file.

        Raises:
            UsageError: a folder with none or several of them.
        """
        path = self.spec.source_path
        if path.is_file():
            return path
        files = sorted(path.glob("*.onnx"))
        if len(files) != 1:
            raise UsageError(f"{path}: holds {len(files)} .onnx files, expected one.")
        return files[0]

    def _outside(self, file: Path) -> list[str]:
        """Return the tensors' files that the digest does not cover, or that are not where they may be."""
        names = external_files(file)
        if not self.spec.source_path.is_dir():
            return names
        # where links lead was checked when the digest was made
        root = self.spec.source_path.resolve()
        return [
            name
            for name in names
            if not Path(os.path.normpath(root / name)).is_relative_to(root) or not (root / name).is_file()
        ]

    def prepare(self) -> None:
        """Load the model into onnxruntime and hold its input and outputs against the declaration."""
        self._ready()

    def class_names(self) -> list[str] | None:
        """Return the class names in the model's ``metadata_props``; loads the model."""
        notes = self._ready().get_modelmeta().custom_metadata_map
        return noted_class_names({str(name): str(value) for name, value in notes.items()})

    def forward(self, rows: NDArray[np.generic]) -> Mapping[str, NDArray[np.generic]]:
        """Return every output by its name; see ``TensorAdapter.forward``."""
        session = self._ready()
        try:
            found = session.run(None, {self._input: rows})
        except Exception as error:  # onnxruntime's errors share no class of their own
            raise ModelFailureError(
                f"Model '{self.spec.name}' failed on images of shape {list(rows.shape)}: {one_line(error)}",
                kind="crash",
            ) from error
        return {
            output.name: _array(value) for output, value in zip(session.get_outputs(), found, strict=True)
        }

    def close(self) -> None:
        """Let go of the session."""
        self._session = None

    def _ready(self) -> "onnxruntime.InferenceSession":
        if self._session is None:
            session = self._loaded()
            self._input, self.rows = self._agreed_input(session)
            names = [output.name for output in session.get_outputs()]
            wanted = wanted_output(self.spec)
            if wanted is not None and wanted not in names:
                raise UsageError(
                    f"{self.file()}: has the outputs {', '.join(names)}, but output_names declares '{wanted}'; "
                    f"expected one of them.{did_you_mean(wanted, names)}"
                )
            self._session = session
        return self._session

    def _loaded(self) -> "onnxruntime.InferenceSession":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = int(os.environ.get("OMP_NUM_THREADS") or 0)
        options.inter_op_num_threads = 1
        options.use_deterministic_compute = True
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            return onnxruntime.InferenceSession(str(self.file()), options, providers=self._providers())
        except Exception as error:  # onnxruntime's errors share no class of their own
            raise ModelFailureError(
                f"Model '{self.spec.name}' cannot be loaded by onnxruntime: {one_line(error)}", kind="crash"
            ) from error

    def _providers(self) -> list[Any]:
        import onnxruntime

        name, cpu = str(self.device), "CPUExecutionProvider"
        if name == "cpu" or "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
            return [cpu]
        exact = {"use_tf32": "0", "cudnn_conv_algo_search": "DEFAULT"}
        return [("CUDAExecutionProvider", exact), cpu]

    def _agreed_input(self, session: "onnxruntime.InferenceSession") -> tuple[str, int]:
        inputs = session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(f"'{one.name}'" for one in inputs) or "none"
            raise UsageError(f"{self.file()}: has the inputs {names}, expected one: the images.")
        (only,) = inputs
        shape = [length if isinstance(length, int) and length > 0 else None for length in only.shape]
        rows = agreed_rows(self.spec, self.file(), shape, _TYPES.get(only.type, only.type))
        return only.name, rows


def _array(value: Any) -> NDArray[np.generic]:
    """Return an output as an array; of a list of {class: score} (a ZipMap), [N, classes] in the order of its keys."""
    if isinstance(value, list) and value and all(isinstance(row, dict) for row in value):
        return np.array([list(row.values()) for row in value])
    return np.asarray(value)


def external_files(path: Path) -> list[str]:
    """Return the names of the files that hold tensors of an ONNX model, sorted; none for a self-contained file.

    Raises:
        UsageError: the file is no ONNX model.
    """
    try:
        view = memoryview(path.read_bytes())
        if all(number != _GRAPH for number, _ in _fields(view)):
            raise ValueError("it has no graph")
        return sorted(set(_locations(view, "model", 0)))
    except (OSError, ValueError, IndexError, RecursionError) as error:
        raise _no_model(path, error) from error


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
        raise _no_model(path, error) from error


def _no_model(path: Path, error: Exception) -> UsageError:
    return UsageError(f"{path}: not an ONNX model ({error}); expected a file that onnx.save writes.")


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
