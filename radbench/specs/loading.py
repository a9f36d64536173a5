"""A YAML file to a declared thing; every error names file, line, field, what was found and expected."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from radbench.errors import UsageError, did_you_mean
from radbench.specs.base import Base

Location = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the top, such as ``("scenarios", 0, "prompt")``."""

SpecT = TypeVar("SpecT", bound=BaseModel)

_EXPECTED = {
    "bool_type": "true or false",
    "dict_type": "'key: value' lines",
    "finite_number": "a finite number",
    "float_type": "a number",
    "int_type": "a whole number",
    "list_type": "a list",
    "model_attributes_type": "'key: value' lines",
    "model_type": "'key: value' lines",
    "string_too_short": "text that is not empty",
    "string_type": "text (quote it if it is)",
}
_PATTERNS = {
    r"^[a-z0-9][a-z0-9._-]*$": "a name of lower-case letters, digits, '.', '-' and '_'",
    r"^[0-9a-f]{64}$": "a SHA-256 digest of 64 hexadecimal digits in quotes",
    r"\.safetensors$": "a file name that ends in .safetensors",
    r"^(phantom/[a-z0-9_-]+|[a-z][a-z0-9_-]*:.+|[a-z][a-z0-9_-]*)$": (
        "'phantom/<name>', a dataset's name, 'folder:<path>' or '<source>:<path>'"
    ),
}
_LARGEST_BYTES = 1 << 20


def load_yaml(path: str | Path, model_class: type[SpecT]) -> SpecT:
    """Read a YAML file as ``model_class``.

    Args:
        path: The file.
        model_class: What it declares, any pydantic model.

    Returns:
        The declared thing; the ``origin`` of a ``Base`` is the file, to which its relative paths refer.

    Raises:
        UsageError: The file cannot be read, is not YAML, or declares something else; one sentence with file,
            line, field, what was found, what was expected and the nearest valid name.
    """
    file = Path(path)
    values, lines = read_yaml(file)
    try:
        spec = model_class.model_validate(values)
    except ValidationError as error:
        raise UsageError(_sentence(file, model_class, values, lines, error)) from error
    return spec.read_from(file) if isinstance(spec, Base) else spec


def _sentence(
    file: Path,
    model_class: type[BaseModel],
    values: object,
    lines: dict[Location, int],
    error: ValidationError,
) -> str:
    problems = []
    for details in error.errors(include_url=False):
        where = _place(values, details)
        line = _line(lines, where)
        # A misspelt key shows up twice, as unknown and as missing: the unknown one says how to mend both.
        rank = (details["type"] != "extra_forbidden", line)
        problems.append((rank, line, where, details))
    problems.sort(key=lambda problem: problem[0])
    _, line, where, details = problems[0]
    rest = len(problems) - 1
    more = f" ({rest} more problem{'s' * (rest > 1)} in this file.)" if rest else ""
    return f"{file}, line {line}: {_problem(model_class, where, details)}{more}"


def _problem(model_class: type[BaseModel], where: Location, details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    field = _dotted(where)
    if kind == "extra_forbidden":
        known = _fields_at(model_class, where[:-1])
        inside = f" in '{_dotted(where[:-1])}'" if where[:-1] else ""
        hint = did_you_mean(str(where[-1]), known)
        return f"unknown key '{where[-1]}'{inside}, expected one of {', '.join(known)}.{hint}"
    if kind == "missing":
        return f"the key '{field}' is missing, expected a value for it."
    subject = f"field '{field}': " if where else ""
    if kind == "value_error":
        return f"{subject}{details['msg'].removeprefix('Value error, ')}."
    found = describe(details["input"])
    if kind == "literal_error":
        options = re.findall(r"'([^']*)'", str(context.get("expected", "")))
        hint = did_you_mean(str(details["input"]), options)
        return f"{subject}found {found}, expected one of {', '.join(options)}.{hint}"
    return f"{subject}found {found}, expected {_expected(details)}."


def _expected(details: ErrorDetails) -> str:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern"))
        return _PATTERNS.get(pattern, f"text that matches {pattern}")
    message = details["msg"]
    if message.startswith("Input should be "):
        return "a value " + message.removeprefix("Input should be ")
    return message[:1].lower() + message[1:]


def _place(values: object, details: ErrorDetails) -> Location:
    """Return the error's location without what pydantic adds to it (union members, ``[key]``)."""
    where: list[str | int] = []
    for part in details["loc"]:
        known = (isinstance(values, dict) and part in values) or (
            isinstance(values, list) and isinstance(part, int) and part < len(values)
        )
        if known:
            where.append(part)
            values = values[part]  # type: ignore[index]
    if details["type"] == "missing":
        where.append(details["loc"][-1])
    return tuple(where)


def _line(lines: dict[Location, int], where: Location) -> int:
    while where not in lines and where:
        where = where[:-1]
    return lines.get(where, 1)


def _dotted(where: Location) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where)
    return text.removeprefix(".")


def _fields_at(model_class: type[BaseModel], where: Location) -> list[str]:
    """Return the keys that the model inside ``model_class`` at ``where`` knows."""
    models = [model_class]
    for part in where:
        if isinstance(part, int):
            continue
        fields = [model.model_fields[part] for model in models if part in model.model_fields]
        models = [found for field in fields for found in _models_in(field.annotation)]
    return [name for model in models for name in model.model_fields]


def _models_in(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    if get_origin(annotation) in {list, dict, Union, UnionType, Annotated}:
        return [model for part in get_args(annotation) for model in _models_in(part)]
    return []


class _Loader(yaml.SafeLoader):
    """Safe loader that refuses anchors: a declaration is read line by line, as it stands."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="found an alias (*), expected the value itself", problem_mark=mark
            )
        return super().compose_node(parent, index)


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[Location, int]]:
    """Read a YAML mapping.

    Args:
        path: The file.

    Returns:
        The plain values, and the line (from 1) of every value by its location; the line of a mapping's entry
        is that of its key.

    Raises:
        UsageError: The file cannot be read, is not YAML, is not a mapping, or gives a key twice.
    """
    text = _read_text(path)
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        lines = _lines_of(path, node)
        values = loader.construct_document(node) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise UsageError(
            f"{path}, line {line}: {error.problem or error.context} (this is not valid YAML)."
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"{path}: {reason} (this is not valid YAML).") from error
    finally:
        loader.dispose()
    if not isinstance(values, dict):
        raise UsageError(f"{path}, line 1: found {describe(values)}, expected 'key: value' lines.")
    return values, lines


def describe(value: object) -> str:
    """Return what was found, in words: ``'five' (text)``, ``a list of 3``, ``nothing``."""
    if value is None:
        return "nothing"
    if isinstance(value, Mapping):
        return "a group of 'key: value' lines" if value else "an empty group"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    kinds = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    if len(shown) > 60:
        shown = f"{shown[:57]}..."
    return f"{shown} ({kinds.get(type(value), type(value).__name__)})"


def _read_text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}; expected a YAML file.") from error
    if len(data) > _LARGEST_BYTES:
        raise UsageError(f"{path} has {len(data)} bytes, expected a YAML file of at most {_LARGEST_BYTES}.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{path}, line {line}: found bytes that are not UTF-8, expected UTF-8 text."
        ) from error


def _lines_of(path: Path, root: yaml.Node | None) -> dict[Location, int]:
    lines: dict[Location, int] = {}
    stack: list[tuple[Location, yaml.Node | None]] = [((), root)]
    while stack:
        where, node = stack.pop()
        if node is None:
            continue
        lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.SequenceNode):
            stack.extend(((*where, index), item) for index, item in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                place = (*where, _key(path, key))
                if place in lines:
                    raise UsageError(
                        f"{path}, line {key.start_mark.line + 1}: the key '{key.value}' is given twice "
                        f"(first on line {lines[place]}), expected it once."
                    )
                lines[place] = key.start_mark.line + 1
                stack.append((place, value))
    return lines


def _key(path: Path, node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str":
        shown = f"'{node.value}'" if isinstance(node, yaml.ScalarNode) else "a list or group"
        raise UsageError(
            f"{path}, line {node.start_mark.line + 1}: found {shown} as a key, expected a name "
            f"(quote it if it is one)."
        )
    return str(node.value)
