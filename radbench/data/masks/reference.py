"""What a cell says of a mask: a file or the numbers themselves, and what of it is the mask."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from radbench.errors import UsageError, did_you_mean

OPTIONS = (
    *("rle", "order", "size", "start", "row", "key", "column", "image", "category", "segment", "box"),
    *("above", "holes", "scale", "parts", "side", "lung"),
)
"""Words that may stand before ``=`` in a selection."""
UNION = " + "
"""Stands between several masks that are one together."""
_ANYWHERE = ("side",)
"""Words that every way of writing a mask takes."""
_NUMBERS = re.compile(r"[-+0-9.eE,;\s]+")
_BETWEEN = re.compile(r"[,;\s]")


@dataclass(frozen=True)
class MaskReference:
    """Where a mask is and what of it is the mask.

    Attributes:
        text: the cell as it was written.
        path: the file, or None where ``inline`` holds the numbers themselves.
        inline: run lengths or boxes written into the cell.
        values: label values or colours that are the mask; none: the mask is all that is painted.
        options: the ``word=value`` parts of the selection.
        parts: of several masks with ``+`` between them, each; there is no path, text of numbers or selection then.
    """

    text: str
    path: Path | None = None
    inline: str = ""
    values: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    parts: tuple["MaskReference", ...] = ()

    @classmethod
    def read(cls, text: str, base: Path = Path()) -> "MaskReference":
        """Read a cell; relative paths are taken from ``base``, either slash will do. The file need not exist.

        Raises:
            UsageError: a selection with an unknown word, a word twice, or nothing in it.
        """
        if (whole := find_file(base, text)) is not None:
            return cls(text, whole)
        name, selection = _divided(text, base)
        if _is_union(text, name, selection or "", base):
            return cls(text, parts=tuple(cls.read(part, base) for part in _several(text)))
        values, options = _selection(selection) if selection is not None else ((), {})
        path = find_file(base, name)
        listed = name.lstrip().startswith(("[", "{"))
        numbers = _NUMBERS.fullmatch(name) and (
            _BETWEEN.search(name.strip()) or {"rle", "box"} & set(options)
        )
        if path is None and (numbers or listed):
            return cls(text, None, name.strip(), values, options)
        return cls(text, path or base / name, "", values, options)

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that is read for the mask."""
        if self.parts:
            return tuple(path for part in self.parts for path in part.files)
        return () if self.path is None else (self.path,)

    @property
    def file(self) -> Path:
        """The path of a reference that is known to have one (an inline reference has no suffix)."""
        assert self.path is not None  # noqa: S101
        return self.path

    @property
    def place(self) -> str:
        """The file as errors name it, or the cell's beginning."""
        shown = self.text if len(self.text) <= 60 else f"{self.text[:57]}..."
        return str(self.path) if self.path is not None else f"in the cell ({shown})"

    def digest(self, file_digest: Callable[[Path], str]) -> str | dict[str, object]:
        """What identifies the mask: the file's SHA-256 alone where nothing is selected from it."""
        if self.parts:
            return {"union": [part.digest(file_digest) for part in self.parts]}
        if self.path is None:
            return hashlib.sha256(self.text.encode()).hexdigest()
        if not self.values and not self.options:
            return file_digest(self.path)
        return {"file": file_digest(self.path), "values": list(self.values), "options": dict(self.options)}

    def only(self, known: Sequence[str], *, values: bool = False) -> None:
        """Refuse what this way of writing a mask cannot be asked for.

        Raises:
            UsageError: an option that is not in ``known``, or values where none can be named.
        """
        wrong = [name for name in self.options if name not in (*known, *_ANYWHERE)]
        if wrong:
            raise UsageError(
                f"the mask {self.place} cannot be selected by {wrong[0]!r}; expected "
                f"{', '.join(f'{name}=' for name in known) or 'no word'}{' or values' if values else ''}."
            )
        if self.values and not values:
            raise UsageError(
                f"the mask {self.place} has no values such as {self.values[0]!r}; expected "
                f"{', '.join(f'{name}=' for name in known)}."
            )


def find_file(base: Path, name: str) -> Path | None:
    """Return the file of that name; a backslash is a slash unless a file's own name has one. None: there is none."""
    for written in dict.fromkeys((name, name.replace("\\", "/"))):
        try:
            if (base / written).is_file():
                return base / written
        except (OSError, ValueError):
            continue
    return None


def _divided(text: str, base: Path) -> tuple[str, str | None]:
    """Divide at the ``#`` that leaves a file before it, or at the last one."""
    places = [place for place, letter in enumerate(text) if letter == "#"]
    for place in reversed(places):
        if find_file(base, text[:place]) is not None:
            return text[:place], text[place + 1 :]
    return (text[: places[-1]], text[places[-1] + 1 :]) if places else (text, None)


def _is_union(text: str, name: str, selection: str, base: Path) -> bool:
    """Whether a ``+`` stands between masks, and not within a file's name, a category or a list."""
    if UNION not in text or text.lstrip().startswith(("[", "{")):
        return False
    if UNION not in selection and find_file(base, name) is not None:
        return False
    parts = (part.partition("#")[0].strip() for part in text.split(UNION))
    return all("." in part or not part or _NUMBERS.fullmatch(part) for part in parts)


def _several(text: str) -> list[str]:
    found = [part.strip() for part in text.split(UNION)]
    if not all(found):
        raise UsageError(
            f"the mask {text!r} has nothing beside a '+'; expected a file or numbers on either side."
        )
    return found


def _selection(text: str) -> tuple[tuple[str, ...], dict[str, str]]:
    values: list[str] = []
    options: dict[str, str] = {}
    for part in (part.strip() for part in text.split(",")):
        word, equals, value = (piece.strip() for piece in part.partition("="))
        if not part or (equals and not value):
            raise UsageError(
                f"the selection '#{text}' has an empty part; expected values (#1,2), colours (#ff0000) or words "
                "such as #rle=relative,order=column."
            )
        if not equals:
            values.append(part.lower())
        elif word not in OPTIONS:
            raise UsageError(
                f"the selection '#{text}' has the unknown word {word!r}; expected one of {', '.join(OPTIONS)}."
                f"{did_you_mean(word, OPTIONS)}"
            )
        elif word in options:
            raise UsageError(f"the selection '#{text}' has the word {word!r} twice; say it once.")
        else:
            options[word] = value
    return tuple(values), options
