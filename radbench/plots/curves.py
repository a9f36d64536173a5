"""ROC and precision-recall curves with the operating point, and dose-response curves."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from radbench.errors import UsageError
from radbench.harness.result import AuditResult, ModelResult
from radbench.harness.result.words import capital, metric_name, plain
from radbench.plots.style import (
    LINE,
    Drawing,
    arm_colour,
    arm_label,
    drawing,
    drawn,
    nothing,
    series_colour,
    shortened,
)

Floats = NDArray[np.float64]
Point = tuple[float, float]
_ARMS = ("real", "stress", "truth", "natural")


@drawn
def roc(result: AuditResult, models: Sequence[str] | None = None) -> Drawing:
    """ROC curves of every model on each arm that has both classes; the dot is the locked operating point.

    Ties are one step (Fawcett 2006, doi:10.1016/j.patrec.2005.10.010). Images without an answer are left out here and
    counted in the figures. An arm of one class has no curve.

    Args:
        result: The audit.
        models: Names of those that are drawn; None for all.
    """
    return _curves(result, models, _roc, ("1 - specificity", "sensitivity"), "auroc", ((0, 1), (0, 1)))


@drawn
def precision_recall(result: AuditResult, models: Sequence[str] | None = None) -> Drawing:
    """Precision-recall curves of every model on each arm that has both classes; the dot is the operating point.

    Args:
        result: The audit.
        models: Names of those that are drawn; None for all.
    """
    return _curves(result, models, _precision_recall, ("sensitivity (recall)", "precision"), "auprc", None)


@drawn
def doses(result: AuditResult, panel: tuple[str, str] | None = None) -> Drawing:
    """The primary metric with its 95 % interval at other strengths of the edit, one setting a panel.

    Larger dots: the setting that the test set was made with.

    Args:
        result: The audit.
        panel: One scenario and setting, such as ("removal", "guidance_scale"); None for all.

    Raises:
        UsageError: There is no such panel.
    """
    known = list(dict.fromkeys((row.scenario, row.factor) for model in result.models for row in model.dose))
    places = [place for place in known if panel in {None, place}]
    if panel is not None and not places:
        listed = ", ".join(f"{scenario} {factor}" for scenario, factor in known) or "none"
        raise UsageError(f"There are no doses of {' '.join(panel)}; the audit has {listed}.")
    if not places:
        figure = drawing(height=1.2)
        nothing(figure, "The shift lists no other strengths of its edits.")
        return figure
    figure = drawing(3.6 * len(places) + 0.6, 3.0)
    told = []
    panels = figure.subplots(1, len(places), squeeze=False)[0]
    for axes, (scenario, factor) in zip(panels, places, strict=True):
        for number, model in enumerate(result.models):
            rows = [row for row in model.dose if (row.scenario, row.factor) == (scenario, factor)]
            rows = sorted((row for row in rows if row.primary.value is not None), key=lambda row: row.value)
            colour = series_colour(number)
            axes.plot(
                [row.value for row in rows],
                [row.primary.value for row in rows],
                color=colour,
                label=shortened(model.name),
            )
            for row in rows:
                told.append(f"{model.name} at {plain(factor)} {row.value:g}: {row.primary.value:.3g}")
                size = 8 if row.main else 5
                axes.plot(row.value, row.primary.value, "o", color=colour, markersize=size)
                if row.primary.low is not None and row.primary.high is not None:
                    axes.plot((row.value,) * 2, (row.primary.low, row.primary.high), color=colour, alpha=0.45)
        axes.set(
            title=plain(scenario) if panel is None else "",
            xlabel=plain(factor),
            ylabel=capital(metric_name(result.primary)),
        )
        axes.set_ylim(-0.03, 1.03)
    panels[0].legend(loc="best")
    figure.description = "; ".join(told) + "."
    return figure


def _curves(
    result: AuditResult,
    models: Sequence[str] | None,
    curve: Callable[[Floats, NDArray[np.int64]], tuple[Floats, Floats]],
    labels: tuple[str, str],
    metric: str,
    diagonal: tuple[Point, Point] | None,
) -> Drawing:
    shown = [
        (model, arms)
        for model in result.models
        if (models is None or model.name in models) and (arms := _two_classes(result, model))
    ]
    if not shown:
        figure = drawing(height=1.2)
        nothing(figure, "No arm has scores of both classes, so there is no curve.")
        return figure
    figure = drawing(3.2 * len(shown) + (0.4 if len(shown) > 1 else 1.4), 3.7)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    told = []
    for axes, (model, arms) in zip(panels, shown, strict=True):
        if diagonal is not None:
            axes.plot(*diagonal, color=LINE, linewidth=1, zorder=1)
        for arm, (scores, truth) in arms.items():
            told.append(
                f"{model.name}, {arm_label(result, arm)}: {len(scores)} images, {int(truth.sum())} with the target"
            )
            found = model.metric(arm, metric)  # type: ignore[arg-type]
            value = "" if found is None or found.value is None else f", {metric.upper()} {found.value:.3f}"
            across, up = curve(scores, truth)
            style = "steps-post" if metric == "auroc" else "default"
            axes.plot(
                across,
                up,
                color=arm_colour(arm),
                label=f"{arm_label(result, arm)}{value}",
                drawstyle=style,
                linewidth=1.6,
            )
            said = np.where(scores >= model.operating_point, 1.0, 0.0)
            axes.plot(*_operating(said, truth, metric), "o", color=arm_colour(arm), markersize=6, zorder=3)
        axes.set(title=shortened(model.name), xlabel=labels[0], ylabel=labels[1], aspect="equal")
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
        axes.legend(loc="lower right" if metric == "auroc" else "lower left")
    figure.description = "; ".join(told) + "."
    return figure


def _two_classes(result: AuditResult, model: ModelResult) -> dict[str, tuple[Floats, NDArray[np.int64]]]:
    found = {}
    for arm in _ARMS:
        rows = [
            (case.score, case.label)
            for case in result.cases
            if case.model == model.name
            and case.arm == arm
            and case.score is not None
            and case.label is not None
        ]
        if len({label for _, label in rows}) == 2:
            scores, truth = zip(*rows, strict=True)
            found[arm] = np.array(scores, np.float64), np.array(truth, np.int64)
    return found


def _counts(scores: Floats, truth: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Return false and true positives from the highest score downwards, one step a distinct score."""
    order = np.argsort(-scores, kind="stable")
    last = np.r_[np.flatnonzero(np.diff(scores[order])), len(scores) - 1]
    true = np.cumsum(truth[order])[last].astype(np.float64)
    return 1.0 + last - true, true


def _roc(scores: Floats, truth: NDArray[np.int64]) -> tuple[Floats, Floats]:
    false, true = _counts(scores, truth)
    return np.r_[0.0, false / false[-1]], np.r_[0.0, true / true[-1]]


def _precision_recall(scores: Floats, truth: NDArray[np.int64]) -> tuple[Floats, Floats]:
    false, true = _counts(scores, truth)
    precision = true / (true + false)
    return np.r_[0.0, true / true[-1]], np.r_[precision[0], precision]


def _operating(said: Floats, truth: NDArray[np.int64], metric: str) -> Point:
    sensitivity = float(said[truth == 1].mean())
    if metric == "auroc":
        return float(said[truth == 0].mean()), sensitivity
    return sensitivity, float(truth[said == 1].mean()) if said.any() else 1.0
