"""``radbench run`` with several shifts: each into a folder of its own, and one page over all of them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from radbench.audit.result import GateResult, Verdict
from radbench.audit.significance import correct_family
from radbench.audit.summary import tool_versions
from radbench.audit.verdict import DEFAULT_MAX_DROP
from radbench.cli import run
from radbench.cli.choices import fits
from radbench.cli.gated import Gate, ci_files, exit_code, open_gate, print_gates
from radbench.cli.summary import STYLES, number, print_summary
from radbench.declared import model_path
from radbench.errors import UsageError
from radbench.reporting.identity import deidentified
from radbench.reporting.index import (
    INDEX_JSON,
    INDEX_PAGE,
    Index,
    IndexShift,
    make_index,
    summarise,
    write_index,
)
from radbench.reporting.outputs import check_writable, write_files
from radbench.specs import ShiftSpec, load_model

ALL = "all"
ALL_SHIFTS = ("manifestation", "acquisition", "population")
"""What ``--shift all`` stands for: the three shifts of the paper."""


def run_shifts(names: Sequence[str], options: run.RunOptions, console: Console | None = None) -> int:
    """Audit models against several shifts, write each one's report and the page that leads to them.

    The index is written anew after each shift, so that an interrupted run leaves an honest one: what was not
    reached stands in it as not run.

    Args:
        names: Names or YAML files of shifts; ``all`` stands for the three of the paper. Chosen models run on
            the shifts whose question they answer.
        options: What to do; its ``shift`` is not looked at.
        console: Where progress and the summaries go; stdout if None.

    Returns:
        The gravest exit code.

    Raises:
        UsageError: Something that the user can mend; found before the long work wherever that is possible.
    """
    console = console or Console()
    top = options.out or run.OUT
    jobs = [_job(name, options, top) for name in _expand(names)]
    _refuse_twice(jobs)
    _refuse_unused([*options.models, *options.controls], [job.shift for job in jobs])
    gate = open_gate(options.gates, options.baseline, [job.shift for job in jobs])
    check_writable(top, (INDEX_JSON, INDEX_PAGE))
    cache = run.settle(jobs, options)
    opened = [run.open_job(job, options) if job.choice.models else None for job in jobs]
    try:
        for ready in opened:  # every shift before the first one's edits
            if ready is not None:
                run.check_job(ready, gate)
        done = _Done(jobs, options, gate, cache, console, top)
        for place, ready in enumerate(opened):
            run.say(console, f"Shift {place + 1} of {len(jobs)}: {jobs[place].shift.title}")
            done.add(place, ready)
        done.correct()
    finally:
        for ready in opened:
            if ready is not None:
                ready.close()
    return done.finish()


class _Done:
    """The shifts that are measured, each written at once, and again where the others change its corrected tests."""

    def __init__(
        self,
        jobs: Sequence[run.Job],
        options: run.RunOptions,
        gate: Gate,
        cache: Path,
        console: Console,
        top: Path,
    ) -> None:
        self.jobs, self.options, self.gate, self.cache, self.console, self.top = (
            jobs,
            options,
            gate,
            cache,
            console,
            top,
        )
        self.rows = [_not_run(job, "not reached") for job in jobs]
        self.found: dict[int, run.Audited] = {}

    def add(self, place: int, ready: run.Opened | None) -> None:
        """Measure one shift and write its report; a shift that no chosen model answers is not run."""
        job = self.jobs[place]
        if ready is None:
            self.rows[place] = _not_run(job, f"no chosen model answers '{job.shift.target}'")
            run.say(self.console, f"Not run: {self.rows[place].reason}.")
            self._write_index()
            return
        audited = run.perform(ready, self.options, self.cache, self.console)
        ready.close()
        self._put(place, replace(audited, result=self.gate.hold(audited.result)))
        print_summary(self.console, self.found[place].result)
        print_gates(self.console, self.found[place].result.gates)

    def correct(self) -> None:
        """Correct the tests of all shifts together, and write anew the reports in which that changes a figure."""
        places = sorted(self.found)
        corrected = correct_family([self.found[place].result for place in places])
        for place, result in zip(places, corrected, strict=True):
            if result != self.found[place].result:
                self._put(place, replace(self.found[place], result=result))

    def finish(self) -> int:
        """Write what speaks for all shifts, print it, and return the gravest exit code."""
        results = [found.result for _, found in sorted(self.found.items())]
        rules = self.gate.unmet(results)
        shown = results if self.options.identifiers else [deidentified(result) for result in results]
        write_files(self.top, ci_files(shown, rules))
        index = self._write_index(rules)
        _print(self.console, index)
        print_gates(self.console, rules)
        run.say(self.console, f"Reports: {self.top / INDEX_PAGE}")
        return index.exit_code

    def _put(self, place: int, audited: run.Audited) -> None:
        self.found[place] = audited
        run.write(audited, self.options, self.cache, self.console)
        audited.opened.close()
        self.rows[place] = summarise(audited.result, self.jobs[place].out.name)
        self._write_index()

    def _write_index(self, unmet: Sequence[GateResult] = ()) -> Index:
        index = _index(self.rows, self.options, unmet, gate=self.gate.asked)
        codes = [found.result.exit_code for found in self.found.values()]
        missing = [4] if any(row.verdict is Verdict.NOT_RUN for row in self.rows) else []
        index = index.model_copy(update={"exit_code": exit_code([*codes, *missing], unmet)})
        write_index(index, self.top)
        return index


def _expand(names: Sequence[str]) -> list[str]:
    found = [name for given in names for name in (ALL_SHIFTS if given == ALL else (given,))]
    return list(dict.fromkeys(found))


def _job(name: str, options: run.RunOptions, top: Path) -> run.Job:
    job = run.declare(replace(options, shift=name), fitting=True)
    return replace(job, out=top / job.shift.name)


def _refuse_twice(jobs: Sequence[run.Job]) -> None:
    names = [job.shift.name for job in jobs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"Two shifts are called '{twice}'; give each YAML file its own name.")


def _refuse_unused(models: Sequence[str], shifts: Sequence[ShiftSpec]) -> None:
    for spec in [load_model(model_path(name)) for name in models]:
        if not any(fits(shift, spec) for shift in shifts):
            wanted = ", ".join(dict.fromkeys(f"'{shift.target}'" for shift in shifts))
            raise UsageError(
                f"The model '{spec.name}' predicts '{spec.target}', expected one of {wanted}, which the chosen "
                f"shifts need; leave it out or choose another shift."
            )


def _not_run(job: run.Job, reason: str) -> IndexShift:
    shift = job.shift
    return IndexShift(
        name=shift.name,
        title=shift.title,
        kind=shift.kind,
        task=shift.task,
        target=shift.target,
        verdict=Verdict.NOT_RUN,
        reason=reason,
    )


def _index(
    shifts: Sequence[IndexShift], options: run.RunOptions, unmet: Sequence[GateResult], *, gate: bool
) -> Index:
    return make_index(
        shifts,
        tool=tool_versions(),
        seed=options.seed,
        gate=gate or options.max_drop is not None,
        max_drop=DEFAULT_MAX_DROP if options.max_drop is None else options.max_drop,
        unmet=unmet,
    )


def _print(console: Console, index: Index) -> None:
    table = Table(title=f"{len(index.shifts)} shifts", title_justify="left", box=SIMPLE_HEAD)
    for header in ("Shift", "Model", "Verdict"):
        table.add_column(header, overflow="fold")
    table.add_column("Drop", justify="right", no_wrap=True)
    for shift in index.shifts:
        for model in shift.models:
            role = " (control)" if model.role == "control" else ""
            drop = "-" if model.drop is None or model.drop.value is None else number(model.drop.value)
            verdict = Text(model.verdict.value, style=STYLES[model.verdict])
            table.add_row(Text(shift.name), Text(model.name + role), verdict, drop)
        if not shift.models:
            table.add_row(
                Text(shift.name),
                Text(shift.reason),
                Text(shift.verdict.value, style=STYLES[shift.verdict]),
                "-",
            )
        table.add_section()
    console.print(table)
    console.print(Text.assemble("Overall ", (index.verdict.value, STYLES[index.verdict])))
