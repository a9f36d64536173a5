"""Predicted against true drops, where the true counterfactuals are known: can the instrument be believed?"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.api import job as jobs
from radbench.api.choices import ModelName
from radbench.api.job import OUT, Job, RunOptions, ShiftName
from radbench.api.progress import Callback, Progress, progress_of
from radbench.api.series import ALL_SHIFTS
from radbench.errors import UsageError
from radbench.harness.evidence.agreement import Agreement, AgreementRow, agreement
from radbench.report.outputs import write_files
from radbench.runtime import DeviceName

if TYPE_CHECKING:
    import pandas as pd

    from radbench.harness.result import AuditResult

AGREEMENT_JSON, AGREEMENT_TABLE = "agreement.json", "agreement.csv"


@dataclass(frozen=True)
class Validation:
    """How well predicted drops agree with true ones.

    Attributes:
        result: Rows (a shift, a model and a seed each) and summaries.
    """

    result: Agreement

    @property
    def rows(self) -> "pd.DataFrame":
        """One row a shift, model and seed: predicted and true drop, the interval, whether it holds the true one."""
        import pandas as pd

        return pd.DataFrame(
            [row.model_dump() for row in self.result.rows], columns=list(AgreementRow.model_fields)
        )

    @property
    def summary(self) -> "pd.DataFrame":
        """One row a group: mean absolute error, rank correlation, coverage of the 95 % interval."""
        import pandas as pd

        return pd.DataFrame([row.model_dump() for row in self.result.summaries])

    def write(self, folder: str | Path) -> Path:
        """Write ``agreement.json`` and ``agreement.csv``; return the table's path.

        Raises:
            UsageError: The folder cannot be written.
        """
        files = {
            AGREEMENT_JSON: (self.result.model_dump_json(indent=2) + "\n").encode(),
            AGREEMENT_TABLE: self.rows.to_csv(index=False, lineterminator="\n").encode(),
        }
        write_files(folder, files)
        return Path(folder) / AGREEMENT_TABLE

    def _repr_html_(self) -> str:
        return str(self.summary.to_html(index=False))


def validate(
    shifts: Sequence[ShiftName] | ShiftName | None = None,
    models: Sequence[ModelName] = (),
    *,
    limit: int = 40,
    seeds: int = 3,
    seed: int = 1,
    device: DeviceName = "auto",
    batch_size: int = 8,
    bundle: str | None = None,
    progress: bool | Callback | Progress = True,
) -> Validation:
    """Audit every shift at several seeds, each with patients of its own, and hold the drops against the true ones.

    Args:
        shifts: Names, YAML files or ``ShiftSpec``s whose cohorts know their true counterfactuals; None for the three
            shipped ones.
        models: Those to run; the shifts' own if there are none.
        limit: Most images edited for a shift at one seed.
        seeds: How many seeds.
        seed: The first of them.
        device: "auto", "cpu" or "cuda".
        batch_size: Images edited at once; changes no pixel.
        bundle: Another diffusion bundle than the shifts'.
        progress: True for bars, False for none, or a function of what, done and total.

    Raises:
        UsageError: Something that can be mended, or a cohort without known counterfactuals.
    """
    if shifts is None or isinstance(shifts, (str, Path)) or not isinstance(shifts, Sequence):
        shifts = list(ALL_SHIFTS) if shifts is None else [shifts]
    if not shifts or seeds < 1:
        raise UsageError(
            f"There is nothing to validate: {len(shifts)} shifts at {seeds} seeds, expected one of each."
        )
    options = RunOptions(
        shift=shifts[0],
        models=tuple(models),
        limit=limit,
        device=device,
        seed=seed,
        batch_size=batch_size,
        bundle=bundle,
    )
    return validate_shifts(options, shifts, seeds, progress_of(progress))


def validate_shifts(
    options: RunOptions, shifts: Sequence[ShiftName], seeds: int, progress: Progress
) -> Validation:
    """Do what ``validate`` says; ``options.out``, if given, is tried before the long work."""
    asked = [
        replace(options, shift=shift, seed=options.seed + step) for step in range(seeds) for shift in shifts
    ]
    declared = [(_declare(one, options.out), one) for one in asked]
    cache = jobs.settle([job for job, _ in declared], options)
    results: list[AuditResult] = []
    for job, one in declared:
        progress.note(f"Shift {job.shift.name}, seed {one.seed}")
        opened = jobs.open_job(job, one)
        try:
            if not opened.cohort.truth_known:
                raise UsageError(
                    f"The cohort '{opened.cohort.name}' of shift '{job.shift.name}' does not know its true "
                    f"counterfactuals; validate on shifts of an embedded cohort (phantom/...)."
                )
            testset = jobs.build_set(opened, one, cache, progress)
            results.append(jobs.audit_set(opened, one, testset, cache, progress))
        finally:
            opened.close()
    return Validation(agreement(results))


def _declare(options: RunOptions, out: Path | None) -> Job:
    """The job with its controls left out, drawn from patients that no other seed has."""
    job = jobs.declare(options, fitting=True)
    source = job.shift.source.model_copy(update={"seed": job.shift.source.seed + options.seed})
    shift = job.shift.without_controls().model_copy(update={"source": source})
    return replace(job, shift=shift, out=out)


DEFAULT_OUT = OUT / "validate"
"""Where ``radbench validate`` writes unless a folder is asked for."""
