"""Labels as a model gives them (class numbers, class names, or a yes and no a class) to 0, 1 and no answer."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from radbench.models.base import ModelFailureError
from radbench.models.outputs import Values, column, columns, maps, numbers, table, wrong_count
from radbench.specs import ModelSpec

_SILENT = -1


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
        raise wrong_count(spec, name, found, "classes", spec.classes)
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
            f"from 0 to {allowed[-1]}.",
            kind="output",
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
        return _yes_or_no(spec, answer)
    if called not in names:
        raise _strange(spec, answer, f"one of {', '.join(names)} or their numbers from 0")
    return int(called == spec.wanted)


def _yes_or_no(spec: ModelSpec, answer: object) -> int:
    if answer in {0, 1, "0", "1"}:
        return int(str(answer))
    if answer == spec.wanted:
        return 1
    raise _strange(spec, answer, f"0, 1 or '{spec.wanted}'")


def _strange(spec: ModelSpec, answer: object, expected: str) -> ModelFailureError:
    return ModelFailureError(
        f"Model '{spec.name}' answered {answer!r:.60}, expected {expected}; declare an answer that means "
        "'cannot say' as indeterminate.",
        kind="output",
    )
