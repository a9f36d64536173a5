"""The ground that every declared thing stands on: immutable, strictly typed, closed to unknown keys."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict, Discriminator, Field, PrivateAttr, Tag

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
"""A name usable in a file name: lower-case letters, digits, dot, dash, underscore."""

Text = Annotated[str, Field(min_length=1)]
"""Text that may not be empty."""
T = TypeVar("T")


class Base(BaseModel):
    """A declared thing. Types are strict: ``"5"`` is no number and ``yes`` is no label."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, protected_namespaces=()
    )

    _origin: Path | None = PrivateAttr(default=None)

    @property
    def origin(self) -> Path | None:
        """The YAML file that this was read from, or None if it was made in Python."""
        return self._origin

    def read_from(self, path: Path) -> Self:
        """Remember the file that relative paths in this declaration refer to; return the same object."""
        self._origin = path
        return self

    def resolve(self, relative: str) -> Path:
        """Return ``relative`` as a path beside the YAML file (beside the current folder if there is none)."""
        path = Path(relative).expanduser()
        return path if path.is_absolute() or self._origin is None else self._origin.parent / path


def _written_as(value: Any) -> str:
    return "list" if isinstance(value, list | tuple) else "one"


OneOrList: TypeAlias = Annotated[
    Annotated[T, Tag("one")] | Annotated[list[T], Field(min_length=1), Tag("list")],
    Discriminator(_written_as),
]
"""One value or a list of them; only the errors of the form that was written are told."""


def as_list(value: T | list[T]) -> list[T]:
    """Return the values as a list, whichever way they were written."""
    return value if isinstance(value, list) else [value]


def first(value: T | list[T]) -> T:
    """Return the value, or the first of several."""
    return as_list(value)[0]


def repeated(values: Iterable[T]) -> T | None:
    """Return the first value that is there more than once, None where each is there once."""
    return next((value for value, count in Counter(values).items() if count > 1), None)
