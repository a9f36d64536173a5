"""A table's answers by image, decoded as the vendor declared them; every fault with the file and the line."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.base import ModelFailureError, Prediction
from radbench.models.decode import decode
from radbench.models.decode_scores import TOLERANCE
from radbench.models.tables.columns import HASH, Answering, answering
from radbench.models.tables.reading import Cell, Row, open_table
from radbench.specs import ModelSpec

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}(\.0*)?")


@dataclass(frozen=True)
class Answers:
    """What a table says of every image that it names.

    Attributes:
        path: the table.
        numbers: an image's SHA-256 -> the number of its row, from 0.
        places: file and line of each row, as errors begin.
        prediction: the decoded answers, one a row.
    """

    path: Path
    numbers: Mapping[str, int]
    places: Sequence[str]
    prediction: Prediction

    def of(self, keys: Sequence[str]) -> Prediction:
        """Return the answers to images by SHA-256; NaN (or -1) for those that the table does not name."""
        values = self.prediction.values
        silent = np.array([-1 if self.prediction.kind == "labels" else np.nan], values.dtype)
        known = np.concatenate([values, silent])
        rows = np.array([self.numbers.get(key, len(values)) for key in keys], np.int64)
        return Prediction(self.prediction.kind, known[rows])

    @property
    def silent(self) -> int:
        """How many rows give no answer."""
        values = self.prediction.values
        return int((values == -1).sum() if self.prediction.kind == "labels" else np.isnan(values).sum())


def read_answers(path: Path, spec: ModelSpec) -> Answers:
    """Read a classifier's table.

    Args:
        path: a CSV, JSON Lines or Parquet file with the column ``image_sha256`` and those that ``answering`` names.
        spec: the declaration, narrowed to one task.

    Raises:
        UsageError: no such table or column, an image named twice, a value that is no SHA-256, no number, outside
            [0, 1] where that is declared, or no class; the sentence names file and line.
    """
    table = open_table(path)
    asked = answering(path, spec, table.columns)
    numbers: dict[str, int] = {}
    places: list[str] = []
    cells: list[list[object]] = []
    for row in table.rows:
        key = _key(row)
        if key in numbers:
            raise UsageError(
                f"{row.where}: image {key[:12]}... was answered before ({places[numbers[key]]}), "
                "expected one row an image."
            )
        numbers[key] = len(places)
        places.append(row.where)
        cells.append([_value(row, column, asked.spec) for column in asked.columns])
    return Answers(path, numbers, places, _decoded(asked, cells, places))


def _key(row: Row) -> str:
    found = row.cells.get(HASH)
    key = found.lower() if isinstance(found, str) else ""
    if not _SHA256.fullmatch(key):
        raise UsageError(
            f"{row.where}: {HASH} is {found!r:.80}, expected the 64 hexadecimal digits of the manifest."
        )
    return key


def _value(row: Row, column: str, spec: ModelSpec) -> object:
    """Return one cell: a label as it is or as a whole number, a score as a float; NaN for no answer."""
    cell = row.cells.get(column)
    if cell is None or (isinstance(cell, str) and cell in spec.indeterminate):
        return math.nan
    if spec.output == "labels":
        return _label(cell, spec)
    try:
        score = math.nan if isinstance(cell, bool) else float(cell)
    except (ValueError, OverflowError):
        score = math.inf
    if isinstance(cell, bool) or math.isinf(score):
        raise UsageError(
            f"{row.where}: {column} is {cell!r:.80}, expected a number (with a point), or nothing for no answer."
        )
    bounded = spec.output != "logits" and score not in spec.indeterminate
    if bounded and not math.isnan(score) and not -TOLERANCE <= score <= 1 + TOLERANCE:
        raise UsageError(
            f"{row.where}: {column} is {score:g}, expected a number from 0 to 1, as the output is declared as "
            f"{spec.output}."
        )
    return score


def _label(cell: Cell, spec: ModelSpec) -> object:
    if isinstance(cell, Decimal):
        return float(cell)
    if not isinstance(cell, str) or cell in spec.classes:
        return cell
    if cell.lower() == "nan":
        return math.nan
    return int(float(cell)) if _WHOLE.fullmatch(cell) else cell


def _decoded(asked: Answering, cells: list[list[object]], places: Sequence[str]) -> Prediction:
    labelled = asked.spec.output == "labels"
    width = len(asked.columns)
    values = np.array(cells, object if labelled else np.float64).reshape(len(cells), width)
    try:
        return _decode(asked, values)
    except ModelFailureError as error:
        for number, place in enumerate(places):
            try:
                _decode(asked, values[number : number + 1])
            except ModelFailureError as fault:
                raise UsageError(f"{place}: {fault}") from fault
        raise UsageError(f"{asked.columns[0]}: {error}") from error


def _decode(asked: Answering, values: NDArray[np.generic]) -> Prediction:
    return decode(asked.spec, {asked.columns[0]: values}, [(1, 1)] * len(values))
