"""A table's answers by image, decoded as the vendor declared them; every fault with the file and the line."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.models.base import ModelFailureError, Prediction
from radbench.models.decode import decode
from radbench.models.tables.cells import Cells
from radbench.models.tables.columns import HASH, Answering, answering
from radbench.models.tables.reading import open_table
from radbench.models.tables.rows import Row
from radbench.specs import ModelSpec

_SHA256: Final = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Answers:
    """What a table says of every image that it names.

    Attributes:
        path: the table.
        numbers: an image's SHA-256 -> the number of its row, from 0.
        places: file and line of each row, as errors begin.
        prediction: the decoded answers, one a row.
        notes: how the table is read where that is not plain (delimiter, decimal comma, words for no answer).
    """

    path: Path
    numbers: Mapping[str, int]
    places: Sequence[str]
    prediction: Prediction
    notes: Sequence[str] = ()

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
        path: a CSV (parted by commas, semicolons, tabs or bars), JSON Lines or Parquet file with the column
            ``image_sha256`` and those that ``answering`` names.
        spec: the declaration, narrowed to one task.

    Raises:
        UsageError: no such table or column, an image named twice, a value that is no SHA-256, no number, outside
            [0, 1] where that is declared, or no class; the sentence names file and line.
    """
    table = open_table(path)
    asked = answering(path, spec, table.columns)
    reader = Cells(asked)
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
        cells.append([reader.read(row, column) for column in asked.columns])
    dtype = np.float64 if reader.numeric else object
    values = np.array(cells, dtype).reshape(len(cells), len(asked.columns))
    return Answers(path, numbers, places, _decoded(asked, values, places), [*table.notes, *reader.notes])


def _key(row: Row) -> str:
    found = row.cells.get(HASH)
    key = found.lower() if isinstance(found, str) else ""
    if not _SHA256.fullmatch(key):
        raise UsageError(
            f"{row.where}: {HASH} is {found!r:.80}, expected the 64 hexadecimal digits of the manifest."
        )
    return key


def _decoded(asked: Answering, values: NDArray[np.generic], places: Sequence[str]) -> Prediction:
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
