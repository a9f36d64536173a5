"""Several shifts in one run: each into a folder of its own, one page over all of them, one family of tests."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from radbench.api import job as jobs
from radbench.api.choices import ModelName, fits, load_declared
from radbench.api.gates import Gate, ci_files, exit_code, open_gate
from radbench.api.job import OUT, Audited, Job, Opened, RunOptions
from radbench.api.progress import Progress
from radbench.api.report_files import write
from radbench.errors import UsageError
from radbench.harness.evidence.significance import correct_family
from radbench.harness.gates.verdict import DEFAULT_MAX_DROP
from radbench.harness.result import AuditResult, GateResult, Verdict
from radbench.harness.summary import tool_versions
from radbench.report.identity import deidentified
from radbench.report.index import (
    INDEX_JSON,
    INDEX_PAGE,
    Index,
    IndexShift,
    make_index,
    summarise,
    write_index,
)
from radbench.report.outputs import check_writable, write_files
from radbench.specs import ShiftSpec

ALL: Final = "all"
ALL_SHIFTS: Final = ("manifestation", "acquisition", "population")
"""What ``all`` stands for: the three shifts of the paper."""


def audit_shifts(
    names: Sequence[str],
    options: RunOptions,
    progress: Progress,
    done: Callable[[AuditResult], None] | None = None,
) -> tuple[Index, Path]:
    """Audit models against several shifts, write each one's report and the page that leads to them.

    The index is written anew after each shift, so that an interrupted run leaves an honest one: what was not
    reached stands in it as not run.

    Args:
        names: Names or YAML files of shifts; ``all`` stands for the three of the paper. Chosen models run on
            the shifts whose question they answer.
        options: What to do; its ``shift`` is not looked at.
        progress: What is told how far it is.
        done: Called with each shift's result once it is written.

    Returns:
        The index, whose exit code is the gravest, and the path of its page.

    Raises:
        UsageError: Something that the user can mend; found before the long work wherever that is possible.
    """
    top = options.out or OUT
    declared = [_job(name, options, top) for name in _expand(names)]
    _refuse_twice(declared)
    _refuse_unused([*options.models, *options.controls], [job.shift for job in declared])
    gate = open_gate(options.gates, options.baseline, [job.shift for job in declared])
    check_writable(top, (INDEX_JSON, INDEX_PAGE))
    cache = jobs.settle(declared, options)
    opened = [jobs.open_job(job, options, progress) if job.choice.models else None for job in declared]
    try:
        with progress.doing("Planning"):  # every shift before the first one's edits
            opened = [ready if ready is None else jobs.check_job(ready, options, gate) for ready in opened]
        series = _Series(declared, options, gate, cache, progress, top)
        for place, ready in enumerate(opened):
            progress.note(f"Shift {place + 1} of {len(declared)}: {declared[place].shift.title}")
            result = series.add(place, ready)
            if result is not None and done is not None:
                done(result)
        series.correct()
    finally:
        for ready in opened:
            if ready is not None:
                ready.close()
    return series.finish(), top / INDEX_PAGE


class _Series:
    """The shifts that are measured, each written at once, and again where the others change its corrected tests."""

    def __init__(
        self,
        declared: Sequence[Job],
        options: RunOptions,
        gate: Gate,
        cache: Path,
        progress: Progress,
        top: Path,
    ) -> None:
        self.jobs, self.options, self.gate = declared, options, gate
        self.cache, self.progress, self.top = cache, progress, top
        self.rows = [_not_run(job, "not reached") for job in declared]
        self.found: dict[int, Audited] = {}

    def add(self, place: int, ready: Opened | None) -> AuditResult | None:
        """Measure one shift and write its report; a shift that no chosen model answers is not run."""
        job = self.jobs[place]
        if ready is None:
            self.rows[place] = _not_run(job, f"no chosen model answers '{job.shift.target}'")
            self.progress.note(f"Not run: {self.rows[place].reason}.")
            self._write_index()
            return None
        audited = jobs.perform(ready, self.options, self.cache, self.progress)
        ready.close()
        self._put(place, replace(audited, result=self.gate.hold(audited.result)))
        return self.found[place].result

    def correct(self) -> None:
        """Correct the tests of all shifts together, and write anew the reports in which that changes a figure."""
        places = sorted(self.found)
        corrected = correct_family([self.found[place].result for place in places])
        for place, result in zip(places, corrected, strict=True):
            if result != self.found[place].result:
                self._put(place, replace(self.found[place], result=result))

    def finish(self) -> Index:
        """Write what speaks for all shifts; return the index with the gravest exit code."""
        results = [found.result for _, found in sorted(self.found.items())]
        rules = self.gate.unmet(results)
        shown = results if self.options.identifiers else [deidentified(result) for result in results]
        write_files(self.top, ci_files(shown, rules))
        return self._write_index(rules)

    def _put(self, place: int, audited: Audited) -> None:
        self.found[place] = audited
        folder = self.top / self.jobs[place].shift.name
        with self.progress.doing("Writing the report"):
            write(
                audited,
                folder,
                self.cache,
                identifiers=self.options.identifiers,
                sidecar=self.options.sidecar,
                figures=self.options.figures,
            )
        audited.opened.close()
        self.rows[place] = summarise(audited.result, folder.name)
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


def _job(name: str, options: RunOptions, top: Path) -> Job:
    job = jobs.declare(replace(options, shift=name), fitting=True)
    return replace(job, out=top / job.shift.name)


def _refuse_twice(declared: Sequence[Job]) -> None:
    names = [job.shift.name for job in declared]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"Two shifts are called '{twice}'; give each YAML file its own name.")


def _refuse_unused(models: Sequence[ModelName], shifts: Sequence[ShiftSpec]) -> None:
    for spec in load_declared(models):
        if not any(fits(shift, spec) for shift in shifts):
            wanted = ", ".join(dict.fromkeys(f"'{shift.target}'" for shift in shifts))
            raise UsageError(
                f"The model '{spec.name}' predicts '{spec.target}', expected one of {wanted}, which the chosen "
                f"shifts need; leave it out or choose another shift."
            )


def _not_run(job: Job, reason: str) -> IndexShift:
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
    shifts: Sequence[IndexShift], options: RunOptions, unmet: Sequence[GateResult], *, gate: bool
) -> Index:
    return make_index(
        shifts,
        tool=tool_versions(),
        seed=options.seed,
        gate=gate or options.max_drop is not None,
        max_drop=DEFAULT_MAX_DROP if options.max_drop is None else options.max_drop,
        unmet=unmet,
    )
