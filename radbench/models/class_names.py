"""Class names as vendors write them into a model file's notes: JSON, a Python literal, or words with commas."""

import ast
import json
from collections.abc import Mapping
from typing import Final

NOTES: Final = ("class_names", "classes", "names", "labels", "id2label")
"""The notes of a model file that are looked at, in this order."""

_LONGEST: Final = 100_000


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
    found = _literal(text)
    if isinstance(found, Mapping):
        found = _numbered(found)
    if isinstance(found, str):
        found = [word.strip() for word in found.replace("\n", ",").split(",") if word.strip()]
    if isinstance(found, list | tuple) and found and all(isinstance(name, str) for name in found):
        return list(found)
    return None


def _literal(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _numbered(found: Mapping[object, object]) -> list[object] | None:
    """Return the values of a mapping whose keys are the numbers from 0, or whose values are (name to number)."""
    by_number = {str(key): value for key, value in found.items()}
    turned = {str(value): key for key, value in found.items()}
    wanted = [str(number) for number in range(len(found))]
    for names in (by_number, turned):
        if sorted(names) == sorted(wanted):
            return [names[number] for number in wanted]
    return None
