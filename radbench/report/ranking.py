"""Several models on the same images: ranked, and compared in pairs."""

from dataclasses import dataclass

from radbench.harness.result import AuditResult, ModelResult
from radbench.harness.words import Shown, fall_unit, metric_unit, p_value, show
from radbench.report.summary import corrected
from radbench.report.view import Badge, badge


@dataclass(frozen=True)
class Rank:
    """One model's place; equal figures share a place."""

    place: int
    name: str
    is_control: bool
    badge: Badge
    real: Shown
    stress: Shown
    drop: Shown


@dataclass(frozen=True)
class Pair:
    """Two models on the same images; ``apart`` says whether the interval of their difference leaves out 0."""

    first: str
    second: str
    difference: Shown
    drop_difference: Shown
    p: str
    apart: bool


@dataclass(frozen=True)
class RankingView:
    """The ranked models (none where fewer than two were measured) and the pairs."""

    ranks: tuple[Rank, ...]
    pairs: tuple[Pair, ...]


def ranking_view(result: AuditResult) -> RankingView:
    """Rank the models by the primary metric on the stress set."""
    fall = fall_unit(result.primary)
    pairs = tuple(
        Pair(
            one.first,
            one.second,
            show(one.difference, fall),
            show(one.drop_difference, fall),
            p_value(corrected(one.p, one.p_holm)),
            one.difference.low is not None and one.difference.low > 0,
        )
        for one in result.comparisons
    )
    return RankingView(_ranks(result), pairs)


def _ranks(result: AuditResult) -> tuple[Rank, ...]:
    found = [(value, model) for model in result.models if (value := _level(result, model)) is not None]
    if len(found) < 2:
        return ()
    found.sort(key=lambda pair: -pair[0])
    levels = [value for value, _ in found]
    unit, fall = metric_unit(result.primary), fall_unit(result.primary)
    return tuple(
        Rank(
            1 + levels.index(value),
            model.name,
            model.role == "control",
            badge(model.verdict),
            show(model.metric("real", result.primary), unit),
            show(model.metric("stress", result.primary), unit),
            show(model.paired["stress"].drop if "stress" in model.paired else None, fall),
        )
        for value, model in found
    )


def _level(result: AuditResult, model: ModelResult) -> float | None:
    found = model.metric("stress", result.primary)
    return None if found is None else found.value
