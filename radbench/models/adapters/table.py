"""A table of answers or a folder of masks by image: the vendor ran the model somewhere, and no process of it runs here.

An image is known by the SHA-256 of its size and pixels, so a table fits the very images that were exported and no
others. Nothing is guessed for the rest: they have no answer, and an audit counts them.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.adapters.base import Adapter
from radbench.models.adapters.table_answers import Answers, read_answers
from radbench.models.adapters.table_file import HASH, refuse_strange
from radbench.models.base import Image, ModelFailureError, Prediction, is_image, one_line
from radbench.models.cache import image_sha256
from radbench.models.decode import decode
from radbench.specs import ModelSpec
from radbench.specs.model import OutputNames

if TYPE_CHECKING:
    import torch

INDEX_COLUMNS: Final = (HASH, "file", "width", "height")
"""The columns of the list of images that a program gets; widths and heights are in pixels."""

_WIDE: Final = ("I", "I;16", "I;16B", "I;16L", "I;16N")


class PredictionTable(Adapter):
    """Answers from a CSV, JSON Lines or Parquet file, or masks from a folder of PNG files.

    The table is read when the adapter is made, so that its faults are found before any long work.

    Raises:
        UsageError: see ``read_answers`` and ``refuse_no_masks``.
    """

    format: ClassVar[str] = "table"

    def __init__(self, spec: ModelSpec, device: "torch.device | str" = "cpu", *, trust: bool = False) -> None:
        super().__init__(spec, device, trust=trust)
        self._answers: Answers | None = None
        if spec.task == "segmentation":
            refuse_no_masks(spec.source_path, spec)
        else:
            self._answers = read_answers(spec.source_path.resolve(), spec)

    def predict(self, images: Sequence[Image]) -> Prediction:
        """Return what the table says of uint8 [H, W] images; an image that it does not name has no answer.

        Raises:
            UsageError: an image of another type, or (for masks) several sizes in one call.
            ModelFailureError: a mask that is missing (a mask cannot say nothing) or does not fit its image.
        """
        keys = keys_of(images)
        if self._answers is not None:
            return self._answers.of(keys)
        return Prediction("masks", self._masks(images, keys))

    def readings(self) -> list[str]:
        """Return how the table is read where that is not plain: its delimiter, its words for no answer."""
        return [] if self._answers is None else list(self._answers.notes)

    def missing(self, images: Sequence[Image]) -> int:
        """Return how many of the images the table does not name."""
        return sum(not self._names(key) for key in keys_of(images))

    def _names(self, key: str) -> bool:
        if self._answers is not None:
            return key in self._answers.numbers
        return mask_file(self.spec.source_path, key).is_file()

    def _masks(self, images: Sequence[Image], keys: Sequence[str]) -> NDArray[np.bool_]:
        refuse_other_sizes(self.spec, images)
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        absent = [key for key in keys if not self._names(key)]
        if absent:
            raise ModelFailureError(
                f"The folder of model '{self.spec.name}' lacks the masks of {len(absent)} of {len(keys)} images "
                f"({absent[0]}.png among them), expected one for each; an empty one where nothing was found."
            )
        try:
            return read_masks(self.spec.source_path, keys, sizes, self.spec)
        except UsageError as error:
            raise ModelFailureError(str(error)) from error


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


def refuse_other_sizes(spec: ModelSpec, images: Sequence[Image]) -> None:
    """Refuse images of several sizes in one call.

    Raises:
        UsageError: there are some.
    """
    sizes = {image.shape for image in images}
    if len(sizes) > 1:
        raise UsageError(
            f"Model '{spec.name}' was given images of {len(sizes)} sizes, expected one size in a call."
        )


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


def mask_file(folder: Path, key: str) -> Path:
    """Return where the mask of the image with SHA-256 ``key`` lies."""
    return folder / f"{key}.png"


def refuse_no_masks(folder: Path, spec: ModelSpec) -> None:
    """Refuse what can hold no masks of this model.

    Raises:
        UsageError: no folder, or a model that is declared to give logits, which a PNG cannot hold.
    """
    if not folder.is_dir():
        raise UsageError(
            f"{folder} is no folder, expected one of masks: a PNG an image, named by its SHA-256."
        )
    if spec.output == "logits":
        raise UsageError(
            f"Model '{spec.name}' declares its output as logits, which a PNG cannot hold; expected labels (0 outside, "
            "255 inside, or class numbers) or probabilities (0 to 255 or 0 to 65535)."
        )


def read_mask(path: Path, size: tuple[int, int], spec: ModelSpec) -> NDArray[np.bool_]:
    """Read one mask.

    Args:
        path: a PNG of one channel. Labels: 0 outside and 1 or 255 inside, or class numbers where the declaration has
            ``mask_classes``. Probabilities: from 0 to the largest value of 8 or 16 bits.
        size: height and width of its image, in pixels.
        spec: the declaration.

    Returns:
        bool [H, W].

    Raises:
        UsageError: it is missing, no plain file, no PNG of that size and one channel, or holds other values.
    """
    pixels = _pixels(path, size)
    labelled = spec.output == "labels"
    numbered = labelled and len(spec.mask_classes) > 1
    if labelled and not numbered and set(np.unique(pixels).tolist()) <= {0, 255}:
        pixels = pixels.clip(0, 1)
    values = pixels if labelled else pixels / np.float64(np.iinfo(pixels.dtype).max)
    alone = {
        "mask_classes": spec.mask_classes if numbered else [],
        "input": spec.input.model_copy(update={"resize": "stretch"}),  # the mask is as large as the image
        "output_names": OutputNames(),
    }
    try:
        found = decode(spec.model_copy(update=alone), {path.name: values[None]}, [size])
    except ModelFailureError as error:
        raise UsageError(f"{path}: {error}") from error
    return np.asarray(found.values[0], np.bool_)


def read_masks(
    folder: Path, keys: Sequence[str], sizes: Sequence[tuple[int, int]], spec: ModelSpec
) -> NDArray[np.bool_]:
    """Return bool [N, H, W], the masks of images of one size; see ``read_mask`` for the errors."""
    shape = sizes[0] if sizes else (0, 0)
    found = np.zeros((len(keys), *shape), np.bool_)
    for number, (key, size) in enumerate(zip(keys, sizes, strict=True)):
        found[number] = read_mask(mask_file(folder, key), size, spec)
    return found


def _pixels(path: Path, size: tuple[int, int]) -> NDArray[np.unsignedinteger]:
    """Return uint8 or uint16 [H, W]; the size is read before any pixel is unpacked."""
    from PIL import Image

    refuse_strange(path)
    try:
        with Image.open(path, formats=("PNG",)) as image:
            if (image.height, image.width) != size:
                raise UsageError(
                    f"{path} is {image.height} x {image.width} pixels (height x width), expected {size[0]} x {size[1]} "
                    "like its image."
                )
            if image.mode in _WIDE:
                return np.asarray(image).astype(np.uint16)
            if image.mode not in {"1", "L", "P"}:
                raise UsageError(f"{path} has the channels {image.mode}, expected a PNG of one channel.")
            return np.asarray(image).astype(np.uint8)
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        raise UsageError(f"{path} is no whole PNG ({one_line(error, 120)}); write it again.") from error
