"""YAML text to plain values and the line of every one of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from radbench.errors import UsageError

Location = tuple[str | int, ...]
"""Where a value stands: keys and list positions from the top, such as ``("scenarios", 0, "prompt")``."""

_LARGEST_BYTES = 1 << 20


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
        lines = _lines(path, node)
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


def _lines(path: Path, root: yaml.Node | None) -> dict[Location, int]:
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
