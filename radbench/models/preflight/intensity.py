"""How else the stored values of the films shown could be read: another ``intensity`` than the declared one."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np

from radbench.models.base import Image
from radbench.specs import InputContract

_DEPTHS: Final = (8, 10, 12, 14)
"""Bits that devices store in files of 16."""

_ALIKE: Final = 0.1
"""Share of a reading's span by which its ends may differ from another's, on average, and still be the same."""


def readings(contract: InputContract, images: Sequence[Image]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each other reading that would show the model clearly other numbers, in words and as fields of a contract.

    Each film's own values (``min-max``), the type's whole range (``stored-range``), and for films of 16 bits that hold
    fewer the range of those (``window``).

    Args:
        contract: what is declared.
        images: uint8 or uint16 [H, W], those of the probe.
    """
    tried: list[tuple[str, dict[str, Any]]] = [
        ("each film's own smallest to largest value (min-max)", {"intensity": "min-max", "window": None}),
        ("the whole stored range", {"intensity": "stored-range", "window": None}),
    ]
    if (bits := depth(images)) is not None:
        window = [0.0, round((2**bits - 1) / 65535, 6)]
        tried.append((f"a window of {bits} bits of 16", {"intensity": "window", "window": window}))
    for words, changes in tried:
        if _apart(contract, contract.model_copy(update=changes), images) > _ALIKE:
            yield words, changes


def depth(images: Sequence[Image]) -> int | None:
    """Return the bits that films of 16 hold, if they are fewer and all films are of 16."""
    if any(image.dtype != np.uint16 for image in images):
        return None
    top = max(int(image.max()) for image in images)
    return next((bits for bits in _DEPTHS if top < 2**bits), None)


def stored(images: Sequence[Image]) -> str:
    """Return what films hold, in words: their bits and values."""
    kinds = sorted({8 * image.dtype.itemsize for image in images})
    low, high = min(int(image.min()) for image in images), max(int(image.max()) for image in images)
    return f"films of {' and '.join(map(str, kinds))} bits with values {low} to {high}"


def _apart(first: InputContract, second: InputContract, images: Sequence[Image]) -> float:
    """Return how far the ends of two readings are apart, in spans of the narrower, as the mean over the films."""
    found = []
    for image in images:
        (low, high), (other_low, other_high) = _ends(first, image), _ends(second, image)
        span = min(high - low, other_high - other_low)
        found.append(max(abs(low - other_low), abs(high - other_high)) / span if span > 0 else 0.0)
    return float(np.mean(found))


def _ends(contract: InputContract, image: Image) -> tuple[float, float]:
    """Return what becomes the lower and the upper end of the value range, in shares of white."""
    if contract.intensity == "stored-range":
        return 0.0, 1.0
    if contract.intensity == "min-max":
        white = float(np.iinfo(image.dtype).max)
        return float(image.min()) / white, float(image.max()) / white
    low, high = contract.window or (0.0, 1.0)
    return low, high
