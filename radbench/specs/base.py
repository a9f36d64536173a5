"""The ground that every declared thing stands on: immutable, strictly typed, closed to unknown keys."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]*$", max_length=80)]
"""A name usable in a file name: lower-case letters, digits, dot, dash, underscore."""

Text = Annotated[str, Field(min_length=1)]
"""Text that may not be empty."""


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
