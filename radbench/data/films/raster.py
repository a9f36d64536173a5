"""PNG and JPEG films: gray, colour, palette and alpha, of 1 to 16 bits, turned as EXIF says."""

import struct
import warnings
from pathlib import Path
from typing import Any, Final

import numpy as np
from PIL import Image, ImageOps

from radbench.data.films.film import Film, full_depth, luminance

FORMATS: Final = ("PNG", "JPEG")
_WIDE: Final = ("I", "I;16", "I;16B", "I;16L", "I;16N")
_ORIENTATION: Final = 0x0112
_MANY_CHANNELS: Final = (2, 4, 6)
"""PNG's colour types with more than one sample a pixel: RGB, gray with alpha, RGB with alpha."""


def read_raster(path: Path) -> Film:
    """Read a PNG or JPEG; whatever Pillow raises for a broken file is the caller's."""
    depth, colour, significant = _png_header(path)
    if depth == 16 and colour in _MANY_CHANNELS:
        return _sixteen_bit_channels(path, significant)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as opened:
            opened.load()
            image, done = _upright(opened)
            if image.mode in _WIDE:
                values = np.asarray(image).astype(np.int64)
                pixels, said = full_depth(values, significant if significant and significant < 16 else None)
                return Film(pixels, provenance=(*done, *said))
            gray, said = _gray(image)
            return Film(gray, provenance=(*done, *said))


def raster_shape(path: Path) -> tuple[int, int]:
    """Return height and width from the header alone, turned as EXIF says."""
    with Image.open(path, formats=FORMATS) as image:
        turned = _orientation(image) >= 5
        return (image.width, image.height) if turned else (image.height, image.width)


def _upright(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    turn = _orientation(image)
    if turn in (0, 1):
        return image, ()
    return ImageOps.exif_transpose(image), (f"EXIF orientation {turn} applied",)


def _orientation(image: Image.Image) -> int:
    found = image.getexif().get(_ORIENTATION, 1)
    return found if isinstance(found, int) and 1 <= found <= 8 else 1


def _gray(image: Image.Image) -> tuple[Any, tuple[str, ...]]:
    """Return ``uint8 [H, W]`` of an image of at most 8 bits a sample, and what was done."""
    if image.mode == "L":
        return np.asarray(image, dtype=np.uint8).copy(), ()
    if image.mode == "1":
        return np.asarray(image.convert("L"), dtype=np.uint8).copy(), ("1 bit brought to 8",)
    said = ("alpha channel left out",) if image.mode in ("LA", "RGBA", "PA") else ()
    if image.mode == "LA":
        return np.asarray(image.getchannel("L"), dtype=np.uint8).copy(), said
    colour, done = luminance(np.asarray(image.convert("RGB")))
    return colour.astype(np.uint8), (*said, *done)


def _sixteen_bit_channels(path: Path, significant: int | None) -> Film:
    """Read RGB or alpha of 16 bits a sample, which Pillow would cut to 8."""
    import imagecodecs

    samples = np.asarray(imagecodecs.png_decode(path.read_bytes()))
    done: tuple[str, ...] = ()
    if samples.shape[-1] in (2, 4):
        samples, done = samples[..., :-1], ("alpha channel left out",)
    gray, said = (samples[..., 0], ()) if samples.shape[-1] == 1 else luminance(samples)
    pixels, deep = full_depth(
        gray.astype(np.int64), significant if significant and significant < 16 else None
    )
    return Film(pixels, provenance=(*done, *said, *deep))


def _png_header(path: Path) -> tuple[int, int, int | None]:
    """Return bits a sample, colour type and significant bits (sBIT) of a PNG; zeros and None for another file."""
    with path.open("rb") as file:
        if file.read(8) != b"\x89PNG\r\n\x1a\n":
            return 0, 0, None
        depth = colour = 0
        while head := file.read(8):
            if len(head) < 8:
                break
            length, kind = struct.unpack(">I4s", head)
            if kind == b"IHDR":
                depth, colour = struct.unpack(">8xBB3x", file.read(13))
            elif kind == b"sBIT":
                return depth, colour, max(file.read(length), default=None)
            elif kind == b"IDAT":
                break
            else:
                file.seek(length, 1)
            file.seek(4, 1)
    return depth, colour, None
