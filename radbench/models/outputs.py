"""Which of a model's outputs answers, in which shape, and the sentence for one that cannot."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from radbench.models.base import ModelFailureError
from radbench.specs import ModelSpec

Values = NDArray[np.generic]
"""An output as the model gave it."""


def of_wanted_output(spec: ModelSpec, outputs: Mapping[str, Values]) -> tuple[str, Values]:
    """Return name and values of the declared output, or of the first where none is declared.

    Raises:
        ModelFailureError: there is none, or none of the declared name.
    """
    names = spec.output_names
    wanted = names.segmentation if spec.task == "segmentation" else names.classification
    if wanted is None and outputs:
        wanted = next(iter(outputs))
    if wanted is None or wanted not in outputs:
        found = ", ".join(f"'{name}'" for name in outputs) or "none"
        raise ModelFailureError(
            f"Model '{spec.name}' gave the outputs {found}, expected one called '{wanted}' by output_names.",
            kind="output",
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
        raise wrong_count(spec, name, values, "mask_classes", spec.mask_classes)
    return values


def columns(names: Sequence[str]) -> int:
    """Return how many columns (or maps) the declaration asks for; 1 where it names no class."""
    return len(names) or 1


def column(spec: ModelSpec) -> int:
    """Return the number of the target's column (or map)."""
    names = spec.mask_classes if spec.task == "segmentation" else spec.classes
    return names.index(spec.wanted) if names else 0


def numbers(spec: ModelSpec, name: str, values: Values) -> NDArray[np.float64]:
    """Return values as float64.

    Raises:
        ModelFailureError: an output that holds no real numbers.
    """
    if values.dtype.kind not in "fiub":
        raise ModelFailureError(
            f"Model '{spec.name}' gave an output '{name}' of type {values.dtype}, expected numbers.",
            kind="output",
        )
    return values.astype(np.float64)


def wrong_shape(spec: ModelSpec, name: str, values: Values, expected: str) -> ModelFailureError:
    """Return the failure of an output of another shape."""
    return ModelFailureError(
        f"Model '{spec.name}' gave an output '{name}' of shape {shape_of(values)}, expected {expected}.",
        kind="output",
    )


def wrong_count(
    spec: ModelSpec, name: str, values: Values, field: str, names: Sequence[str]
) -> ModelFailureError:
    """Return the failure of an output with another number of classes than declared."""
    expected = columns(names)
    declared = (
        f"the {expected} declared {field} ({', '.join(names)})"
        if names
        else f"one, as no {field} are declared"
    )
    what = "maps" if field == "mask_classes" else "columns"
    return ModelFailureError(
        f"Model '{spec.name}' gave an output '{name}' of shape {shape_of(values)}, which has {values.shape[1]} {what}, "
        f"expected {declared}.",
        kind="output",
    )


def shape_of(values: Values) -> str:
    """Return a shape as people write it."""
    return str(list(values.shape))
