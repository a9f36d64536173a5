"""Images under the names that a vendor sees: the SHA-256 of size and pixels, and a PNG file of that name."""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from radbench.errors import UsageError
from radbench.models.base import Image, is_image
from radbench.models.cache import image_sha256
from radbench.models.tables.columns import HASH

INDEX_COLUMNS: Final = (HASH, "file", "width", "height")
"""The columns of the list of images that a program gets; widths and heights are in pixels."""


def keys_of(images: Sequence[Image]) -> list[str]:
    """Return the SHA-256 of every image's size and pixels.

    Raises:
        UsageError: an image is not uint8 or uint16 [H, W].
    """
    for image in images:
        if not is_image(image):
            raise UsageError(
                f"A model was given an image of {image.dtype} {list(image.shape)}, expected uint8 or uint16 [h, w]."
            )
    return [image_sha256(image) for image in images]


def png_bytes(image: Image) -> bytes:
    """Return uint8 or uint16 [H, W] as a PNG of 8 or 16 bits without metadata: the same bytes every time."""
    from PIL import Image as Picture

    buffer = io.BytesIO()
    Picture.fromarray(np.ascontiguousarray(image)).save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()


def write_pictures(images: Mapping[str, Image], folder: Path) -> None:
    """Write ``<sha256>.png`` for every image, and ``index.csv`` that lists them in order, into ``folder``."""
    with (folder / "index.csv").open("w", encoding="utf-8", newline="") as file:
        index = csv.writer(file, lineterminator="\n")
        index.writerow(INDEX_COLUMNS)
        for key, image in images.items():
            (folder / f"{key}.png").write_bytes(png_bytes(image))
            index.writerow([key, f"{key}.png", image.shape[1], image.shape[0]])
