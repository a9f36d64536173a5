"""JPEG files: 8 bits by Pillow, 12-bit and lossless ones by imagecodecs; EXIF orientation applied."""

import struct
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.films.content import JPEG
from radbench.data.films.film import Stored, check_area, corrupt
from radbench.data.films.gray import luminance, oriented, upright_shape
from radbench.data.films.png import exif_orientation

_ERRORS = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, MemoryError, struct.error, zlib.error)
_LOSSLESS = {0xC3, 0xCB}
_EXIF = b"Exif\0\0"


def jpeg_shape(path: Path) -> tuple[int, int]:
    """Height and width as the film is read, without its pixels."""
    _, _, height, width, orientation = _header(path, path.read_bytes())
    return upright_shape(height, width, orientation)


def read_jpeg(path: Path) -> Stored:
    """Read a JPEG upright; colour becomes luminance."""
    data = path.read_bytes()
    process, precision, height, width, orientation = _header(path, data)
    check_area(path, height, width)
    stored = Stored(np.zeros((0, 0)), exact=precision == 8)
    try:
        if process in _LOSSLESS or precision > 8:
            planes = _decode_wide(data, lossless=process in _LOSSLESS)
            stored.bits = precision if precision not in {8, 16} else None
        else:
            planes = _decode_narrow(path)
    except _ERRORS as error:
        raise corrupt(path, JPEG, error) from None
    if planes.ndim == 3:
        white = float(2**precision - 1)
        planes = luminance(planes[..., :3], stored.provenance, stored.warnings, white)
    stored.values = oriented(planes, orientation, stored.provenance)
    return stored


def _header(path: Path, data: bytes) -> tuple[int, int, int, int, int]:
    """Frame marker, bits a sample, height, width and orientation, from the segments before the scan."""
    place, orientation = 2, 1
    while place + 4 <= len(data):
        if data[place] != 0xFF:
            break
        marker = data[place + 1]
        if marker in {0x01, 0xFF} or 0xD0 <= marker <= 0xD8:
            place += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack(">H", data[place + 2 : place + 4])
        body = data[place + 4 : place + 2 + length]
        if marker == 0xE1 and body.startswith(_EXIF):
            orientation = exif_orientation(body)
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC} and len(body) >= 6:
            precision, height, width = struct.unpack(">BHH", body[:5])
            if height and width:
                return marker, precision, height, width, orientation
            break
        if marker == 0xDA:
            break
        place += 2 + length
    raise corrupt(path, JPEG, "it has no frame")


def _decode_narrow(path: Path) -> npt.NDArray[Any]:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=("JPEG",)) as image:
            image.load()
            if image.mode not in {"L", "RGB"}:
                return np.asarray(image.convert("RGB"))
            return np.asarray(image).copy()


def _decode_wide(data: bytes, *, lossless: bool) -> npt.NDArray[Any]:
    import imagecodecs

    return np.asarray(imagecodecs.ljpeg_decode(data) if lossless else imagecodecs.jpeg_decode(data))
