"""Pixels of the report: the stamp, the mask overlay, the difference map, and PNG data URIs.

Every function is pure and its bytes depend on its arguments only, so reports can be compared byte by byte. The words
that are burned into images are letters of the house's own: the same on every machine.
"""

import base64
import io
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

Gray = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]
Heat = npt.NDArray[np.float32]

EDIT_RGB = (230, 159, 0)
"""Colour of the edit mask (orange of the Okabe-Ito palette, told apart by colour-blind readers too)."""
KEEP_RGB = (86, 180, 233)
"""Colour of the keep mask (sky blue of the same palette)."""
DIFFERENCE_SPAN = 40
"""Grey levels at which the difference map is fully coloured."""

_SMALLEST, _LARGEST = 112, 256
_HOT = (255, 210, 60)
_BRIGHTER, _DARKER, _SAME = (255, 150, 40), (60, 150, 255), (16, 18, 22)
_ADVANCE, _LINE = 6, 9
"""Columns that a letter of five by seven pixels takes and rows that a line takes, with their gaps."""

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 .,:;-/%()+=?"
_BITS = (
    "EHHVHHH UHHUHHU EHGGGHE UHHHHHU VGGUGGV VGGUGGG EHGNHHE HHHVHHH E44444E 72222IC HIKOKIH GGGGGGV "
    "HRLLHHH HPLJHHH EHHHHHE UHHUGGG EHHHLID UHHUKIH FGGE11U V444444 HHHHHHE HHHHHA4 HHHLLLA HHA4AHH "
    "HHA4444 V1248GV EHJLPHE 4C4444E EH1248V V2421HE 26AIV22 VGU11HE 68GUHHE V124888 EHHEHHE EHHF12C "
    "0000000 00000CC 0000C48 0CC0CC0 0CC0C48 000V000 01248G0 OP248J3 2488842 8422248 044V440 00V0V00 "
    "EH12404"
)
"""Each letter of the alphabet as seven rows of five bits, a row a digit to the base of 32."""
_GLYPHS = {
    letter: [int(row, 32) for row in rows] for letter, rows in zip(_ALPHABET, _BITS.split(), strict=True)
}


def fit(image: Gray) -> Gray:
    """Bring an image ``uint8 [H, W]`` to the report's size: both sides from 112 to 256 pixels.

    Large images are reduced by area, small ones repeated by a whole factor, so no pixel is invented; what is
    still too narrow is centred on black.
    """
    height, width = image.shape
    longest = max(height, width)
    if longest > _LARGEST:
        size = (max(1, width * _LARGEST // longest), max(1, height * _LARGEST // longest))
        image = np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BOX), dtype=np.uint8)
    else:
        factor = max(1, min(-(-_SMALLEST // min(height, width)), _LARGEST // longest))
        image = image.repeat(factor, axis=0).repeat(factor, axis=1)
    missing = [max(0, _SMALLEST - side) for side in image.shape]
    return np.pad(image, [(lack // 2, lack - lack // 2) for lack in missing])


def stamp(image: Gray, words: str = "SYNTHETIC") -> Gray:
    """Burn ``words`` into a darkened band along the lower edge of an image ``uint8 [H, W]``; returns a copy.

    The letters are the house's own pixels, enlarged by a whole factor: the same on every machine. Words that
    do not fit one line are wrapped; what does not fit half the height is left out. The image must be as large
    as ``fit`` makes it.
    """
    factor = max(1, min(image.shape) // 128)
    height, width = image.shape
    lines = wrap(words, width // (factor * _ADVANCE) - 1)[: max(1, height // (2 * factor * _LINE))]
    out = image.copy()
    band = factor * (_LINE * len(lines) + 2)
    out[-band:] = (out[-band:] * 0.3).astype(np.uint8)
    for number, line in enumerate(lines):
        text = letters(line).repeat(factor, axis=0).repeat(factor, axis=1)
        top = height - band + factor * (_LINE * number + 1)
        out[top : top + text.shape[0], : text.shape[1]][text] = 245
    return out


def overlay(image: Gray, edit_mask: Mask, keep_mask: Mask | None) -> npt.NDArray[np.uint8]:
    """Colour the masks over an image; returns ``uint8 [H, W, 3]``.

    The edit mask is orange, the keep mask blue and on top (it wins where both are set, as in the editor).
    """
    out = np.repeat(image[..., None], 3, axis=2).astype(np.float32)
    layers: list[tuple[Mask, tuple[int, int, int], float]] = [(edit_mask, EDIT_RGB, 0.45)]
    if keep_mask is not None:
        layers.append((keep_mask, KEEP_RGB, 0.75))
    for mask, colour, weight in layers:
        out[mask] = (1 - weight) * out[mask] + weight * np.asarray(colour, np.float32)
        out[_outline(mask)] = colour
    return np.rint(out).astype(np.uint8)


def outlined(image: Gray, edit_mask: Mask, keep_mask: Mask | None) -> npt.NDArray[np.uint8]:
    """Draw a line around the masks, and nothing inside them; returns ``uint8 [H, W, 3]``."""
    out = np.repeat(image[..., None], 3, axis=2)
    for mask, colour in ((edit_mask, EDIT_RGB), (keep_mask, KEEP_RGB)):
        if mask is not None:
            out[_outline(~mask)] = colour
    return out


def _outline(mask: Mask) -> Mask:
    """Return the mask's own pixels that touch a pixel outside it (4-neighbourhood)."""
    padded = np.pad(mask, 1, mode="edge")
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    outline: Mask = mask & ~inner
    return outline


def difference(before: Gray, after: Gray) -> Image.Image:
    """Draw ``after - before`` (both ``uint8 [H, W]``) as a palette image: orange is brighter, blue darker.

    The colour is full at 40 grey levels, on one fixed scale for every case.
    """
    delta = after.astype(np.int16) - before.astype(np.int16)
    index = np.clip(np.rint(delta * (127 / DIFFERENCE_SPAN)), -127, 127) + 127
    paletted = Image.frombytes("P", delta.shape[::-1], index.astype(np.uint8).tobytes())
    paletted.putpalette(_difference_palette())
    return paletted


def _difference_palette() -> list[int]:
    steps = np.linspace(-1, 1, 255)[:, None]
    ends = np.where(steps >= 0, np.asarray(_BRIGHTER), np.asarray(_DARKER))
    weight = np.abs(steps) ** 0.8
    colours = np.rint((1 - weight) * np.asarray(_SAME) + weight * ends).astype(int)
    return [*colours.ravel().tolist(), *_BRIGHTER]


def heatmap(image: Gray, heat: Gray) -> Image.Image:
    """Lay ``heat`` (0 none, 255 most) over an image, both ``uint8 [H, W]``, as a palette image of 16 x 16 colours.

    Where there is no heat the image stays grey and half as bright; the more heat, the warmer and brighter.
    """
    index = (heat // np.uint8(16)) * np.uint8(16) + image // np.uint8(16)
    paletted = Image.frombytes("P", image.shape[::-1], index.tobytes())
    paletted.putpalette(_heat_palette())
    return paletted


def _heat_palette() -> list[int]:
    warm = np.linspace(0, 1, 16)[:, None, None] ** 0.8  # [16, 1, 1]
    grey = np.linspace(0, 1, 16)[None, :, None]  # [1, 16, 1]
    colours = (1 - warm) * 150 * grey + warm * (0.35 + 0.65 * grey) * np.asarray(_HOT)
    palette: list[int] = np.rint(colours).astype(int).ravel().tolist()
    return palette


def data_uri(picture: npt.NDArray[np.uint8] | Image.Image) -> str:
    """Return a PNG data URI of ``uint8 [H, W]``, ``uint8 [H, W, 3]`` or a Pillow image, without metadata."""
    image: Any = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    return "data:image/png;base64," + base64.b64encode(png(image)).decode("ascii")


def png(image: Image.Image) -> bytes:
    """Return a picture as PNG, without metadata."""
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def letters(line: str) -> npt.NDArray[np.bool_]:
    """Draw a line of words, ``bool [9, 6 * letters + 3]``; lower case becomes capitals, the unknown ``?``."""
    known = [_GLYPHS.get(letter, _GLYPHS["?"]) for letter in line.upper().replace("\N{MINUS SIGN}", "-")]
    rows = np.array(known or [_GLYPHS[" "]], dtype=np.uint8)
    bits = np.unpackbits(rows[..., None], axis=-1)[..., 2:].astype(bool)  # six columns: the first is the gap
    return np.pad(np.concatenate(list(bits), axis=1), ((1, 1), (1, 2)))


def wrap(words: str, room: int) -> list[str]:
    """Break words into lines of at most ``room`` letters; a word that is longer is cut."""
    lines: list[str] = []
    for word in words.split():
        if lines and len(lines[-1]) + 1 + len(word) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word[:room])
    return lines or [""]
