"""Several training runs of one model, as the paper prints them: mean ± standard deviation."""

from dataclasses import dataclass

from radbench.harness.result import AuditResult, ModelResult
from radbench.harness.words import fall_unit, metric_name, spread
from radbench.report.view import ARM_WORDS, run_spread


@dataclass(frozen=True)
class RunsRow:
    """One set of images: mean ± SD of each metric over the runs ("" where fewer than two define it)."""

    arm: str
    title: str
    spreads: tuple[str, ...]


@dataclass(frozen=True)
class RunsView:
    """One model's runs: how many were measured and how many raised, its rows, and the drop over the runs."""

    name: str
    runs: int
    failed: int
    metrics: tuple[str, ...]
    rows: tuple[RunsRow, ...]
    drop: str


def runs_views(result: AuditResult) -> list[RunsView]:
    """Return the models that have several runs."""
    return [_view(result, model) for model in result.models if model.checkpoints is not None]


def _view(result: AuditResult, model: ModelResult) -> RunsView:
    found = model.checkpoints
    if found is None:
        raise ValueError(f"{model.name} has one run")
    names = list(dict.fromkeys(name for spreads in found.arms.values() for name in spreads))
    rows = tuple(
        RunsRow(arm, title, tuple(run_spread(model, arm, name) for name in names))
        for arm, title, _ in ARM_WORDS
        if arm in found.arms
    )
    unit = fall_unit(result.primary)
    drop = "" if found.drop is None else spread(found.drop.mean, found.drop.sd, unit)
    return RunsView(model.name, found.n, found.failed, tuple(metric_name(name) for name in names), rows, drop)
