"""Values of attributes as text: one number has one name, and what is not known is told apart from every value."""

import math
import re
from typing import Final

UNKNOWN: Final = "unknown"
"""What stands for a blank, a missing or a not-a-number value."""

_NUMBER: Final = re.compile(r"[+-]?(?:0|[1-9]\d*)(?:\.\d+)?")


def value_text(value: object) -> str:
    """Return an attribute's value as text, ``UNKNOWN`` where there is none.

    45, 45.0, "45" and "45.0" are one value, "45"; "007" and "1e5" stay the names that they may be.

    Args:
        value: text, a number, or None.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return UNKNOWN
    text = "" if value is None else str(value).strip()
    if _NUMBER.fullmatch(text):
        text = text.removeprefix("+")
        if "." in text:
            text = text.rstrip("0").removesuffix(".")
        return "0" if text == "-0" else text
    return UNKNOWN if not text or text.lower() == UNKNOWN else text
