"""What the tables of BIMCV-COVID19 say of a session: its labels, its date, its patient's tests.

The labels' table has a row a session (``ReportID``); its ``Labels`` are a list as Python writes it, or words with tabs
between them inside the cell. ``unchanged`` means what the session before it says.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

from radbench.data.sources.bimcv_sidecar import read_sidecar, text_of
from radbench.data.sources.padchest_findings import PADCHEST, STATEMENTS, UNCHANGED
from radbench.data.sources.source import Problems
from radbench.data.sources.tables import check_columns, header_of, rows_of

COVID: Final = "COVID 19"
COVID_UNCERTAIN: Final = "COVID 19 uncertain"
FINDINGS: Final = (*PADCHEST, "viral pneumonia", COVID)
_KNOWN: Final = frozenset((*FINDINGS, COVID_UNCERTAIN, *STATEMENTS))
_CUT: Final = "lists of labels that are cut short in the table, read as far as they go"
_STRANGE: Final = "labels of sessions that are no finding of PadChest or BIMCV-COVID19, left out"
_OTHER_TESTS: Final = "tables of tests without the columns participant, date and result, not read"
_STUDY_DATE: Final = "00080020"
_POSITIVE: Final = "POSITIVO"


def labels_by_session(table: Path, problems: Problems) -> dict[str, tuple[str, ...]]:
    """Return by session the words of its labels; a session with an empty cell is not there."""
    found = {}
    for _, row in rows_of(table, ["ReportID", "Labels"], delimiter="\t"):
        cell = row["Labels"]
        if cell.lower() in {"", "nan", "none"}:
            continue
        if cell.startswith("[") and not cell.endswith("]"):
            problems.add(_CUT, row["ReportID"])
        words = (word.strip().strip("'\"").strip() for word in re.split(r"[\t,]", cell.strip("[]")))
        found[row["ReportID"]] = tuple(_known(words, row["ReportID"], problems))
    return found


def _known(words: Iterator[str], session: str, problems: Problems) -> Iterator[str]:
    for word in words:
        if word in _KNOWN:
            yield word
        elif word:
            problems.add(_STRANGE, f"{word} ({session})")


def dates_by_session(subject: Path) -> dict[str, date]:
    """Return by session of a subject's folder its date: of its table of sessions, else of the headers of its films."""
    table = subject / f"{subject.name}_sessions.tsv"
    if table.is_file():
        rows = rows_of(table, ["session_id", "study_date"], delimiter="\t")
        told = {row["session_id"]: _date(row["study_date"], "%Y%m%d") for _, row in rows}
    else:
        told = {session.name: _date_of_films(session) for session in sorted(subject.glob("ses-*"))}
    return {session: day for session, day in told.items() if day is not None}


def _date_of_films(session: Path) -> date | None:
    for path in sorted(session.rglob("*.json")):
        day = _date(text_of(read_sidecar(path) or {}, _STUDY_DATE), "%Y%m%d")
        if day is not None:
            return day
    return None


def _date(text: str, form: str) -> date | None:
    try:
        return datetime.strptime(text.removesuffix(".0"), form).date()  # noqa: DTZ007 (a day has no time zone)
    except ValueError:
        return None


def resolved(
    session: str, labels: Mapping[str, Sequence[str]], dates: Mapping[str, date]
) -> list[str] | None:
    """Return a session's words, with those of the sessions before it for ``unchanged``; None where it has none.

    ``unchanged`` stays where there is no earlier session, or none of the words of the one before it are known.
    """
    words = labels.get(session)
    if words is None:
        return None
    if UNCHANGED not in words or session not in dates:
        return list(words)
    earlier = [(day, name) for name, day in dates.items() if day < dates[session]]
    before = resolved(max(earlier)[1], labels, dates) if earlier else None
    kept = [word for word in words if word != UNCHANGED] if before is not None else list(words)
    return list(dict.fromkeys((*kept, *(before or ()))))


def positive_tests(table: Path | None, problems: Problems) -> dict[str, list[date]]:
    """Return by patient the days of the tests (PCR, antibodies) that were positive; none without a table."""
    found: dict[str, list[date]] = {}
    columns = ("participant", "date", "result")
    if table is None:
        return found
    header = header_of(table, "\t")
    if not set(columns) <= set(header):
        problems.add(_OTHER_TESTS, table.name)
        return found
    check_columns(table, header, columns)
    for _, row in rows_of(table, columns, delimiter="\t"):
        day = _date(row["date"], "%d.%m.%Y")
        if row["result"].upper() == _POSITIVE and day is not None:
            found.setdefault(row["participant"], []).append(day)
    return found


def days_from(tests: Sequence[date], day: date | None) -> int | None:
    """Return the days from the nearest positive test to a film: negative before it, None where either is unknown."""
    if day is None or not tests:
        return None
    return min(((day - test).days for test in tests), key=abs)
