"""Reading a film: told by content, refused in one sentence where it is none, brought to 8 or 16 bits."""

from pathlib import Path

import numpy as np

from radbench.data.films.content import DICOM, JPEG, PNG, kind_of
from radbench.data.films.depth import to_pixels
from radbench.data.films.film import Film, Pixels, Stored, check_shape

_SAMPLES = 200_000
_NEARLY, _SHARE = 0.01, 0.99


def read_film(path: str | Path) -> Film:
    """Read a PNG, JPEG, TIFF or DICOM as it is: its own size, 8 or 16 bits, 0 black, the largest white.

    The kind is told by content. 8 bits are kept to the bit; the depth of wider files is as declared or
    inferred (see ``depth``); an alpha channel is left out; colour becomes luminance (BT.601); an EXIF
    orientation is applied. Everything done is in ``provenance``.

    Raises:
        UsageError: the file is missing, a pointer (Git LFS), truncated, corrupt, of another format, has
            several pages or frames, needs a decoder that is not installed, or cannot be a film (a side under
            16 pixels, one side over 8 times the other, over 200 megapixels).
    """
    source = Path(path)
    kind = kind_of(source)
    check_shape(source, *_shape(source, kind))
    stored = _stored(source, kind)
    pixels, bits = to_pixels(stored)
    flat = flatness(pixels)
    if flat:
        stored.warnings.append(flat)
    return Film(
        pixels=pixels,
        spacing=stored.spacing,
        attributes=dict(stored.attributes),
        provenance=(f"read from {kind}", *stored.provenance),
        warnings=tuple(stored.warnings),
        bits=bits,
    )


def film_shape(path: str | Path) -> tuple[int, int]:
    """Height and width of the film that ``read_film`` would give, from the header alone.

    Raises:
        UsageError: as ``read_film``, as far as the header shows it.
    """
    source = Path(path)
    height, width = stored_shape(source)
    check_shape(source, height, width)
    return height, width


def stored_shape(path: str | Path) -> tuple[int, int]:
    """Height and width, upright, of any image that can be read, whether it can be a film or not."""
    source = Path(path)
    return _shape(source, kind_of(source))


def stored_values(path: str | Path) -> Pixels:
    """The gray values of an unsigned 8- or 16-bit PNG, JPEG or TIFF as stored, upright, in no other range.

    Masks and label maps are read like this. Whatever is stored otherwise (DICOM, floats, signed values, white
    as 0) gives its film's pixels.
    """
    source = Path(path)
    kind = kind_of(source)
    stored = _stored(source, kind)
    plain = kind != DICOM and not stored.inverted and stored.values.dtype in {np.dtype("u1"), np.dtype("u2")}
    return stored.values if plain else to_pixels(stored)[0]


def flatness(pixels: Pixels) -> str | None:
    """A sentence where a film shows (nearly) nothing: 99 % of its pixels within 1 % of the range."""
    low, high = int(pixels.min()), int(pixels.max())
    if low == high:
        return f"The film is constant: every pixel is {low}."
    flat = pixels.reshape(-1)
    sample = flat[:: max(1, flat.size // _SAMPLES)]
    edge = (1 - _SHARE) / 2
    first, last = np.quantile(sample, [edge, 1 - edge])
    if last - first <= _NEARLY * np.iinfo(pixels.dtype).max:
        return f"The film is nearly constant: {100 * _SHARE:.0f} % of its pixels are from {first:.0f} to {last:.0f}."
    return None


def _shape(path: Path, kind: str) -> tuple[int, int]:
    if kind == PNG:
        from radbench.data.films.png import png_shape

        return png_shape(path)
    if kind == JPEG:
        from radbench.data.films.jpeg import jpeg_shape

        return jpeg_shape(path)
    if kind == DICOM:
        from radbench.data.films.dicom import dicom_shape

        return dicom_shape(path)
    from radbench.data.films.tiff import tiff_shape

    return tiff_shape(path)


def _stored(path: Path, kind: str) -> Stored:
    if kind == PNG:
        from radbench.data.films.png import read_png

        return read_png(path)
    if kind == JPEG:
        from radbench.data.films.jpeg import read_jpeg

        return read_jpeg(path)
    if kind == DICOM:
        from radbench.data.films.dicom import read_dicom

        return read_dicom(path)
    from radbench.data.films.tiff import read_tiff

    return read_tiff(path)
