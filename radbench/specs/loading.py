"""A YAML file to a declared thing; every error names file, line, field, what was found and expected."""

import re
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from radbench.errors import UsageError, did_you_mean
from radbench.specs.base import Base
from radbench.specs.yaml_source import Location, describe, read_yaml

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
    r"^(phantom/[a-z0-9_-]+|folder:.+)$": "'phantom/<name>' or 'folder:<path>'",
}


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
