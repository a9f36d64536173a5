"""Fields that take one value or a list of them, with errors that speak of the one that was written."""

from typing import Any, TypeVar

T = TypeVar("T")


def one_or_list(value: Any) -> str:
    """Say which form was written; for pydantic's ``Discriminator``, so that only that form's errors are told."""
    return "list" if isinstance(value, list | tuple) else "one"


def as_list(value: T | list[T]) -> list[T]:
    """Return the values as a list, whichever way they were written."""
    return value if isinstance(value, list) else [value]


def first(value: T | list[T]) -> T:
    """Return the value, or the first of several."""
    return as_list(value)[0]
