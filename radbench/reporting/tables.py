"""``metrics.csv``: one figure a row, with the same numbers as the report and the JSON."""

import csv
import io

from radbench.audit.result import AuditResult
from radbench.audit.rows import COLUMNS


def metrics_csv(result: AuditResult) -> bytes:
    r"""Return the tidy table as UTF-8 CSV (comma, ``\n``); an undefined figure is an empty cell.

    Columns: model, shift, scenario, arm, metric, n, value, low, high. Numbers are written in full,
    so reading them gives the very floats of ``result.json``.
    """
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(["" if cell is None else cell for cell in row] for row in result.to_rows())
    return buffer.getvalue().encode("utf-8")
