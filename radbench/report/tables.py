r"""The CSV files beside a report: the same numbers as the page and ``result.json``, one thing a row.

UTF-8, comma, ``\n``; an undefined figure is an empty cell, and numbers are written in full, so that reading them
gives the very floats of ``result.json``. A text that a spreadsheet would run as a formula is quoted by an apostrophe.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from radbench.errors import UsageError
from radbench.harness.result import AuditResult, Estimate
from radbench.harness.result.words import COLUMNS, metric_rows

if TYPE_CHECKING:
    import pandas as pd

Row = Sequence[Any]
_BOUNDS = ("value", "low", "high")
HEADERS: Final[Mapping[str, tuple[str, ...]]] = {
    "metrics": COLUMNS,
    "cases": ("case", "patient", "model", "scenario", "arm", "label", "score", "decision", "value"),
    "tests": ("model", "shift", "scenario", "subgroup", "test", "n", "p", "p_holm", "family", "note"),
    "subgroups": (
        *("model", "shift", "column", "value", "n", "patients", "small"),
        *(f"{name}_{bound}" for name in ("real", "stress", "drop") for bound in _BOUNDS),
        *("p", "p_holm"),
    ),
    "gates": (*("shift", "model", "rule", "sense", "limit", "verdict", "n", *_BOUNDS, "reason", "why"),),
    "doses": (
        *("model", "shift", "scenario", "factor", "setting", "main", "n"),
        *(f"{name}_{bound}" for name in ("primary", "score_change") for bound in _BOUNDS),
        "change_edit",
    ),
    "anchors": (
        *("model", "shift", "scenario", "n", "patients", "margin"),
        *(f"{name}_{bound}" for name in ("anchor", "stress", "difference") for bound in _BOUNDS),
        *("difference_low_90", "difference_high_90", "p", "verdict"),
        *(f"{name}_{bound}" for name in ("combined", "drop") for bound in _BOUNDS),
        *("belief", "borrowed", "shared", "reason"),
    ),
    "attrition": ("shift", "scenario", "stage", "reason", "n"),
    "calibration": ("model", "shift", "arm", "from", "to", "n", "mean_score", "positive"),
    "claims": (
        *("model", "metric", "claimed", "claimed_low", "claimed_high", "population", "n", *_BOUNDS),
        *("verdict", "reason"),
    ),
    "comparisons": (
        *("shift", "first", "second", "n"),
        *(f"{name}_{bound}" for name in ("difference", "drop_difference") for bound in _BOUNDS),
        *("p", "p_holm"),
    ),
    "preflight": ("model", "check", "level", "declared", "observed", "meaning", "forced"),
    "case_mix": (
        *(
            "shift",
            "column",
            "value",
            "reference",
            "against",
            "reference_share",
            "against_share",
            "difference",
        ),
        *("common_share", "reweighted_share", "difference_after"),
    ),
    "strata": ("shift", "stratum", "reference", "against", "weight"),
}
"""The tables and their columns."""
TABLES: Final = tuple(f"{name}.csv" for name in HEADERS)
"""The files that may stand beside a report; all but ``metrics.csv`` only where they have a row."""


def tables(result: AuditResult) -> dict[str, bytes]:
    """Return every table that has a row, and ``metrics.csv`` always, by file name."""
    found = {f"{name}.csv": table(*content(result, name)) for name in HEADERS}
    return {name: data for name, data in found.items() if name == "metrics.csv" or data.count(b"\n") > 1}


def content(result: AuditResult, name: str) -> tuple[Row, Iterable[Row]]:
    """Return the header and the rows of the table ``name``.

    Raises:
        UsageError: There is no such table.
    """
    if name not in _ROWS:
        raise UsageError(f"There is no table '{name}', expected one of {', '.join(HEADERS)}.")
    header = HEADERS[name]
    if name == "cases":
        header = (*header, *_figures(result), *(("weight",) if _has_weights(result) else ()))
    if name == "subgroups" and result.is_natural:
        header = tuple(part.replace("stress", result.judged) for part in header)
    return header, _ROWS[name](result)


def frame(result: AuditResult, name: str) -> "pd.DataFrame":
    """Return the table ``name`` as a data frame, with numbers as numbers and None where a figure is undefined.

    Raises:
        UsageError: There is no such table.
    """
    import pandas as pd

    header, rows = content(result, name)
    return pd.DataFrame.from_records([tuple(row) for row in rows], columns=list(header))


def table(header: Row, rows: Iterable[Row]) -> bytes:
    """Return one table as the bytes of a CSV file."""
    import pandas as pd

    cells = [
        [safe_cell(cell) for cell in row] for row in rows
    ]  # objects: a count beside an empty cell stays whole
    return (
        pd.DataFrame(cells, columns=list(header), dtype=object)
        .to_csv(index=False, lineterminator="\n")
        .encode()
    )


def safe_cell(cell: Any) -> Any:
    """Return a cell as it is written: nothing for None, yes or no, and no text that a spreadsheet would run."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    if not isinstance(cell, str):
        return cell
    words = cell.replace("\r", " ")  # which the csv module would leave bare
    return f"'{words}" if words[:1] in {"=", "+", "-", "@", "\t"} else words


def _three(estimate: Estimate | None) -> tuple[float | None, float | None, float | None]:
    return (None, None, None) if estimate is None else (estimate.value, estimate.low, estimate.high)


def _cells(of: Any, names: str) -> Iterator[Any]:
    """Return the attributes that are named; of one with a star, an estimate, its three figures."""
    for name in names.split():
        found = getattr(of, name.removesuffix("*"))
        yield from _three(found) if name.endswith("*") else (found,)


def _of_models(field: str, names: str) -> Callable[[AuditResult], Iterator[Row]]:
    """Return what makes a row of each entry of a model's list: model, shift and the attributes that are named."""
    return lambda result: (
        (model.name, result.shift.name, *_cells(one, names))
        for model in result.models
        for one in getattr(model, field)
    )


def _figures(result: AuditResult) -> list[str]:
    return list(dict.fromkeys(name for case in result.cases for name in case.figures))


def _cases(result: AuditResult) -> Iterator[Row]:
    names = "study_id patient_id model scenario arm label score decision value"
    figures, last = _figures(result), " weight" if _has_weights(result) else ""
    return (
        (*_cells(case, names), *map(case.figures.get, figures), *_cells(case, last)) for case in result.cases
    )


def _has_weights(result: AuditResult) -> bool:
    return any(case.weight is not None for case in result.cases)


def _case_mix(result: AuditResult) -> Iterator[Row]:
    names = "column value reference against reference_share against_share difference common_share reweighted_share"
    for row in [] if result.case_mix is None else result.case_mix.rows:
        yield (result.shift.name, *_cells(row, f"{names} difference_after"))


def _strata(result: AuditResult) -> Iterator[Row]:
    found = None if result.case_mix is None else result.case_mix.reweighting
    for one in [] if found is None else found.strata:
        stratum = ", ".join(f"{column}={value}" for column, value in one.values.items())
        yield (result.shift.name, stratum, *_cells(one, "reference against weight"))


def _gates(result: AuditResult) -> Iterator[Row]:
    for one in result.gates:
        n = None if one.estimate is None else one.estimate.n
        head = _cells(one, "shift model rule sense limit")
        yield (*head, one.verdict.value, n, *_cells(one, "estimate* reason why"))


def _attrition(result: AuditResult) -> Iterator[Row]:
    shift = result.shift.name
    for reason, number in result.testset.attrition.items():
        yield shift, "all", "plan", reason, number
    for row in result.attrition:
        yield shift, row.scenario, "eligible", "", row.eligible
        yield shift, row.scenario, "edited", "", row.edited
        for reason, number in row.rejected.items():
            yield shift, row.scenario, "rejected", reason, number
        yield shift, row.scenario, "failed", "", row.failed
        yield shift, row.scenario, "kept", "", row.kept


def _claims(result: AuditResult) -> Iterator[Row]:
    for model in result.models:
        for one in model.claims:
            n = None if one.measured is None else one.measured.n
            head = _cells(one, "metric claimed claimed_low claimed_high population")
            yield (model.name, *head, n, *_cells(one, "measured* verdict reason"))


def _comparisons(result: AuditResult) -> Iterator[Row]:
    for one in result.comparisons:
        place = (result.shift.name, one.first, one.second, one.difference.n)
        yield (*place, *_cells(one, "difference* drop_difference* p p_holm"))


def _preflight(result: AuditResult) -> Iterator[Row]:
    for model in result.models:
        for one in model.preflight:
            yield (model.name, *_cells(one, "check level declared observed meaning"), model.forced)


_ROWS: Final[Mapping[str, Callable[[AuditResult], Iterable[Row]]]] = {
    "metrics": metric_rows,
    "cases": _cases,
    "tests": _of_models("tests", "scenario subgroup test n p p_holm family note"),
    "subgroups": _of_models("subgroups", "column value n patients small real* stress* drop* p p_holm"),
    "gates": _gates,
    "doses": _of_models("dose", "scenario factor value main n primary* score_change* change_edit"),
    "anchors": _of_models(
        "anchors",
        "scenario n patients margin anchor* stress* difference* low_90 high_90 p verdict combined* drop* belief "
        "borrowed shared reason",
    ),
    "attrition": _attrition,
    "calibration": _of_models("calibration", "arm low high n score positive"),
    "claims": _claims,
    "comparisons": _comparisons,
    "preflight": _preflight,
    "case_mix": _case_mix,
    "strata": _strata,
}
