"""Several audits on one page: ``index.json`` and ``index.html``, beside the folder of each shift's report."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace as Row
from typing import Final, Literal

from pydantic import Field

from radbench.declared import reports_dir
from radbench.harness.result import (
    AuditResult,
    Estimate,
    GateResult,
    Instrument,
    ModelResult,
    Primary,
    Role,
    Strict,
    Task,
    Verdict,
)
from radbench.harness.result.words import count, fall, fall_unit, metric_name, metric_unit, show
from radbench.report.checks import gate_row
from radbench.report.outputs import REPORT, RESULT, write_files
from radbench.report.page import render
from radbench.report.view import badge

INDEX_JSON, INDEX_PAGE = "index.json", "index.html"
TEMPLATE = "index.html.j2"


class IndexModel(Strict):
    """One model under one shift: its verdict and the figures behind it, as in that shift's result.

    ``stress`` is the arm that is judged, and ``real`` what it is held against; of two cohorts B and A.
    """

    name: str
    title: str
    role: Role
    verdict: Verdict
    reason: str
    instrument: Verdict | None
    real: Estimate | None
    stress: Estimate | None
    drop: Estimate | None
    sham_effect: Estimate | None
    shift_effect: Estimate | None


class IndexShift(Strict):
    """One shift; ``report`` and ``result`` are paths beside the index, None where it was not run.

    ``edited`` counts the edited images; of two cohorts (kind ``natural``) the films of cohort B, and ``studies`` those
    of cohort A.
    """

    name: str
    title: str
    kind: str
    task: Task
    target: str
    verdict: Verdict
    reason: str = ""
    instrument: Instrument | None = None
    primary: Primary | None = None
    max_drop: float | None = None
    studies: int = 0
    edited: int = 0
    report: str | None = None
    result: str | None = None
    models: list[IndexModel] = Field(default_factory=list)
    gates: list[GateResult] = Field(default_factory=list)


class Index(Strict):
    """All shifts of one run; ``verdict`` is the gravest of them, and ``exit_code`` follows from it.

    ``unmet`` are rules for a shift or a model that was not run; they count as the shifts do.
    """

    schema_version: Literal[1] = 1
    tool: dict[str, str]
    seed: int
    gate: bool
    max_drop: float
    verdict: Verdict
    exit_code: int
    shifts: list[IndexShift]
    unmet: list[GateResult] = Field(default_factory=list)

    def to_json(self) -> bytes:
        """Return the index as UTF-8 JSON with a stable layout."""
        return (self.model_dump_json(indent=2) + "\n").encode()


_EXIT_CODES: Final = {Verdict.PASS: 0, Verdict.FAIL: 3, Verdict.ERROR: 1}


def summarise(result: AuditResult, folder: str) -> IndexShift:
    """Return one audit's part of the index.

    Args:
        result: The audit.
        folder: Where its report lies, relative to the index.
    """
    shift = result.shift
    return IndexShift(
        name=shift.name,
        title=shift.title,
        kind=shift.kind,
        task=result.task,
        target=shift.target,
        verdict=result.verdict,
        instrument=result.instrument,
        primary=result.primary,
        max_drop=result.max_drop,
        studies=result.cohort.studies,
        edited=result.testset.ok if result.against is None else result.against.studies,
        report=f"{folder}/{REPORT}",
        result=f"{folder}/{RESULT}",
        models=[_model(model, result) for model in result.models],
        gates=result.gates,
    )


def make_index(
    shifts: Sequence[IndexShift],
    *,
    tool: dict[str, str],
    seed: int,
    gate: bool,
    max_drop: float,
    unmet: Sequence[GateResult] = (),
) -> Index:
    """Return the index of several shifts.

    Args:
        shifts: In the order of the page.
        tool: Versions of what made the figures.
        seed: Of the run.
        gate: Whether the verdict sets the exit code; what was not run sets it in any case.
        max_drop: Largest fall of the primary metric that is accepted.
        unmet: Rules for a shift or a model that was not run.
    """
    verdict = Verdict.overall([*(shift.verdict for shift in shifts), *(rule.verdict for rule in unmet)])
    missing = bool(unmet) or any(shift.verdict is Verdict.NOT_RUN for shift in shifts)
    code = _EXIT_CODES.get(verdict, 4) if gate or verdict is Verdict.ERROR else 4 * missing
    return Index(
        tool=tool,
        seed=seed,
        gate=gate,
        max_drop=max_drop,
        verdict=verdict,
        exit_code=code,
        shifts=list(shifts),
        unmet=list(unmet),
    )


def write_index(index: Index, out_dir: Path | str) -> Path:
    """Write ``index.json`` and ``index.html`` into ``out_dir``, both or neither; returns the page's path.

    Raises:
        UsageError: ``out_dir`` cannot be written.
    """
    write_files(out_dir, {INDEX_JSON: index.to_json(), INDEX_PAGE: render_index(index)})
    return Path(out_dir) / INDEX_PAGE


def render_index(index: Index, folder: Path | None = None) -> bytes:
    """Render the page as UTF-8, with the rules of ``render_page``; it links to the shifts' reports only."""
    return render(
        reports_dir() if folder is None else folder,
        TEMPLATE,
        index=index,
        verdict=badge(index.verdict),
        headline=_headline(index),
        shifts=[_view(shift) for shift in index.shifts],
        gates=[
            (rule.shift, gate_row(rule))
            for rule in (*(rule for shift in index.shifts for rule in shift.gates), *index.unmet)
        ],
        limits=_limits(index),
    )


def _limits(index: Index) -> str:
    """Return the largest falls that the shifts accept, each once; the run's own where no shift was run."""
    known = [(shift.max_drop, shift.primary) for shift in index.shifts if shift.max_drop is not None]
    found = [f"{fall(most, name)} of {metric_name(name)}" for most, name in known if name is not None]
    return (
        " or ".join(dict.fromkeys(found))
        or f"{fall(index.max_drop, 'accuracy')} of {metric_name('accuracy')}"
    )


def _model(model: ModelResult, result: AuditResult) -> IndexModel:
    paired = model.paired.get(result.judged)
    return IndexModel(
        name=model.name,
        title=model.title,
        role=model.role,
        verdict=model.verdict,
        reason=model.reason if model.error is None else model.error,
        instrument=None if model.instrument is None else model.instrument.verdict,
        real=model.metric(result.held_against, result.primary),
        stress=model.metric(result.judged, result.primary),
        drop=None if paired is None else paired.drop,
        sham_effect=model.sham_effect,
        shift_effect=model.shift_effect,
    )


def _view(shift: IndexShift) -> Row:
    primary = shift.primary or "accuracy"
    unit, fall = metric_unit(primary), fall_unit(primary)
    models = [
        Row(
            name=model.name,
            is_control=model.role == "control",
            badge=badge(model.verdict),
            reason=model.reason,
            real=show(model.real, unit),
            stress=show(model.stress, unit),
            drop=show(model.drop, fall),
            shift_effect=show(model.shift_effect, fall, "no sham edits"),
        )
        for model in shift.models
    ]
    return Row(
        shift=shift,
        badge=badge(shift.verdict),
        instrument=None if shift.instrument is None else badge(shift.instrument.verdict),
        metric=metric_name(primary),
        models=models,
    )


def _headline(index: Index) -> str:
    total = count(len(index.shifts), "shift")
    found = sum(shift.verdict is index.verdict for shift in index.shifts)
    return {
        Verdict.PASS: f"Every model holds under {total}",
        Verdict.FAIL: f"A model fails under {found} of {total}",
        Verdict.INCONCLUSIVE: f"No verdict under {found} of {total}",
        Verdict.NOT_RUN: f"{found} of {total} not run, so nothing is concluded"
        if found
        else "A rule speaks of what was not run, so nothing is concluded",
        Verdict.ERROR: f"A model could not be run under {found} of {total}",
    }[index.verdict]
