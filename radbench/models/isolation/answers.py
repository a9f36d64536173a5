"""What a model's process answers, held to what was asked before any of it is believed."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from radbench.models.base import Image, Kind, ModelFailureError, Prediction
from radbench.models.isolation.wire import Message
from radbench.specs import ModelSpec

__all__ = ["class_names", "expected_bytes", "kind_of", "prediction", "readings", "saliency_maps"]

_DTYPES: Final[dict[Kind, str]] = {"probabilities": "float64", "labels": "int64", "masks": "bool"}
_MOST_NAMES: Final = 10_000
_LONGEST_NAME: Final = 200
_LONGEST_SENTENCE: Final = 2000


def kind_of(spec: ModelSpec) -> Kind:
    """Return the kind of prediction that a declaration promises."""
    if spec.task == "segmentation":
        return "masks"
    return "labels" if spec.output == "labels" else "probabilities"


def expected_bytes(spec: ModelSpec, images: Sequence[Image]) -> int:
    """Return the bytes of the one array that answers ``images``."""
    return sum(image.size for image in images) if kind_of(spec) == "masks" else 8 * len(images)


def prediction(spec: ModelSpec, images: Sequence[Image], answer: Message) -> Prediction:
    """Return the prediction for uint8 [H, W] images that an answer holds.

    Raises:
        ModelFailureError: it is of another kind, type or shape than asked for, or holds values that none may.
    """
    kind = kind_of(spec)
    shape: tuple[int, ...] = (len(images), *images[0].shape) if kind == "masks" else (len(images),)
    found = answer.head.get("kind")
    if found != kind:
        raise _wrong(spec, f"a prediction of another kind, expected {kind}")
    values = _array(spec, answer, "values", _DTYPES[kind], shape)
    if kind == "masks":
        return Prediction(kind, values)
    numbers = values.astype(np.float64)
    lowest = -1 if kind == "labels" else 0
    if not (np.isnan(numbers) | ((numbers >= lowest) & (numbers <= 1))).all():
        raise _wrong(spec, f"{kind} beyond what they can be")
    return Prediction(kind, values)


def saliency_maps(spec: ModelSpec, images: Sequence[Image], answer: Message) -> NDArray[np.float32] | None:
    """Return saliency float32 [N, H, W] in [0, 1] at the images' size, or None where the model has none.

    Raises:
        ModelFailureError: the maps are none for these images.
    """
    if answer.head.get("known") is not True:
        return None
    values = _array(spec, answer, "maps", "float32", (len(images), *images[0].shape)).astype(np.float32)
    if not (np.isfinite(values).all() and (values >= 0).all() and (values <= 1).all()):
        raise _wrong(spec, "saliency outside [0, 1]")
    return values


def class_names(spec: ModelSpec, answer: Message) -> list[str] | None:
    """Return the names of the classes, or None where the files hold none.

    Raises:
        ModelFailureError: the names are no list of short texts.
    """
    return _texts(spec, answer, "names of classes", _LONGEST_NAME)


def readings(spec: ModelSpec, answer: Message) -> list[str]:
    """Return what a model's process says that it read from the vendor's files, in sentences.

    Raises:
        ModelFailureError: they are no list of sentences.
    """
    return _texts(spec, answer, "sentences about its files", _LONGEST_SENTENCE) or []


def _texts(spec: ModelSpec, answer: Message, what: str, longest: int) -> list[str] | None:
    names: Any = answer.head.get("names")
    if names is None:
        return None
    if not isinstance(names, list) or len(names) > _MOST_NAMES:
        raise _wrong(spec, f"{what} that are no list, or too many")
    if not all(isinstance(name, str) and len(name) <= longest for name in names):
        raise _wrong(spec, f"{what} that are no short texts")
    return ["".join(letter if letter.isprintable() else "?" for letter in name) for name in names]


def _array(
    spec: ModelSpec, answer: Message, name: str, dtype: str, shape: tuple[int, ...]
) -> NDArray[np.generic]:
    values = answer.arrays.get(name)
    if values is None or values.dtype.name != dtype or values.shape != shape:
        found = "none" if values is None else f"{values.dtype.name} {list(values.shape)}"
        raise _wrong(spec, f"an array {found}, expected {dtype} {list(shape)}")
    return values


def _wrong(spec: ModelSpec, what: str) -> ModelFailureError:
    return ModelFailureError(f"The process of model '{spec.name}' answered with {what}.")
