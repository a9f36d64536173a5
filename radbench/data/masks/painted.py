"""Masks that are pictures: one paint on a background, a shape in the alpha channel, a label map."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from radbench.data.cohort import Mask
from radbench.data.masks.binary import as_bool
from radbench.errors import UsageError

_NEAR: Final = 96.0
"""Distance in RGB beyond which a colour is another paint; JPEG moves a colour by less."""
_MOST_LABEL: Final = 16
"""A picture of 0 and one value up to this may be a label map with a single label, and is not guessed at."""
_OTHERS: Final = 0.01
"""Share of the picture that may have neither of two colours (soft borders of a JPEG)."""


def painted_mask(path: Path, values: Sequence[str] = ()) -> Mask:
    """Read a mask that was painted.

    Args:
        path: PNG, JPEG or TIFF.
        values: label values, or colours such as ``ff0000``, that are inside; empty for all that is painted.

    Raises:
        UsageError: several labels or colours and no word of which, or a value that is no number or colour.
    """
    colour, alpha = _opened(path)
    if values:
        return _chosen(path, colour, values)
    if alpha is not None and alpha.min() != alpha.max():
        inside: Mask = alpha >= 128
        shown = _colours(colour[inside])
        if len(shown) > 1 and not _one_paint(colour[inside]):
            raise _several(path, shown)
        return inside
    if colour.ndim == 2:
        return _gray(path, colour)
    return _one_colour(path, colour)


def _opened(path: Path) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint8] | None]:
    """Return gray ``[H, W]`` or colour ``uint8 [H, W, 3]``, and the alpha channel, turned as EXIF says."""
    from PIL import Image, ImageOps

    from radbench.data.films.reading import corrupt, film_shape

    film_shape(path)  # names what is missing, a stub, or no picture
    try:
        with Image.open(path) as opened:
            opened.load()
            image = ImageOps.exif_transpose(opened)
    except (OSError, SyntaxError, ValueError) as error:
        raise corrupt(path, error) from None
    if image.mode in ("I", "I;16", "I;16B", "I;16L", "F"):
        return np.asarray(image).astype(np.float64), None
    if image.mode in ("1", "L"):
        return np.asarray(image.convert("L")), None
    alpha = None
    if image.mode in ("LA", "RGBA", "PA") or "transparency" in image.info:
        rgba = np.asarray(image.convert("RGBA"))
        colour, alpha = rgba[..., :3], rgba[..., 3]
    elif image.mode == "P" and _index_is_label(image):
        return np.asarray(image), None
    else:
        colour = np.asarray(image.convert("RGB"))
    gray = np.array_equal(colour[..., 0], colour[..., 1]) and np.array_equal(colour[..., 1], colour[..., 2])
    return (colour[..., 0] if gray else colour), alpha


def _index_is_label(image: Any) -> bool:
    """Whether a palette picture has more than two indices, which then are its labels and not its colours."""
    return len(np.unique(np.asarray(image))) > 2


def _chosen(path: Path, colour: npt.NDArray[Any], values: Sequence[str]) -> Mask:
    inside: Mask = np.zeros(colour.shape[:2], np.bool_)
    for value in values:
        try:
            if colour.ndim == 2:
                inside |= colour == int(value)
            else:
                wanted = np.frombuffer(bytes.fromhex(value.removeprefix("0x")), np.uint8)
                inside |= (colour == wanted[None, None, :3]).all(-1)
        except (ValueError, IndexError):
            kind = "whole number of a label" if colour.ndim == 2 else "colour such as ff0000"
            raise UsageError(f"The mask {path} is asked for '#{value}'; expected a {kind}.") from None
    return inside


def _gray(path: Path, gray: npt.NDArray[Any]) -> Mask:
    found = np.unique(gray)
    high = float(found[-1]) if found.size else 0.0
    if 1 < high < 128:
        if len(found) == 2 and found[0] == 0 and high > _MOST_LABEL:
            paint: Mask = gray > 0
            return paint
        shown = ", ".join(f"{value:g}" for value in found[:12])
        raise UsageError(
            f"The mask {path} holds the values {shown}{' ...' if len(found) > 12 else ''}, expected one paint on a "
            f"background: it is a label map. Name the labels that are inside behind the file: {path.name}#{high:g}"
        )
    return as_bool(gray, f"the mask {path}")


def _one_colour(path: Path, colour: npt.NDArray[np.uint8]) -> Mask:
    """Return where the one paint is; soft borders belong to the nearer of paint and background."""
    shown = _colours(colour)
    background = _background(colour, shown)
    others = [found for found in shown if _distance(found, background) > _NEAR] or [
        found for found in shown if found != background
    ]
    if not others:
        return np.zeros(colour.shape[:2], np.bool_)
    paint = others[0]
    plane = colour.astype(np.float64)
    away = np.linalg.norm(plane - np.array(background, np.float64), axis=-1)
    near = np.linalg.norm(plane - np.array(paint, np.float64), axis=-1)
    between = _distance(paint, background)
    strange = (away + near > between + 2 * _NEAR / 3) & (away > _NEAR / 2) & (near > _NEAR / 2)
    if strange.mean() > _OTHERS:
        raise _several(path, shown)
    inside: Mask = near < away
    return inside


def _one_paint(pixels: npt.NDArray[Any]) -> bool:
    spread = np.ptp(pixels.reshape(len(pixels), -1).astype(np.float64), axis=0)
    return bool((spread <= _NEAR).all())


def _colours(pixels: npt.NDArray[Any]) -> list[tuple[int, ...]]:
    """Return the distinct colours, the most frequent first."""
    flat = (
        pixels.reshape(-1, pixels.shape[-1])
        if pixels.ndim > 1 and pixels.shape[-1] == 3
        else pixels.reshape(-1, 1)
    )
    found, counts = np.unique(flat, axis=0, return_counts=True)
    return [tuple(int(value) for value in found[place]) for place in np.argsort(-counts, kind="stable")]


def _background(colour: npt.NDArray[np.uint8], shown: Sequence[tuple[int, ...]]) -> tuple[int, ...]:
    """Return black where a frequent colour is black, and else the commonest colour of the border."""
    if (0, 0, 0) in shown[:2]:
        return (0, 0, 0)
    border = np.concatenate([colour[0], colour[-1], colour[:, 0], colour[:, -1]])
    return _colours(border)[0]


def _distance(one: Sequence[int], other: Sequence[int]) -> float:
    return float(np.linalg.norm(np.subtract(one, other)))


def _several(path: Path, shown: Sequence[tuple[int, ...]]) -> UsageError:
    names = ", ".join("".join(f"{value:02x}" for value in colour) for colour in shown[:6])
    return UsageError(
        f"The mask {path} is painted in several colours ({names}{' ...' if len(shown) > 6 else ''}), expected one on a "
        f"background; name the colours that are inside behind the file, such as {path.name}#ff0000"
    )
