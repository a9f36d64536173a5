"""PNG, JPEG and TIFF of every depth and colour, upright; one film a file.

8 bits are read by Pillow; imagecodecs reads what Pillow would cut to 8 (wide PNG, 12-bit and lossless JPEG), tifffile
the TIFFs: 1 to 32 bits, signed, float, white as 0, colour, palette, alpha.
"""

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from radbench.data.films.film import DECODER_ERRORS, JPEG, PNG, TIFF, Stored, check_area, corrupt, quiet
from radbench.data.films.gray import luminance, oriented, palette_depth, upright_shape, without_alpha
from radbench.errors import UsageError

GRAY, RGB, PALETTE, GRAY_ALPHA, RGB_ALPHA = 0, 2, 3, 4, 6
_CHANNELS = {GRAY: 1, RGB: 3, PALETTE: 1, GRAY_ALPHA: 2, RGB_ALPHA: 4}
_ERRORS = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, MemoryError, struct.error, zlib.error)
_LOSSLESS = {0xC3, 0xCB}
_EXIF = b"Exif\0\0"
_MIN_IS_WHITE, _MIN_IS_BLACK, _TIFF_RGB, _TIFF_PALETTE, _YCBCR = 0, 1, 2, 3, 6


@dataclass
class _PngHeader:
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
    header = _png_header(path, path.read_bytes(), checked=False)
    return upright_shape(header.height, header.width, header.orientation)


def read_png(path: Path) -> Stored:
    """Read a PNG as stored; more than 8 bits stay more than 8 bits."""
    data = path.read_bytes()
    header = _png_header(path, data, checked=True)
    check_area(path, header.height, header.width)
    stored = Stored(np.zeros((0, 0)), exact=header.depth <= 8)
    try:
        if header.depth == 16:
            import imagecodecs

            planes = np.asarray(imagecodecs.png_decode(data))
        else:
            planes = _narrow_png(data, header, stored)
    except _ERRORS as error:
        raise corrupt(path, PNG, error) from None
    if header.animated:
        stored.warnings.append("The PNG is animated; its first picture is read.")
    stored.values = oriented(_png_gray(planes, header, stored), header.orientation, stored.provenance)
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


def _png_header(path: Path, data: bytes, *, checked: bool) -> _PngHeader:
    header: _PngHeader | None = None
    for name, body in _chunks(path, data, checked=checked):
        if name == b"IHDR" and len(body) == 13:
            width, height, depth, colour = struct.unpack(">IIBB", body[:10])
            header = _PngHeader(height, width, depth, colour)
        elif header is not None:
            _note_chunk(header, name, body)
    if header is None or header.colour not in _CHANNELS or not header.height or not header.width:
        raise corrupt(path, PNG, "its header is missing or wrong")
    return header


def _note_chunk(header: _PngHeader, name: bytes, body: bytes) -> None:
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


def _narrow_png(data: bytes, header: _PngHeader, stored: Stored) -> npt.NDArray[Any]:
    """Bits 1 to 8 as Pillow gives them, ``uint8 [H, W]`` or ``[H, W, C]``: 1, 2 and 4 gray bits over 0..255."""
    from PIL import Image

    with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
        image.load()
        if header.colour == PALETTE:
            stored.provenance.append("palette applied")
            return np.asarray(image.convert("RGBA"))
        if header.depth < 8:
            stored.provenance.append(f"{header.depth} bits brought to 0..255")
        values = np.asarray(image)
        return values.astype(np.uint8) * np.uint8(255) if values.dtype == np.bool_ else values


def _png_gray(planes: npt.NDArray[Any], header: _PngHeader, stored: Stored) -> npt.NDArray[Any]:
    """One gray plane of 1 to 4 channels (gray or colour, then perhaps alpha)."""
    if planes.ndim == 2:
        return planes
    channels = planes.shape[-1]
    if channels in {2, 4} and (header.colour != PALETTE or header.transparent):
        without_alpha(planes[..., -1], stored.provenance, stored.warnings)
    if channels <= 2:
        return np.ascontiguousarray(planes[..., 0])
    return luminance(planes[..., :3], stored.provenance, stored.warnings)


def _believe_significant_bits(header: _PngHeader, stored: Stored) -> None:
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


def jpeg_shape(path: Path) -> tuple[int, int]:
    """Height and width as the film is read, without its pixels."""
    _, _, height, width, orientation = _jpeg_header(path, path.read_bytes())
    return upright_shape(height, width, orientation)


def read_jpeg(path: Path) -> Stored:
    """Read a JPEG upright; colour becomes luminance."""
    data = path.read_bytes()
    process, precision, height, width, orientation = _jpeg_header(path, data)
    check_area(path, height, width)
    stored = Stored(np.zeros((0, 0)), exact=precision == 8)
    try:
        if process in _LOSSLESS or precision > 8:
            import imagecodecs

            decode = imagecodecs.ljpeg_decode if process in _LOSSLESS else imagecodecs.jpeg_decode
            planes = np.asarray(decode(data))
            stored.bits = precision if precision not in {8, 16} else None
        else:
            planes = _narrow_jpeg(path)
    except _ERRORS as error:
        raise corrupt(path, JPEG, error) from None
    if planes.ndim == 3:
        white = float(2**precision - 1)
        planes = luminance(planes[..., :3], stored.provenance, stored.warnings, white)
    stored.values = oriented(planes, orientation, stored.provenance)
    return stored


def _jpeg_header(path: Path, data: bytes) -> tuple[int, int, int, int, int]:
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


def _narrow_jpeg(path: Path) -> npt.NDArray[Any]:
    from PIL import Image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(path, formats=("JPEG",)) as image:
            image.load()
            if image.mode not in {"L", "RGB"}:
                return np.asarray(image.convert("RGB"))
            return np.asarray(image).copy()


def tiff_shape(path: Path) -> tuple[int, int]:
    """Height and width as the film is read, without its pixels."""
    with _only_page(path) as page:
        return upright_shape(int(page.imagelength), int(page.imagewidth), _tiff_orientation(page))


def read_tiff(path: Path) -> Stored:
    """Read the one film of a TIFF as stored; several pages are refused."""
    with _only_page(path) as page:
        check_area(path, int(page.imagelength), int(page.imagewidth))
        return _stored_tiff(path, page, np.asarray(page.asarray()))


@contextmanager
def _only_page(path: Path) -> Iterator[Any]:
    """The one page of full resolution (previews beside it are left out), as long as the file is open."""
    import tifffile

    try:
        with quiet("tifffile"), tifffile.TiffFile(path) as file:
            yield _full_page(path, file)
    except (*DECODER_ERRORS, tifffile.TiffFileError) as error:
        raise corrupt(path, TIFF, error) from None


def _full_page(path: Path, file: Any) -> Any:
    pages = [page.aspage() for page in file.pages]
    full = [page for page in pages if not page.is_reduced and not page.is_mask] or pages[:1]
    if not full:
        raise corrupt(path, TIFF, "it has no page")
    frames = int((file.imagej_metadata or {}).get("images", 1)) if file.is_imagej else 1
    count = max(len(full), frames, int(getattr(full[0], "imagedepth", 1)))
    if count > 1:
        raise UsageError(
            f"The image {path} is a TIFF of {count} pages; expected one film a file, so write each to its own."
        )
    return full[0]


def _stored_tiff(path: Path, page: Any, values: npt.NDArray[Any]) -> Stored:
    photometric = int(page.photometric)
    stored = Stored(values, exact=int(page.bitspersample) <= 8 and values.dtype == np.uint8)
    if values.dtype.kind not in "buif":
        raise UsageError(f"The image {path} is a TIFF of {values.dtype} values; expected integers or floats.")
    planes = values if page.planarconfig == 1 or values.ndim == 2 else np.moveaxis(values, 0, -1)
    stored.values = oriented(
        _tiff_gray(path, page, planes, photometric, stored), _tiff_orientation(page), stored.provenance
    )
    if stored.values.dtype.kind == "u":
        _declare_depth(page, stored, paletted=photometric == _TIFF_PALETTE)
    if photometric == _MIN_IS_WHITE:
        stored.inverted = True
        stored.provenance.append("MinIsWhite inverted")
    return stored


def _tiff_gray(
    path: Path, page: Any, planes: npt.NDArray[Any], photometric: int, stored: Stored
) -> npt.NDArray[Any]:
    if photometric == _TIFF_PALETTE:
        stored.provenance.append("palette applied")
        table = np.moveaxis(np.asarray(page.colormap), 0, -1)  # 16 bits an entry
        colours = palette_depth(table)[planes]
        stored.exact = colours.dtype == np.uint8
        return luminance(colours, stored.provenance, stored.warnings)
    if planes.ndim == 2:
        return planes
    colours_first = 3 if photometric in {_TIFF_RGB, _YCBCR} else 1
    if (
        photometric not in {_MIN_IS_WHITE, _MIN_IS_BLACK, _TIFF_RGB, _YCBCR}
        or planes.shape[-1] < colours_first
    ):
        raise UsageError(
            f"The image {path} is a TIFF of {planes.shape[-1]} channels ({page.photometric!s}); expected gray, "
            "RGB or a palette, so convert it."
        )
    if planes.shape[-1] > colours_first:
        without_alpha(planes[..., colours_first], stored.provenance, stored.warnings)
    if colours_first == 1:
        return np.ascontiguousarray(planes[..., 0])
    return luminance(planes[..., :3], stored.provenance, stored.warnings)


def _declare_depth(page: Any, stored: Stored, *, paletted: bool) -> None:
    """MaxSampleValue (tag 281) or an odd BitsPerSample says how deep the values are."""
    width, container = int(page.bitspersample), 8 * stored.values.dtype.itemsize
    if paletted:
        stored.bits = None if stored.exact else 16
    elif width < 8:
        stored.exact = False
        stored.bits = width
    elif width < container:
        stored.bits = width
    elif not stored.exact and "MaxSampleValue" in page.tags:
        declared = np.atleast_1d(page.tags["MaxSampleValue"].value)
        bits = int(np.max(declared)).bit_length()
        stored.bits = bits if 8 <= bits < container else None


def _tiff_orientation(page: Any) -> int:
    tag = page.tags.get("Orientation")
    value = tag.value if tag is not None else 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
