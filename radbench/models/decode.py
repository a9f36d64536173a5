"""From a model's raw output to a prediction, by what its vendor declared of it; never by guessing.

Scores become probabilities (logits: sigmoid, or softmax over a model's classes), labels 0 and 1 for the target,
maps masks. What the model would not say (NaN, or an answer declared as indeterminate) is no answer. What the
declaration rules out is a failure of the model that names what was found and what was expected.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from radbench.models.base import Kind, ModelFailureError, Prediction
from radbench.models.preprocess import maps_to_size
from radbench.specs import ModelSpec

Values = NDArray[np.generic]
"""An output as the model gave it."""

TOLERANCE: Final = 1e-6
"""How far rounding may carry a declared probability out of [0, 1]."""

_SILENT: Final = -1


def decode(spec: ModelSpec, outputs: Mapping[str, Values], sizes: Sequence[tuple[int, ...]]) -> Prediction:
    """Return what a model said about N images.

    Args:
        spec: the declaration, narrowed to one task.
        outputs: every output by name, [N, ...] each; ``spec.output_names`` says which one answers (None: the first).
        sizes: height and width of the N images; all the same for a segmentation.

    Returns:
        probabilities, labels or masks; see ``Prediction``.

    Raises:
        ModelFailureError: an output that is not there, of another shape, number of classes, type or range than
            declared (kind "output").
    """
    name, values = of_wanted_output(spec, outputs)
    if values.ndim == 0 or len(values) != len(sizes):
        raise ModelFailureError(
            f"Model '{spec.name}' gave an output '{name}' of shape {shape_of(values)} for {len(sizes)} images, "
            "expected one entry an image."
        )
    labelled = spec.output == "labels"
    if spec.task != "segmentation":
        kind: Kind = "labels" if labelled else "probabilities"
        return Prediction(kind, labels(spec, name, values) if labelled else scores(spec, name, values))
    if not sizes:
        return Prediction("masks", np.zeros((0, 0, 0), np.bool_))
    maps = label_map(spec, name, values) if labelled else map_scores(spec, name, values)
    height, width = sizes[0]
    point = 0.5 if labelled else spec.operating_point
    return Prediction("masks", maps_to_size(maps, spec.input, (height, width)) >= point)


def scores(spec: ModelSpec, name: str, values: Values) -> NDArray[np.float64]:
    """Return the target's score of every image, float64 [N] in [0, 1], NaN for no answer.

    Raises:
        ModelFailureError: another number of columns than classes, no numbers, or scores out of range.
    """
    found = numbers(spec, name, table(spec, name, values))
    if found.shape[1] != columns(spec.classes):
        raise wrong_count(spec, name, found)
    silent = _silent(spec, found)
    exclusive = spec.task == "multiclass" or (spec.task == "binary" and found.shape[1] > 1)
    answer = probabilities(spec, name, np.where(silent[:, None], np.nan, found), exclusive=exclusive)
    return answer[:, column(spec)]


def map_scores(spec: ModelSpec, name: str, values: Values) -> NDArray[np.float64]:
    """Return the target's score of every pixel, float64 [N, h, w] in [0, 1].

    Raises:
        ModelFailureError: another number of maps than declared, no numbers, NaN, or scores out of range.
    """
    found = numbers(spec, name, maps(spec, name, values))
    if np.isnan(found).any():
        raise ModelFailureError(
            f"Model '{spec.name}' gave a map in '{name}' that is not finite (NaN), expected a number for every pixel."
        )
    return probabilities(spec, name, found, exclusive=found.shape[1] > 1)[:, column(spec)]


def probabilities(
    spec: ModelSpec, name: str, found: NDArray[np.float64], *, exclusive: bool
) -> NDArray[np.float64]:
    """Return [N, K, ...] in [0, 1] by the declared output; ``exclusive``: the K classes share one probability."""
    if spec.output == "logits":
        return _softmax(found) if exclusive else _sigmoid(found)
    outside = (found < -TOLERANCE) | (found > 1 + TOLERANCE)
    if outside.any():
        raise ModelFailureError(
            f"Model '{spec.name}' gave scores outside [0, 1] in '{name}' ({found[outside][0]:g} among them) although "
            f"its output is declared as {spec.output}; declare it as logits if that is what it gives."
        )
    return found.clip(0.0, 1.0)


def _silent(spec: ModelSpec, found: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return [N], whether an image's scores are a declared way to say nothing."""
    numbered = [float(answer) for answer in spec.indeterminate if isinstance(answer, int)]
    silent = np.isin(found[:, column(spec)], numbered)
    rejecting = [index for index, name in enumerate(spec.classes) if name in spec.indeterminate]
    if spec.task == "multiclass" and rejecting:
        silent |= np.isin(found.argmax(axis=1), rejecting)
    return silent


def _sigmoid(values: NDArray[np.float64]) -> NDArray[np.float64]:
    small = np.exp(-np.abs(values))
    share: NDArray[np.float64] = np.where(values >= 0, 1.0, small) / (1.0 + small)
    return share


def _softmax(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Over axis 1; NaN where a value is NaN or more than one is infinite."""
    with np.errstate(invalid="ignore"):
        share = np.exp(values - values.max(axis=1, keepdims=True))
        return np.asarray(share / share.sum(axis=1, keepdims=True))


def labels(spec: ModelSpec, name: str, values: Values) -> NDArray[np.int64]:
    """Return the target's label of every image, int64 [N]: 1, 0, or -1 for no answer.

    One column holds class numbers or class names (of a model without ``classes``: 1, 0 or the target's name); a
    column a class holds a yes or no each (multi-label), or the class with the highest number is the answer.

    Raises:
        ModelFailureError: another number of columns than 1 or the classes, or an answer that names no class.
    """
    found = table(spec, name, values)
    names = spec.classes if len(spec.classes) > 1 else []
    if found.shape[1] not in {1, columns(names)} or (
        spec.task == "multilabel" and found.shape[1] != columns(names)
    ):
        raise wrong_count(spec, name, found)
    if spec.task == "multilabel":
        return np.array([_label(spec, row, []) for row in found[:, column(spec)].tolist()], np.int64)
    if found.shape[1] == 1:
        return np.array([_label(spec, row, names) for row in found[:, 0].tolist()], np.int64)
    ranks = numbers(spec, name, found)
    chosen = np.where(np.isnan(ranks).any(axis=1), np.nan, ranks.argmax(axis=1))
    return np.array([_label(spec, row, names) for row in chosen.tolist()], np.int64)


def label_map(spec: ModelSpec, name: str, values: Values) -> NDArray[np.float64]:
    """Return 1 inside and 0 outside the target, float64 [N, h, w], from class numbers or from a yes and no a class.

    Raises:
        ModelFailureError: another number of maps, or values that are no class number.
    """
    found = numbers(spec, name, maps(spec, name, values))
    count = columns(spec.mask_classes)
    numbered = found.shape[1] == 1 and count > 1
    allowed = range(count) if numbered else range(2)
    strange = ~np.isin(found, list(allowed))
    if strange.any():
        raise ModelFailureError(
            f"Model '{spec.name}' gave a map in '{name}' with the value {found[strange][0]:g}, expected whole numbers "
            f"from 0 to {allowed[-1]}."
        )
    return np.asarray(found[:, 0] == column(spec) if numbered else found[:, column(spec)] == 1, np.float64)


def _label(spec: ModelSpec, answer: object, names: Sequence[str]) -> int:
    """Return one answer's label; ``names`` are the classes that a number counts, none for 0 and 1."""
    if answer is None or answer != answer:  # noqa: PLR0124 - NaN is not itself
        return _SILENT
    if isinstance(answer, bytes):
        answer = answer.decode(errors="replace")
    if isinstance(answer, float | bool) and float(answer).is_integer():
        answer = int(answer)
    called = names[answer] if isinstance(answer, int) and 0 <= answer < len(names) else answer
    if answer in spec.indeterminate or called in spec.indeterminate:
        return _SILENT
    if not names:
        if answer in {0, 1, "0", "1"}:
            return int(str(answer))
        expected = f"0, 1 or '{spec.wanted}'"
    else:
        expected = f"one of {', '.join(names)} or their numbers from 0"
    if called not in (names or [spec.wanted]):
        raise ModelFailureError(
            f"Model '{spec.name}' answered {answer!r:.60}, expected {expected}; declare an answer that means "
            "'cannot say' as indeterminate."
        )
    return int(called == spec.wanted)


def wanted_output(spec: ModelSpec) -> str | None:
    """Return the name of the output that the declaration says to read; None where it leaves that open."""
    names = spec.output_names
    return names.segmentation if spec.task == "segmentation" else names.classification


def of_wanted_output(spec: ModelSpec, outputs: Mapping[str, Values]) -> tuple[str, Values]:
    """Return name and values of the declared output, or of the first where none is declared.

    Raises:
        ModelFailureError: there is none, or none of the declared name.
    """
    wanted = wanted_output(spec) or next(iter(outputs), None)
    if wanted is None or wanted not in outputs:
        found = ", ".join(f"'{name}'" for name in outputs) or "none"
        raise ModelFailureError(
            f"Model '{spec.name}' gave the outputs {found}, expected one called '{wanted}' by output_names."
        )
    return wanted, np.asarray(outputs[wanted])


def table(spec: ModelSpec, name: str, values: Values) -> Values:
    """Return a classification's output as [N, columns]; axes of length 1 behind the columns are dropped.

    Raises:
        ModelFailureError: an output of more axes.
    """
    flat = values.reshape(len(values), -1) if values.ndim != 2 else values
    if values.ndim > 2 and (values.shape[1:] != flat.shape[1:] + (1,) * (values.ndim - 2)):
        raise wrong_shape(spec, name, values, f"one of [N, {columns(spec.classes)}]")
    return flat


def maps(spec: ModelSpec, name: str, values: Values) -> Values:
    """Return a segmentation's output as [N, maps, h, w].

    Raises:
        ModelFailureError: an output of other axes, or with another number of maps than declared.
    """
    count = columns(spec.mask_classes)
    if values.ndim == 3:
        values = values[:, None]
    elif values.ndim == 4 and spec.input.layout == "NHWC" and values.shape[3] in {1, count}:
        values = np.moveaxis(values, 3, 1)
    if values.ndim != 4 or 0 in values.shape[2:]:
        raise wrong_shape(spec, name, values, f"one of [N, {count}, height, width]")
    if values.shape[1] != count and not (spec.output == "labels" and values.shape[1] == 1):
        raise wrong_count(spec, name, values)
    return values


def columns(names: Sequence[str]) -> int:
    """Return how many columns (or maps) the declaration asks for; 1 where it names no class."""
    return len(names) or 1


def classes_of(spec: ModelSpec) -> list[str]:
    """Return the declared names of what the model's columns (or maps) stand for; [] where there is but one."""
    return spec.mask_classes if spec.task == "segmentation" else spec.classes


def column(spec: ModelSpec) -> int:
    """Return the number of the target's column (or map)."""
    names = classes_of(spec)
    return names.index(spec.wanted) if names else 0


def numbers(spec: ModelSpec, name: str, values: Values) -> NDArray[np.float64]:
    """Return values as float64.

    Raises:
        ModelFailureError: an output that holds no real numbers.
    """
    if values.dtype.kind not in "fiub":
        raise ModelFailureError(
            f"Model '{spec.name}' gave an output '{name}' of type {values.dtype}, expected numbers."
        )
    return values.astype(np.float64)


def wrong_shape(spec: ModelSpec, name: str, values: Values, expected: str) -> ModelFailureError:
    """Return the failure of an output of another shape."""
    return ModelFailureError(
        f"Model '{spec.name}' gave an output '{name}' of shape {shape_of(values)}, expected {expected}."
    )


def wrong_count(spec: ModelSpec, name: str, values: Values) -> ModelFailureError:
    """Return the failure of an output with another number of classes than declared."""
    field, what = ("mask_classes", "maps") if spec.task == "segmentation" else ("classes", "columns")
    names = classes_of(spec)
    declared = f"the {len(names)} declared {field} ({', '.join(names)})"
    return ModelFailureError(
        f"Model '{spec.name}' gave an output '{name}' of shape {shape_of(values)}, which has {values.shape[1]} {what}, "
        f"expected {declared if names else f'one, as no {field} are declared'}."
    )


def shape_of(values: Values) -> str:
    """Return a shape as people write it."""
    return str(list(values.shape))
