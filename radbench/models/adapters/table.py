"""A table of answers by image: the vendor ran the model somewhere, and no process of it runs here.

An image is known by the SHA-256 of its size and pixels, so a table fits the very images that were exported and no
others. Nothing is guessed for the rest: they have no answer, and an audit counts them.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.adapters.base import Adapter
from radbench.models.base import Image, ModelFailureError, Prediction
from radbench.models.tables.answers import Answers, read_answers
from radbench.models.tables.keyed import keys_of
from radbench.models.tables.masks import mask_file, read_masks, refuse_no_masks
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    import torch


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
        sizes = [(image.shape[0], image.shape[1]) for image in images]
        if len(set(sizes)) > 1:
            raise UsageError(
                f"Model '{self.spec.name}' was given images of {len(set(sizes))} sizes, expected one size in a call."
            )
        absent = [key for key in keys if not self._names(key)]
        if absent:
            raise ModelFailureError(
                f"The folder of model '{self.spec.name}' lacks the masks of {len(absent)} of {len(keys)} images "
                f"({absent[0]}.png among them), expected one for each; an empty one where nothing was found.",
                kind="output",
            )
        try:
            return read_masks(self.spec.source_path, keys, sizes, self.spec)
        except UsageError as error:
            raise ModelFailureError(str(error), kind="output") from error
