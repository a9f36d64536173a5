"""A table's answers by image, decoded as the vendor declared them; every fault with the file and the line.

``answering`` says which columns answer, ``Cells`` reads a cell as a score or a label: decimal commas, true and false,
and the words for no answer.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError, did_you_mean
from radbench.models.adapters.table_file import HASH, Cell, Row, open_table
from radbench.models.base import ModelFailureError, Prediction
from radbench.models.decode import TOLERANCE, decode
from radbench.specs import ModelSpec
from radbench.specs.model import OutputNames

SCORE: Final = "score"
LABEL: Final = "label"

_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_POINT: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_COMMA: Final = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}([.,]0*)?", re.ASCII)

_ABSENT: Final = frozenset(
    "na n/a #n/a #na <na> nan -nan null none 1.#ind -1.#ind 1.#qnan -1.#qnan".split()  # noqa: SIM905 - read better
)
"""What pandas, R, Excel and Windows' C library write for a missing number, in small letters."""

_TRUTH: Final = {"true": True, "false": False}


@dataclass(frozen=True)
class Answering:
    """The columns that answer.

    Attributes:
        columns: their names, in the order of the classes where there are several.
        spec: the declaration by which they are decoded: with its classes, or with the target alone.
    """

    columns: tuple[str, ...]
    spec: ModelSpec


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
    plain = spec.model_copy(update={"output_names": OutputNames()})
    alone = named or usual
    if named is not None and named not in header:
        raise _missing(path, f"'{named}', which output_names declares", named, header)
    if alone not in header and spec.classes and set(spec.classes) <= set(header):
        return Answering(tuple(spec.classes), plain)
    if alone not in header and spec.wanted not in header:
        each = f", or one for each class ({', '.join(spec.classes)})" if spec.classes else ""
        raise _missing(path, f"'{usual}'{each}", usual, header)
    if alone in header and usual == LABEL and spec.task != "multilabel":
        return Answering((alone,), plain)
    column = alone if alone in header else spec.wanted
    if spec.task == "multiclass" and spec.output == "logits":
        raise UsageError(
            f"{path} gives one logit, '{column}', of a multi-class model, expected one column for each class "
            f"({', '.join(spec.classes)}) or probabilities."
        )
    return Answering((column,), plain.model_copy(update={"classes": [], "task": "binary"}))


def _missing(path: Path, wanted: str, name: str, header: Sequence[str]) -> UsageError:
    shown = "".join(letter if letter.isprintable() else "?" for letter in ", ".join(header)[:200])
    return UsageError(
        f"{path} has the columns {shown}, expected a column {wanted}.{did_you_mean(name, header)}"
    )


class Cells:
    """Reads the cells that answer, and remembers how: one table has one decimal sign, a column one kind of answer.

    Args:
        asked: the columns that answer, and the declaration that decodes them.
    """

    def __init__(self, asked: Answering) -> None:
        self._spec = asked.spec
        several = len(asked.columns) > 1 and asked.spec.task != "multilabel"
        self.numeric = asked.spec.output != "labels" or several
        """Whether every answer is a number: a score, or (of labels in a column a class) a class's yes and no."""
        self._classes = {name.casefold() for name in (*asked.spec.classes, asked.spec.wanted)}
        self._sign: tuple[str, str] | None = None
        self._kinds: dict[str, tuple[bool, str]] = {}
        self._absent: Counter[str] = Counter()

    @property
    def notes(self) -> list[str]:
        """What was read otherwise than it is written, in words."""
        found = [
            f"'{word}' is read as no answer ({count} {'time' if count == 1 else 'times'})"
            for word, count in self._absent.items()
        ]
        if self._sign is not None and self._sign[0] == ",":
            found.insert(0, "numbers with a decimal comma")
        flags = [column for column, (truth, _) in self._kinds.items() if truth]
        return [*found, *(f"true and false in '{column}' are read as 1 and 0" for column in flags)]

    def read(self, row: Row, column: str) -> object:
        """Return a label as it is or as a whole number, a score as a float, NaN for no answer.

        Raises:
            UsageError: no number, a number outside [0, 1] where that is declared, two decimal signs in one table, or
                true and false where they do not say which class is meant.
        """
        cell = row.cells.get(column)
        if cell is None or (isinstance(cell, str) and cell in self._spec.indeterminate):
            return math.nan
        if isinstance(cell, str):
            if cell.casefold() in _ABSENT and cell.casefold() not in self._classes:
                self._absent[cell] += 1
                return math.nan
            if cell.casefold() in _TRUTH and cell.casefold() not in self._classes:
                cell = _TRUTH[cell.casefold()]
        self._one_kind(row, column, cell)
        if isinstance(cell, bool):
            return self._truth(row, column, cell)
        return self._score(row, column, cell) if self.numeric else self._label(row, column, cell)

    def _one_kind(self, row: Row, column: str, cell: Cell) -> None:
        truth = isinstance(cell, bool)
        first, where = self._kinds.setdefault(column, (truth, row.where))
        if first != truth:
            raise UsageError(
                f"{row.where}: {column} is {cell!r:.80}, and {'true or false' if first else 'no true or false'} before "
                f"({where}), expected one kind of answer in a column."
            )

    def _truth(self, row: Row, column: str, truth: bool) -> object:
        spec = self._spec
        if spec.output == "logits":
            raise UsageError(f"{row.where}: {column} is {truth}, expected a logit: declare output: labels.")
        names = spec.classes if len(spec.classes) > 1 and not self.numeric else []
        if names and (len(names) > 2 or names.index(spec.wanted) != 1):
            raise UsageError(
                f"{row.where}: {column} is {truth}, which does not say which of {', '.join(names)} is meant; expected "
                "a name or its number from 0."
            )
        return float(truth) if self.numeric else int(truth)

    def _score(self, row: Row, column: str, cell: Cell) -> float:
        try:
            score = self._number(row, column, cell) if isinstance(cell, str) else float(cell or 0.0)
        except OverflowError:
            score = math.inf
        if math.isinf(score):
            raise UsageError(
                f"{row.where}: {column} is {cell!r:.80}, expected a number, or nothing for no answer."
            )
        bounded = (
            self._spec.output in {"probabilities", "calibrated"} and score not in self._spec.indeterminate
        )
        if bounded and not math.isnan(score) and not -TOLERANCE <= score <= 1 + TOLERANCE:
            raise UsageError(
                f"{row.where}: {column} is {score:g}, expected a number from 0 to 1, as the output is declared as "
                f"{self._spec.output}."
            )
        return score

    def _label(self, row: Row, column: str, cell: Cell) -> object:
        if isinstance(cell, Decimal):
            return float(cell)
        if not isinstance(cell, str) or cell in self._spec.classes:
            return cell
        if not _WHOLE.fullmatch(cell):
            return cell
        return int(self._number(row, column, cell))

    def _number(self, row: Row, column: str, cell: str) -> float:
        """Return a text's number; infinite where it is none."""
        signs = [sign for sign, form in ((".", _POINT), (",", _COMMA)) if form.fullmatch(cell)]
        if not signs:
            return math.inf
        if "." in cell or "," in cell:
            first, where = self._sign = self._sign or (signs[0], row.where)
            if first != signs[0]:
                words = {".": "decimal points", ",": "decimal commas"}
                raise UsageError(
                    f"{row.where}: {column} is '{cell}', and the table has {words[first]} before ({where}), expected "
                    "one decimal sign in a table."
                )
        return float(cell.replace(",", "."))
