"""What a declaration might have said instead, and what the model answers then.

Among it how else the stored values of the films shown could be read: another ``intensity`` than the declared one.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np

from radbench.models.base import Image, Prediction
from radbench.models.decode import classes_of
from radbench.models.preflight.session import Batch, Session, answer, decoded, sliced
from radbench.models.preprocess import canvas
from radbench.specs import InputContract

RANGE, INTENSITY, INVERTED, CHANNELS, RESIZE, CLASSES = (
    "input range",
    "intensity",
    "inverted film",
    "channel order",
    "resize rule",
    "class order",
)
"""Names of the checks that alternatives belong to, in the order in which they are told."""

Answering: TypeAlias = Callable[[Session, int, int], Prediction]
"""Asks for the images from one number up to another."""

_IMAGENET: Final = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and standard deviation of ImageNet's channels, which most pretrained networks expect."""

_RANGES: Final = (
    ("values 0 to 1", 0.0, 1.0),
    ("values 0 to 255", 0.0, 255.0),
    ("12-bit values 0 to 4095", 0.0, 4095.0),
    ("values -1 to 1", -1.0, 1.0),
    ("values -1024 to 1024", -1024.0, 1024.0),
)

_DEPTHS: Final = (8, 10, 12, 14)
"""Bits that devices store in files of 16."""

_ALIKE: Final = 0.1
"""Share of its span by which the ends of a range (of a reading: on average over the films) may differ from another's
and still be the same."""


@dataclass(frozen=True)
class Alternative:
    """One thing that the declaration might have said instead.

    Attributes:
        check: the check that it belongs to.
        words: what it is, as the end of "better with ...".
        mend: what the declaration would have to say.
        ask: asks the model so.
        certain: whether a clear gain breaks the declaration; otherwise it is a warning.
    """

    check: str
    words: str
    mend: str
    ask: Answering
    certain: bool = True


def alternatives(session: Session) -> list[Alternative]:
    """Return all that can be tried with a model, whatever it is like."""
    found = list(_inverted(session))
    if session.rows:
        other = readings(session.spec.input, session.probe.images)
        found += [*_ranges(session), *(_prepared(INTENSITY, words, changes) for words, changes in other)]
        found += [*_channels(session), *_resizes(session)]
    return [*found, *_classes(session)]


def _ranges(session: Session) -> Iterator[Alternative]:
    contract = session.spec.input
    tried = [(words, {"value_range": [low, high], "mean": [], "std": []}) for words, low, high in _RANGES]
    means, stds = (
        list(part) if contract.channels == 3 else [round(sum(part) / 3, 3)] * contract.channels
        for part in _IMAGENET
    )
    imagenet: dict[str, list[float]] = {"value_range": [0.0, 1.0], "mean": means, "std": stds}
    for words, changes in (*tried, ("values standardised as for ImageNet", imagenet)):
        other = contract.model_copy(update=changes)
        if not alike(contract, other) and _fits(other):
            yield _prepared(RANGE, words, changes)
    if np.dtype(contract.dtype).kind == "f":
        plain = {"value_range": [0.0, 1.0], "mean": [], "std": [], "change": standardised}
        yield Alternative(
            RANGE,
            "every image standardised by its own mean and standard deviation",
            "input.mean and input.std of your images (each image's own cannot be declared)",
            _asking(**plain),
        )


def _prepared(check: str, words: str, changes: Mapping[str, Any]) -> Alternative:
    """Return the alternative that fields of the input contract are others."""
    mend = ", ".join(f"{name}: {value}" for name, value in changes.items() if value)
    return Alternative(check, words, f"input.{mend}", _asking(**changes))


def ends(contract: InputContract) -> tuple[float, float]:
    """Return what black and white become, standardised, as the mean over the channels."""
    pairs = list(zip(contract.means, contract.stds, strict=True))
    low, high = (
        float(np.mean([(value - mean) / std for mean, std in pairs])) for value in contract.value_range
    )
    return low, high


def alike(first: InputContract, second: InputContract) -> bool:
    """Whether two contracts map grey values to nearly the same numbers."""
    (low, high), (other_low, other_high) = ends(first), ends(second)
    span = min(high - low, other_high - other_low)
    return max(abs(low - other_low), abs(high - other_high)) <= _ALIKE * span


def _fits(contract: InputContract) -> bool:
    """Whether integers of the contract's type can hold its range in more than a few steps."""
    kind = np.dtype(contract.dtype)
    if kind.kind == "f":
        return kind != np.dtype("float16") or max(map(abs, ends(contract))) < 60_000
    low, high = ends(contract)
    limits = np.iinfo(contract.dtype)
    return limits.min <= low and high <= limits.max and high - low >= 200


def standardised(batch: Batch) -> Batch:
    """Return every row with mean 0 and standard deviation 1; rows of one value become 0."""
    rows = batch.astype(np.float64)
    axes = tuple(range(1, rows.ndim))
    centred = rows - rows.mean(axis=axes, keepdims=True)
    return np.asarray(centred / np.maximum(rows.std(axis=axes, keepdims=True), 1e-6)).astype(batch.dtype)


def _inverted(session: Session) -> Iterator[Alternative]:
    if session.spec.format == "table":
        return  # a table answers no other images than those that it lists
    other = "MONOCHROME1" if session.spec.input.photometric == "MONOCHROME2" else "MONOCHROME2"

    def ask(asked: Session, start: int, stop: int) -> Prediction:
        return asked.model.predict([negative(image) for image in asked.probe.images[start:stop]])

    how = _asking(photometric=other) if session.rows else ask
    yield Alternative(INVERTED, "inverted films", f"input.photometric: {other}", how)


def negative(image: Image) -> Image:
    """Return uint8 or uint16 [H, W] with black and white exchanged."""
    turned_round: Image = np.invert(image)  # of an unsigned type: its largest value less each
    return turned_round


def _channels(session: Session) -> Iterator[Alternative]:
    contract = session.spec.input
    if contract.channels < 3 or len(set(zip(contract.means, contract.stds, strict=True))) == 1:
        return
    axis = 1 if contract.layout == "NCHW" else 3
    mean, std = contract.means[::-1], contract.stds[::-1]
    yield Alternative(
        CHANNELS,
        "the channels in reverse order",
        f"input.mean: {mean}, std: {std}, and channel_def",
        _asking(change=lambda batch: np.ascontiguousarray(np.flip(batch, axis))),
    )


def _resizes(session: Session) -> Iterator[Alternative]:
    contract = session.spec.input
    sizes = session.probe.sizes
    for rule in ("stretch", "pad", "crop"):
        other = contract.model_copy(update={"resize": rule})
        if any(canvas(size, other) != canvas(size, contract) for size in sizes):
            yield Alternative(RESIZE, f"the rule '{rule}'", f"input.resize: {rule}", _asking(resize=rule))


def _asking(**changes: Any) -> Answering:
    def ask(session: Session, start: int, stop: int) -> Prediction:
        return answer(session, session.probe.images[start:stop], **changes)

    return ask


def _classes(session: Session) -> Iterator[Alternative]:
    spec = session.spec
    segments, names = spec.task == "segmentation", classes_of(spec)
    if len(names) <= 2:
        what = "what lies outside its maps" if segments else "its answers turned round"
        mend = "another target, or turn the model's output round"
        if names:
            mend = f"{'mask_classes' if segments else 'classes'} in the other order or another target_class"
        yield Alternative(CLASSES, what, mend, lambda s, start, stop: turned(sliced(s.base, start, stop)))
    elif session.outputs and spec.output != "labels":
        for name in names:
            if name != spec.wanted:
                ask = partial(_as_class, name)
                yield Alternative(CLASSES, f"the class '{name}'", f"target_class: {name}", ask, certain=False)


def _as_class(name: str, session: Session, start: int, stop: int) -> Prediction:
    spec = session.spec.model_copy(update={"target_class": name})
    some = {key: values[start:stop] for key, values in session.outputs.items() if values.ndim}
    images: Sequence[Image] = session.probe.images[start:stop]
    return decoded(spec, some, images)


def turned(prediction: Prediction) -> Prediction:
    """Return the opposite of every answer; no answer stays none."""
    values = prediction.values
    if prediction.kind == "masks":
        return Prediction("masks", ~values.astype(bool))
    if prediction.kind == "probabilities":
        return Prediction("probabilities", 1.0 - values.astype(np.float64))
    labels = values.astype(np.int64)
    return Prediction("labels", np.where(labels < 0, labels, 1 - labels))


def readings(contract: InputContract, images: Sequence[Image]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each other reading that would show the model clearly other numbers, in words and as fields of a contract.

    Each film's own values (``min-max``), the type's whole range (``stored-range``), and for films of 16 bits that hold
    fewer the range of those (``window``).

    Args:
        contract: what is declared.
        images: uint8 or uint16 [H, W], those of the probe.
    """
    tried: list[tuple[str, dict[str, Any]]] = [
        ("each film's own smallest to largest value (min-max)", {"intensity": "min-max", "window": None}),
        ("the whole stored range", {"intensity": "stored-range", "window": None}),
    ]
    if (bits := depth(images)) is not None:
        window = [0.0, round((2**bits - 1) / 65535, 6)]
        tried.append((f"a window of {bits} bits of 16", {"intensity": "window", "window": window}))
    for words, changes in tried:
        if _apart(contract, contract.model_copy(update=changes), images) > _ALIKE:
            yield words, changes


def depth(images: Sequence[Image]) -> int | None:
    """Return the bits that films of 16 hold, if they are fewer and all films are of 16."""
    if any(image.dtype != np.uint16 for image in images):
        return None
    top = max(int(image.max()) for image in images)
    return next((bits for bits in _DEPTHS if top < 2**bits), None)


def stored(images: Sequence[Image]) -> str:
    """Return what films hold, in words: their bits and values."""
    kinds = sorted({8 * image.dtype.itemsize for image in images})
    low, high = min(int(image.min()) for image in images), max(int(image.max()) for image in images)
    return f"films of {' and '.join(map(str, kinds))} bits with values {low} to {high}"


def _apart(first: InputContract, second: InputContract, images: Sequence[Image]) -> float:
    """Return how far the ends of two readings are apart, in spans of the narrower, as the mean over the films."""
    found = []
    for image in images:
        (low, high), (other_low, other_high) = _ends(first, image), _ends(second, image)
        span = min(high - low, other_high - other_low)
        found.append(max(abs(low - other_low), abs(high - other_high)) / span if span > 0 else 0.0)
    return float(np.mean(found))


def _ends(contract: InputContract, image: Image) -> tuple[float, float]:
    """Return what becomes the lower and the upper end of the value range, in shares of white."""
    if contract.intensity == "stored-range":
        return 0.0, 1.0
    if contract.intensity == "min-max":
        white = float(np.iinfo(image.dtype).max)
        return float(image.min()) / white, float(image.max()) / white
    low, high = contract.window or (0.0, 1.0)
    return low, high
