"""PNG of every colour type and depth; Pillow reads 8 bits, imagecodecs (libpng) what Pillow would cut to 8."""

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.films.content import PNG
from radbench.data.films.film import Stored, check_area, corrupt
from radbench.data.films.gray import luminance, oriented, upright_shape, without_alpha

GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
_ERRORS = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, MemoryError, struct.error, zlib.error)


@dataclass
class _Header:
    height: int
    width: int
    depth: int
    colour: int
    significant: int | None = None
    transparent: bool = False
    orientation: int = 1
    animated: bool = False


def png_shape(path: Path) -> tuple[int, int]:
    """Height and width as the film is read, without its pixels."""
    header = _header(path, path.read_bytes(), checked=False)
    return upright_shape(header.height, header.width, header.orientation)


def read_png(path: Path) -> Stored:
    """Read a PNG as stored; more than 8 bits stay more than 8 bits."""
    data = path.read_bytes()
    header = _header(path, data, checked=True)
    check_area(path, header.height, header.width)
    stored = Stored(np.zeros((0, 0)), exact=header.depth <= 8)
    try:
        planes = _decode_wide(data) if header.depth == 16 else _decode_narrow(data, header, stored)
    except _ERRORS as error:
        raise corrupt(path, PNG, error) from None
    if header.animated:
        stored.warnings.append("The PNG is animated; its first picture is read.")
    stored.values = oriented(_gray(planes, header, stored), header.orientation, stored.provenance)
    _believe_significant_bits(header, stored)
    return stored


def _chunks(path: Path, data: bytes, *, checked: bool) -> Iterator[tuple[bytes, bytes]]:
    place = 8
    while place + 12 <= len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        name, body = data[place + 4 : place + 8], data[place + 8 : place + 8 + length]
        tail = data[place + 8 + length : place + 12 + length]
        if len(tail) < 4:
            break
        if checked and zlib.crc32(name + body) != struct.unpack(">I", tail)[0]:
            raise corrupt(path, PNG, f"the checksum of its part {name.decode('latin-1')!r} is wrong")
        yield name, body
        if name == b"IEND":
            return
        place += 12 + length
    if checked:
        raise corrupt(path, PNG, "it ends before its last part")


def _header(path: Path, data: bytes, *, checked: bool) -> _Header:
    header: _Header | None = None
    for name, body in _chunks(path, data, checked=checked):
        if name == b"IHDR" and len(body) == 13:
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            header = _Header(height, width, depth, colour)
        elif header is not None:
            _note(header, name, body)
    if header is None or header.colour not in _CHANNELS or not header.height or not header.width:
        raise corrupt(path, PNG, "its header is missing or wrong")
    return header


def _note(header: _Header, name: bytes, body: bytes) -> None:
    if name == b"sBIT" and header.depth == 16 and body:
        header.significant = max(body[: 1 if header.colour in {GRAY, GRAY_ALPHA} else 3])
    elif name == b"tRNS":
        header.transparent = True
    elif name == b"acTL":
        header.animated = len(body) >= 4 and struct.unpack(">I", body[:4])[0] > 1
    elif name == b"eXIf":
        header.orientation = exif_orientation(body)


def exif_orientation(body: bytes) -> int:
    """The orientation (1 to 8) in the bytes of an EXIF block; 1 where there is none."""
    from PIL import Image

    exif = Image.Exif()
    try:
        exif.load(body)
        value = exif.get(0x0112, 1)
    except _ERRORS:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _decode_wide(data: bytes) -> npt.NDArray[Any]:
    import imagecodecs

    values = np.asarray(imagecodecs.png_decode(data))
    return values if values.ndim == 3 else values[..., None]


def _decode_narrow(data: bytes, header: _Header, stored: Stored) -> npt.NDArray[Any]:
    """Bits 1 to 8 as Pillow gives them, ``uint8 [H, W, C]``: 1, 2 and 4 gray bits over 0..255."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.load()
        if header.colour == PALETTE:
            stored.provenance.append("palette applied")
            return np.asarray(image.convert("RGBA"))
        if header.depth < 8:
            stored.provenance.append(f"{header.depth} bits brought to 0..255")
        values = np.asarray(image)
        values = values.astype(np.uint8) * np.uint8(255) if values.dtype == np.bool_ else values
        return values if values.ndim == 3 else values[..., None]


def _gray(planes: npt.NDArray[Any], header: _Header, stored: Stored) -> npt.NDArray[Any]:
    """One gray plane of 1 to 4 channels (gray or colour, then perhaps alpha)."""
    channels = planes.shape[-1]
    if channels in {2, 4} and (header.colour != PALETTE or header.transparent):
        without_alpha(planes[..., -1], stored.provenance, stored.warnings)
    if channels <= 2:
        return np.ascontiguousarray(planes[..., 0])
    return luminance(planes[..., :3], stored.provenance, stored.warnings)


def _believe_significant_bits(header: _Header, stored: Stored) -> None:
    """Take sBIT as the depth where the samples are stored low.

    Samples scaled up, as the PNG standard asks, fill their 16 bits already and stay as they are.
    """
    bits = header.significant
    if bits is None or not 0 < bits < 16:
        return
    if int(stored.values.max()) < 2**bits:
        stored.bits = bits
    else:
        stored.bits = 16
        stored.provenance.append(f"{bits} significant bits, stored over the whole 16")
