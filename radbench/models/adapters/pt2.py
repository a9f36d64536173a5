"""A ``torch.export`` program under test (``.pt2``), held against what an exported network needs before torch reads it.

Reading such an archive is not harmless: torch unpickles objects, loads compiled libraries, evaluates symbolic
expressions and guards as Python, and writes names into source code that it runs. So whatever is not known to be
harmless is refused here: only operators of a list, only identifiers as names, only arithmetic as expressions.
"""

import inspect
import json
import pickle
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final
from unittest.mock import patch

from radbench.errors import UsageError
from radbench.models.adapters.model_file import (
    agreed_rows,
    archived_names,
    archived_notes,
    noted_class_names,
    refuse_pickle,
)
from radbench.models.adapters.torch_base import TorchAdapter
from radbench.models.base import ModelFailureError, one_line

if TYPE_CHECKING:
    import torch
    from torch import nn
    from torch.export import ExportedProgram

PROGRAM: Final = "models/model.json"
"""The program in the archive, under the folder at its root."""

_FILES: Final = re.compile(
    r"models/model\.json|archive_format|archive_version|byteorder|version|\.data/\w+|\.format_version|"
    r"\.storage_alignment|data/weights/(weight_\d+|model_weights_config\.json)|data/sample_inputs/model\.pt|"
    r"data/constants/(tensor_\d+|model_constants_config\.json)|extra/[^/]+"
)

_NAME: Final = re.compile(r"([^\W\d]\w*)?")
_DOTTED: Final = re.compile(r"[\w.]*")
_PLAIN: Final = re.compile(r"[\w.+:, -]{0,200}")

_TARGET: Final = re.compile(
    r"torch\.ops\.(aten|prims|quantized|quantized_decomposed|torchvision)\.(?!from_file\b)\w+(\.\w+)?|"
    r"torch\.ops\.higher_order\.wrap_with_(set_grad_enabled|autocast)|"
    r"_operator\.(add|sub|mul|truediv|floordiv|mod|neg|pow|getitem|eq|ne|lt|le|gt|ge|and_|or_|not_)|"
    r"math\.(ceil|floor|trunc|sqrt)|torch\.sym_(int|float|max|min|not|ite|sum|sqrt)"
)

_WORD: Final = re.compile(
    r"(Symbol|FloorDiv|ModularIndexing|Where|PythonMod|Mod|CleanDiv|Ceil(ToInt|Div)|FloorToInt|PowByNatural|FloatPow|"
    r"FloatTrueDiv|IntTrueDiv|Trunc(ToFloat|ToInt)|RoundToInt|ToFloat|Identity|Integer|Float|Rational|Add|Mul|Pow|Max|Min|"
    r"Eq|Ne|Lt|Le|Gt|Ge|And|Or|Not|precision|positive|nonnegative|integer|real|True|False|evaluate|[sufz]+\d+|\d+)"
)

_GUARD: Final = re.compile(
    r"(L\['\w+'\](\.size\(\)|\.stride\(\)|\.storage_offset\(\)|\[\d+\])*|[\d\s()+*<>=!%/-]|and|or|not)+"
)

_TREE: Final = {None, "builtins.tuple", "builtins.list", "builtins.dict", "collections.OrderedDict"}

_NEVER: Final = frozenset({"as_custom_obj", "as_graph", "class_fqn"})
"""Keys under which there may be no text at all."""


class ExportedModel(TorchAdapter):
    """A file that ``torch.export.save`` of torch 2.9 or later wrote; see ``Adapter``."""

    format: ClassVar[str] = "pt2"

    def verify(self) -> str:
        """Return the file's digest, after its program was found to hold nothing that runs when it is read."""
        found = super().verify()
        path = self.spec.source_path
        expected = f"a torch.export archive of torch 2.9 or later ({PROGRAM} in a zip)"
        if not path.is_file():
            raise UsageError(f"{path}: a folder, expected {expected}.")
        if PROGRAM not in archived_names(path):
            raise refuse_pickle(path, expected)
        screen(path)
        return found

    def network(self) -> "nn.Module":
        """Return the program's module, for batches of the size that it takes."""
        program = self._program()
        shape, dtype = _first_input(program)
        self.rows = agreed_rows(self.spec, self.spec.source_path, shape, dtype)
        # Guards are Python that the file brings; what they would check of the input was just checked.
        guarded = "check_guards" in inspect.signature(program.module).parameters
        module: nn.Module = program.module(**({"check_guards": False} if guarded else {}))
        return module

    def placed(self, network: "nn.Module") -> "nn.Module":
        """Return the module on the device; an exported program is for evaluation already."""
        return network.to(self.torch_device())

    def tensor(self, rows: Any) -> "torch.Tensor":
        """Return a batch in plain memory order, which an exported program was traced with."""
        return super().tensor(rows).contiguous()

    def class_names(self) -> list[str] | None:
        """Return the class names in the archive's extra files, such as ``class_names.json``."""
        return noted_class_names(archived_notes(self.spec.source_path))

    def _program(self) -> "ExportedProgram":
        import torch

        try:
            with only_tensors():
                return torch.export.load(self.spec.source_path)
        except pickle.UnpicklingError as error:
            raise UsageError(
                f"{self.spec.source_path}: holds a pickle of more than tensors, which would run code when it is "
                "read, so it is refused; export the model again with tensors as its example inputs."
            ) from error
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError, AssertionError) as error:
            raise ModelFailureError(
                f"Model '{self.spec.name}' cannot be loaded as an exported program: {one_line(error)}",
                kind="crash",
            ) from error


@contextmanager
def only_tensors() -> Iterator[None]:
    """While torch reads an archive, whatever it asks, let no pickle make anything but tensors and plain values."""
    import torch

    with (
        patch.object(torch, "load", partial(_restricted, torch.load)),
        patch.object(pickle, "loads", _refused),
        patch.object(torch._C, "_pickle_load_obj", _refused, create=True),  # noqa: SLF001 - the only place to hold it
    ):
        yield


def _restricted(load: Any, *arguments: Any, **settings: Any) -> Any:
    return load(*arguments, **(settings | {"weights_only": True}))


def _refused(*_arguments: Any, **_settings: Any) -> Any:
    raise pickle.UnpicklingError("an object that is no tensor")


def _first_input(program: "ExportedProgram") -> tuple[list[int | None], str]:
    """Return shape (None where a length may vary) and type of the program's only input.

    Raises:
        UsageError: it takes another number of inputs.
    """
    names = [name for name in program.graph_signature.user_inputs if isinstance(name, str)]
    values = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    if len(names) != 1 or values.get(names[0]) is None:
        raise UsageError(
            f"The exported program takes the inputs {', '.join(names) or 'none'}, expected one: the images."
        )
    found = values[names[0]]
    shape = [int(length) if isinstance(length, int) else None for length in found.shape]
    return shape, str(found.dtype).removeprefix("torch.")


def screen(path: Path) -> None:
    """Refuse an archive that may do more, when it is read or run, than compute on tensors.

    Raises:
        UsageError: what was found, and how to export the model instead.
    """
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not _FILES.fullmatch(name.partition("/")[2]):
                raise _refusal(path, f"holds the file '{name[:200]}'")
        configs = [name for name in archive.namelist() if name.endswith((PROGRAM, "_config.json"))]
        documents = []
        for name in configs:
            try:
                documents.append(json.loads(archive.read(name)))
            except (ValueError, RecursionError) as error:
                raise UsageError(f"{path}: {name} in it cannot be read as JSON ({error}).") from error
    for document in documents:
        for key, value in _strings(document):
            if key in _NEVER or not _RULES.get(key, _matches(_PLAIN))(value):
                raise _refusal(path, f"has {key} '{value[:200]}'")
        if any(_values(document, "use_pickle")):
            raise _refusal(path, "keeps a pickled tensor")


def _strings(value: Any, key: str = "") -> Iterator[tuple[str, str]]:
    """Yield every text of a document with the key that it belongs to; a mapping's own keys belong to "key"."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield "key", name
            if name != "metadata":  # notes of where an operator came from, which torch does not run
                yield from _strings(inner, name)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner, key)
    elif isinstance(value, str):
        yield key, value


def _values(value: Any, key: str) -> Iterator[Any]:
    if isinstance(value, dict):
        if key in value:
            yield value[key]
        for inner in value.values():
            yield from _values(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, key)


def _matches(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda text: pattern.fullmatch(text) is not None


def _is_arithmetic(text: str) -> bool:
    """Whether an expression holds symbols, numbers and known functions, and nothing that reaches further."""
    if re.fullmatch(r"[\w\s()+*/,.='<>!&|~-]{0,2000}", text) is None or re.search(r"\.\s*[^\W\d]|__", text):
        return False
    words = re.findall(r"\w+", re.sub(r"\b\d+\.\d*(e[+-]?\d+)?|'\d[\d.e+-]*'", "0", text))
    quoted = re.findall(r"'([^']*)'", text)
    return all(_WORD.fullmatch(word) for word in words) and all(
        re.fullmatch(r"\w+|[\d.e+-]+", q) for q in quoted
    )


def _is_plain_tree(text: str) -> bool:
    """Whether a tree of inputs or outputs is made of tuples, lists and mappings by plain names."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return all(name in _TREE for name in _values(tree, "type")) and all(
        context is None or re.fullmatch(r'null|\[("[\w. -]*"(, )?)*\]', str(context))
        for context in _values(tree, "context")
    )


_RULES: Final[dict[str, Callable[[str], bool]]] = {
    **dict.fromkeys(("name", "as_name", "forward_arg_names"), _matches(_NAME)),
    **dict.fromkeys(("target", "as_operator"), _matches(_TARGET)),
    **dict.fromkeys(("in_spec", "out_spec"), _is_plain_tree),
    "expr_str": _is_arithmetic,
    "guards_code": _matches(_GUARD),
    **dict.fromkeys(
        ("key", "fqn", "parameter_name", "buffer_name", "tensor_constant_name"), _matches(_DOTTED)
    ),
}
"""What the text under a key may be; under any other, a few plain words."""


def _refusal(path: Path, found: str) -> UsageError:
    return UsageError(
        f"{path}: {found}, which is not what an exported network needs and may run code, so it is refused; expected "
        "operators of torch on tensors. Export it with torch.export.export and torch.export.save, or as ONNX."
    )
