"""Boxes of a published table, row by row, as one mask reference a finding."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from radbench.data.sources.source import Problems
from radbench.data.sources.tables import number_or_none
from radbench.errors import UsageError

_FLAT: Final = "boxes without an area, left out"


def box_text(
    row: Mapping[str, str], columns: Sequence[str], kind: str, path: Path, number: int, problems: Problems
) -> str:
    """Return a row's box as a mask reference writes it; "" for none: four blank cells, or a box without an area.

    Args:
        row: cells by column.
        columns: the four columns in the order that ``kind`` names.
        kind: ``xywh`` or ``xyxy``, in pixels.
        path: the table, for the error.
        number: the row, for the error.
        problems: gains a box without an area.

    Raises:
        UsageError: some cells are blank or no numbers.
    """
    cells = [row[column] for column in columns]
    if not any(cells):
        return ""
    values = [number_or_none(cell) for cell in cells]
    if None in values:
        raise UsageError(
            f"The table {path}, row {number} has the box {', '.join(cells)!r}; expected four numbers "
            f"({', '.join(columns)}) or four empty cells; download it again."
        )
    left, top, third, fourth = (value for value in values if value is not None)
    width, height = (third, fourth) if kind == "xywh" else (third - left, fourth - top)
    if width <= 0 or height <= 0:
        problems.add(_FLAT, f"{path.name} row {number}")
        return ""
    return ",".join(cells)


def box_reference(boxes: Iterable[str], kind: str, size: str = "") -> str:
    """Return the reference of the union of boxes; ``size`` is the ``HEIGHTxWIDTH`` of the films that they are in."""
    return ";".join(boxes) + f"#box={kind}" + (f",size={size}" if size else "")
