"""Text that others wrote, made fit for a line of XML or Markdown: models, patients and data sets name themselves."""

import unicodedata
from typing import Final

_BIDI: Final = {*map(chr, (0x061C, 0x200E, 0x200F, 0xFEFF)), *map(chr, range(0x202A, 0x202F))} | {
    *map(chr, range(0x2066, 0x206A))
}
"""What turns the direction of the text around it, so that a reader sees other words than there are."""

_NOT_TEXT: Final = {"Cc", "Cs", "Cn"}


def plain(text: str, limit: int = 2000) -> str:
    """Return ``text`` as one line without control characters, lone surrogates and turns of direction.

    Args:
        text: Anything.
        limit: Most characters; a longer text ends in an ellipsis.
    """
    found = "".join(char for char in " ".join(text.split()) if _shows(char))
    return found if len(found) <= limit else found[: limit - 1] + "…"


def _shows(char: str) -> bool:
    return unicodedata.category(char) not in _NOT_TEXT and char not in _BIDI
