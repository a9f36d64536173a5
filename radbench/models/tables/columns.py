"""Which columns of a table answer, and how the model is then to be read."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from radbench.errors import UsageError, did_you_mean
from radbench.specs import ModelSpec
from radbench.specs.model import OutputNames

HASH: Final = "image_sha256"
"""The column that says which image a row is about."""

SCORE: Final = "score"
LABEL: Final = "label"


@dataclass(frozen=True)
class Answering:
    """The columns that answer.

    Attributes:
        columns: their names, in the order of the classes where there are several.
        spec: the declaration by which they are decoded: with its classes, or with the target alone.
    """

    columns: tuple[str, ...]
    spec: ModelSpec


def answering(path: Path, spec: ModelSpec, header: Sequence[str]) -> Answering:
    """Return which columns of a table answer for a classifier.

    The column that ``output_names`` declares; else ``score`` (or ``label``, of a model that gives labels only), which
    is the target's; else one column a class; else the target's own column.

    Raises:
        UsageError: the table has no such column, no ``image_sha256``, or gives a multi-class model's logits for one
            class only.
    """
    if HASH not in header:
        raise _missing(path, f"'{HASH}'", HASH, header)
    named = spec.output_names.classification
    usual = LABEL if spec.output == "labels" else SCORE
    alone = next((name for name in (named or usual,) if name in header), None)
    if named is not None and alone is None:
        raise _missing(path, f"'{named}', which output_names declares", named, header)
    if alone is None and spec.classes and set(spec.classes) <= set(header):
        return Answering(tuple(spec.classes), _plain(spec))
    if alone is None and spec.wanted in header:
        return _target(path, spec, spec.wanted)
    if alone is None:
        wanted = f"'{usual}'" + (
            f", or one for each class ({', '.join(spec.classes)})" if spec.classes else ""
        )
        raise _missing(path, wanted, usual, header)
    if usual == LABEL and spec.task != "multilabel":
        return Answering((alone,), _plain(spec))
    return _target(path, spec, alone)


def _target(path: Path, spec: ModelSpec, column: str) -> Answering:
    if spec.task == "multiclass" and spec.output == "logits":
        raise UsageError(
            f"{path} gives one logit, '{column}', of a multi-class model, expected one column for each class "
            f"({', '.join(spec.classes)}) or probabilities."
        )
    return Answering((column,), _plain(spec).model_copy(update={"classes": [], "task": "binary"}))


def _plain(spec: ModelSpec) -> ModelSpec:
    return spec.model_copy(update={"output_names": OutputNames()})


def _missing(path: Path, wanted: str, name: str, header: Sequence[str]) -> UsageError:
    shown = "".join(letter if letter.isprintable() else "?" for letter in ", ".join(header)[:200])
    return UsageError(
        f"{path} has the columns {shown}, expected a column {wanted}.{did_you_mean(name, header)}"
    )
