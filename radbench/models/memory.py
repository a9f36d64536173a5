"""What a model said about an image, by the image's SHA-256: scores and labels as JSON, masks as packed bits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Protocol

import numpy as np

from radbench.models.base import Prediction
from radbench.models.remembered import Remembered
from radbench.models.remembered_masks import PackedMask, RememberedMasks

_KIND: Final = "kind"


class Memory(Protocol):
    """Predictions of one model, remembered under a path."""

    path: Path

    def unknown(self, keys: Sequence[str]) -> bool:
        """Return whether the model has to be asked before ``keys`` can be recalled."""
        ...

    def __contains__(self, key: str) -> bool: ...

    def add(self, keys: Sequence[str], prediction: Prediction) -> None:
        """Remember what the model said about the images called ``keys``."""
        ...

    def recall(self, keys: Sequence[str]) -> Prediction:
        """Return what is remembered of ``keys``, in order."""
        ...


class NumberMemory:
    """One number an image (null where the model gave no score), in ``path``, a JSON file that holds their kind too."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._remembered = Remembered(path)
        self._known: dict[str, Any] = self._remembered.read()

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def unknown(self, keys: Sequence[str]) -> bool:
        """Return whether a key, or the kind of the numbers, is not known yet."""
        return _KIND not in self._known or any(key not in self._known for key in keys)

    def add(self, keys: Sequence[str], prediction: Prediction) -> None:
        """Remember probabilities or labels."""
        values = [None if np.isnan(value) else float(value) for value in prediction.values]
        entries = {_KIND: prediction.kind} | dict(zip(keys, values, strict=True))
        self._remembered.add(entries)
        self._known |= entries

    def recall(self, keys: Sequence[str]) -> Prediction:
        """Return float64 probabilities (NaN for no answer) or int64 labels (-1 for no answer), [N]."""
        kind = self._known[_KIND]
        dtype = np.float64 if kind == "probabilities" else np.int64
        found = [self._known[key] for key in keys]
        return Prediction(
            kind, np.array([np.nan if value is None else value for value in found], dtype=dtype)
        )


class MaskMemory:
    """One mask an image, in ``path``, a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._remembered = RememberedMasks(path)
        self._known: dict[str, PackedMask] = self._remembered.read()

    def __contains__(self, key: str) -> bool:
        return key in self._known

    def unknown(self, keys: Sequence[str]) -> bool:
        """Return whether a key is not known yet."""
        return any(key not in self._known for key in keys)

    def add(self, keys: Sequence[str], prediction: Prediction) -> None:
        """Remember masks."""
        self._known |= self._remembered.add(keys, prediction.values.astype(np.bool_))

    def recall(self, keys: Sequence[str]) -> Prediction:
        """Return masks, bool [N, H, W]; bool [0, 0, 0] for no image."""
        masks = [self._known[key].unpack() for key in keys]
        return Prediction("masks", np.stack(masks) if masks else np.zeros((0, 0, 0), dtype=np.bool_))
