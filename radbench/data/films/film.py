"""What a film is once it is read, and what a container hands over before it is one."""

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from radbench.errors import UsageError

Pixels: TypeAlias = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""``[H, W]``, 8 or 16 bits."""

MIN_SIDE = 16
MAX_ASPECT = 8
MAX_PIXELS = 200_000_000


@dataclass(frozen=True)
class Film:
    """One radiograph as it was stored, at its own size and depth.

    Attributes:
        pixels: ``uint8 [H, W]`` or ``uint16 [H, W]``; 0 is black, 255 or 65535 is white.
        spacing: millimetres from row to row and from column to column, or None where the file does not say.
        attributes: ``view_position``, ``patient_sex`` and ``patient_age`` (years), as far as the header has
            them. Names and identifiers of patients are never among them.
        provenance: what was done between the file and ``pixels``, one plain clause each.
        warnings: what a person should look at, one sentence each.
        bits: bits of the stored values that are really used, before they were brought to the whole range
            of ``pixels``; None where that has no meaning (a film of fractions).
    """

    pixels: Pixels
    spacing: tuple[float, float] | None = None
    attributes: Mapping[str, str | int | float] = field(default_factory=dict)
    provenance: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    bits: int | None = None


@dataclass
class Stored:
    """Gray values as a container holds them, upright, and what it says about them.

    Attributes:
        values: ``[H, W]`` of any real dtype.
        bits: depth that the container declares, in bits; None where it does not, or says only that it uses
            all of its 16 (or more) bits.
        exact: the values are 8 bits by the container's own word and stay as they are.
        unit: floats are fractions of white in [0, 1] (what a window gives).
        inverted: 0 is white.
        outside: ``bool [H, W]``, true where there is no film (padding), or None.
        source_bits: the depth to report where ``unit`` hides it.
    """

    values: npt.NDArray[Any]
    bits: int | None = None
    exact: bool = False
    unit: bool = False
    inverted: bool = False
    outside: npt.NDArray[np.bool_] | None = None
    source_bits: int | None = None
    spacing: tuple[float, float] | None = None
    attributes: dict[str, str | int | float] = field(default_factory=dict)
    provenance: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def check_shape(path: Path, height: int, width: int) -> None:
    """Refuse what cannot be a film before a pixel of it is read.

    Raises:
        UsageError: a side under 16 pixels, one side over 8 times the other, or over 200 megapixels.
    """
    found = f"The film {path} has {height} x {width} pixels (height x width)"
    if min(height, width) < MIN_SIDE:
        raise UsageError(
            f"{found}; expected at least {MIN_SIDE} on each side, so replace it or leave it out."
        )
    if max(height, width) > MAX_ASPECT * min(height, width):
        raise UsageError(
            f"{found}; expected one side to be at most {MAX_ASPECT} times the other, "
            "so replace it or leave it out."
        )
    check_area(path, height, width)


def check_area(path: Path, height: int, width: int) -> None:
    """Refuse more than 200 megapixels."""
    if height * width > MAX_PIXELS:
        raise UsageError(
            f"The image {path} has {height} x {width} pixels (height x width); expected at most "
            f"{MAX_PIXELS // 1_000_000} million, so make it smaller or leave it out."
        )


@contextmanager
def quiet(logger: str) -> Iterator[None]:
    """Keep a decoder's own warnings and log off the console; what matters becomes a sentence of ours."""
    log = logging.getLogger(logger)
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(level)


def corrupt(path: Path, kind: str, error: BaseException | str) -> UsageError:
    """The error of a file that starts as ``kind`` and cannot be read to its end."""
    if isinstance(error, OSError) and error.errno is not None:
        return UsageError(f"The image {path} cannot be read ({error.strerror}); check its permissions.")
    detail = " ".join(str(error).split())[:200] or type(error).__name__
    return UsageError(
        f"The image {path} is corrupt or cut short ({kind}: {detail.rstrip('.')}); expected a whole {kind} "
        "file, so copy it again or replace it."
    )
