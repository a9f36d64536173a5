"""``radbench validate``: predicted against true drops, where the true counterfactuals are known."""

import csv
import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from radbench.audit.agreement import Agreement, AgreementRow, agreement
from radbench.cli.bare import stress_only
from radbench.cli.run import OUT, Job, RunOptions, audit, build_set, declare, open_job, say, settle
from radbench.cli.summary import number
from radbench.errors import UsageError
from radbench.reporting.outputs import write_files

if TYPE_CHECKING:
    from radbench.audit.result import AuditResult

AGREEMENT_JSON, AGREEMENT_TABLE = "agreement.json", "agreement.csv"


def validate(options: RunOptions, shifts: Sequence[str], seeds: int) -> Path:
    """Audit every shift at several seeds, each with patients of its own; print and write the agreement.

    Args:
        options: As for a run; ``limit`` bounds the edited images of a shift at one seed.
        shifts: Names of shifts whose cohorts know their true counterfactuals.
        seeds: How many; ``options.seed`` is the first.

    Returns:
        The path of ``agreement.csv``.

    Raises:
        UsageError: Something that the user can mend, or a cohort without known counterfactuals.
    """
    console = Console()
    out = options.out or OUT / "validate"
    asked = [
        replace(options, shift=shift, seed=options.seed + step) for step in range(seeds) for shift in shifts
    ]
    jobs = [(_declare(one, out), one) for one in asked]
    cache = settle([job for job, _ in jobs], options)
    results: list[AuditResult] = []
    for job, one in jobs:
        say(console, f"Shift {job.shift.name}, seed {one.seed}")
        opened = open_job(job, one)
        if not opened.cohort.truth_known:
            raise UsageError(
                f"The cohort '{opened.cohort.name}' of shift '{job.shift.name}' does not know its true "
                f"counterfactuals; validate on shifts of an embedded cohort (phantom/...)."
            )
        results.append(audit(opened, one, build_set(opened, one, cache, console), cache, console))
    found = agreement(results)
    files = {
        AGREEMENT_JSON: (found.model_dump_json(indent=2) + "\n").encode(),
        AGREEMENT_TABLE: _csv(found.rows),
    }
    write_files(out, files)
    _print(console, found)
    say(console, f"Agreement: {out / AGREEMENT_TABLE}")
    return out / AGREEMENT_TABLE


def _declare(options: RunOptions, out: Path) -> Job:
    """The job with its controls left out, drawn from patients that no other seed has."""
    job = declare(options, fitting=True)
    source = job.shift.source.model_copy(update={"seed": job.shift.source.seed + options.seed})
    shift = stress_only(job.shift).model_copy(update={"source": source})
    return replace(job, shift=shift, out=out)


def _csv(rows: Sequence[AgreementRow]) -> bytes:
    text = io.StringIO()
    names = list(AgreementRow.model_fields)
    writer = csv.DictWriter(text, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(row.model_dump() for row in rows)
    return text.getvalue().encode()


def _print(console: Console, found: Agreement) -> None:
    table = Table(title="Predicted against true drop", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("Shift", "Model"):
        table.add_column(heading, overflow="fold")
    for heading in ("Seed", "n", "Predicted", "True", "Error"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found.rows:
        figures = (number(row.predicted), number(row.true), f"{round(row.error, 3) + 0.0:+.3f}")
        table.add_row(row.shift, row.model, str(row.seed), str(row.n), *figures)
    console.print(table)
    for part in found.summaries:
        error, rank, coverage = (
            "undefined" if value is None else f"{value:.3f}"
            for value in (part.mean_absolute_error, part.rank_correlation, part.coverage)
        )
        say(
            console,
            f"{part.group} (n = {part.n}): mean absolute error {error}, rank correlation {rank}, "
            f"coverage of the 95 % interval {coverage}",
        )
