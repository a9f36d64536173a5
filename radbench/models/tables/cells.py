"""One cell of an answer table as a score or a label: decimal commas, true and false, and the words for no answer."""

import math
import re
from collections import Counter
from decimal import Decimal
from typing import Final

from radbench.errors import UsageError
from radbench.models.decode_scores import TOLERANCE
from radbench.models.tables.columns import Answering
from radbench.models.tables.rows import Cell, Row

_POINT: Final = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_COMMA: Final = re.compile(r"[+-]?(\d+,\d*|,\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE: Final = re.compile(r"[+-]?\d{1,18}([.,]0*)?", re.ASCII)

_ABSENT: Final = frozenset(
    "na n/a #n/a #na <na> nan -nan null none 1.#ind -1.#ind 1.#qnan -1.#qnan".split()  # noqa: SIM905 - read better
)
"""What pandas, R, Excel and Windows' C library write for a missing number, in small letters."""

_TRUTH: Final = {"true": True, "false": False}


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
