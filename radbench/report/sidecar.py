"""The sidecar folder ``cases/``: every edited image that is judged, at full size, with a table of digests.

File names are running numbers and never come from a study's name. Images are written one by one.
"""

import csv
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image

from radbench.errors import UsageError
from radbench.report.cases import Gallery
from radbench.report.gallery import GalleryItem, LazyGallery
from radbench.report.identity import Identities
from radbench.report.images import Gray, fit, overlay, png, stamp
from radbench.report.tables import safe_cell

FOLDER, INDEX = "cases", "index.csv"
COLUMNS = ("file", "case", "scenario", "kind", "sha256", "bytes")
_LEAST = 112  # the smallest side that a stamp fits on


class Sidecar:
    """Writes items into a new folder; a context manager.

    Args:
        folder: The folder, which must not exist.
        identities: What stands for the studies' names; None to name them.
    """

    def __init__(self, folder: Path, identities: Identities | None) -> None:
        self._folder, self._identities = folder, identities
        self._count = 0

    def __enter__(self) -> Self:
        """Make the folder and its table."""
        try:
            self._folder.mkdir()
            self._file = (self._folder / INDEX).open("x", encoding="utf-8", newline="")
        except OSError as error:
            raise UsageError(f"Cannot write into {self._folder}: {error.strerror or error}.") from error
        self._table = csv.writer(self._file, lineterminator="\n")
        self._table.writerow(COLUMNS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the table."""
        self._file.close()

    def tee(self, gallery: Gallery) -> Gallery:
        """Return a gallery of the same items: a lazy one after all were written, another writes as it is read.

        Raises:
            OSError: the disk is full.
        """
        if not isinstance(gallery, LazyGallery):
            return self._written(gallery)
        for key in gallery.keys:
            self.write((gallery.bare or gallery.load)(key))
        return gallery

    def _written(self, items: Iterable[GalleryItem]) -> Iterator[GalleryItem]:
        for item in items:
            self.write(item)
            yield item

    def write(self, item: GalleryItem) -> None:
        """Write one item: original, edited (stamped) and masks."""
        self._count += 1
        pictures = {
            "original": Image.fromarray(item.original),
            "edited": Image.fromarray(stamp(_large(item.edited))),
            "masks": Image.fromarray(overlay(item.original, item.edit_mask, item.keep_mask)),
        }
        study = item.study_id if self._identities is None else self._identities.study(item.study_id)
        for kind, picture in pictures.items():
            name, data = f"{self._count:06d}-{kind}.png", png(picture)
            (self._folder / name).write_bytes(data)
            digest = hashlib.sha256(data).hexdigest()
            self._table.writerow(
                [safe_cell(cell) for cell in (name, study, item.scenario, kind, digest, len(data))]
            )


def _large(image: Gray) -> Gray:
    return image if min(image.shape) >= _LEAST else fit(image)
