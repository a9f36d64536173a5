"""Figures of scores: their distributions, before against after, calibration."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from radbench.harness.result import AuditResult, CaseRow, ModelResult
from radbench.harness.result.words import plain
from radbench.plots.style import (
    COLOURS,
    LINE,
    MUTED,
    Drawing,
    arm_colour,
    arm_label,
    drawing,
    drawn,
    nothing,
    rule,
    shortened,
)

_MOST_DOTS = 1000
BINS = 25
"""Bins of width 0.04 over scores in [0, 1]."""
_GROUPS = (
    ("real", 1, "Real, with the target", "real"),
    ("real", 0, "Real, without it", "negative"),
    ("sham", None, "Sham", "sham"),
    ("stress", None, "Edited", "stress"),
    ("truth", None, "True counterfactual", "truth"),
)
_COHORTS = (
    ("real", 1, "Cohort A, with the target", "real"),
    ("real", 0, "Cohort A, without it", "negative"),
    ("natural", 1, "Cohort B, with the target", "stress"),
    ("natural", 0, "Cohort B, without it", "sham"),
)


@drawn
def scores(result: AuditResult, models: Sequence[str] | None = None) -> Drawing:
    """Histograms of each model's scores, a row a group of images; dashed: the operating point.

    Every row is scaled to its own tallest bar. Models that give no score have no panel.

    Args:
        result: The audit.
        models: Names of those that are drawn; None for all.
    """
    shown = [model for model in _scored(result) if models is None or model.name in models]
    if not shown:
        return _no_scores()
    known = _COHORTS if result.is_natural else _GROUPS
    groups = [group for group in known if any(_of(result, model, *group[:2]) for model in shown)]
    figure = drawing(3.4 * len(shown) + (0.6 if len(shown) > 1 else 1.2), 0.72 * len(groups) + 0.8)
    panels = figure.subplots(len(groups), len(shown), sharex=True, squeeze=False)
    told = []
    for column, model in enumerate(shown):
        for row, (arm, label, title, colour) in enumerate(groups):
            axes, values = panels[row, column], _of(result, model, arm, label)
            if values:
                over = np.mean(np.array(values) >= model.operating_point)
                told.append(
                    f"{model.name}, {title}: {len(values)} images, median score {np.median(values):.2f}, "
                    f"{over:.0%} at or above the operating point"
                )
            counts, edges = np.histogram(np.clip(values, 0, 1), bins=BINS, range=(0.0, 1.0))
            tallest = max(1, int(counts.max()))
            axes.bar(
                edges[:-1], counts / tallest, width=0.034, align="edge", color=COLOURS[colour], linewidth=0
            )
            rule(axes, x=model.operating_point, up_to=0.68)
            axes.set_yticks([])
            axes.spines["left"].set_visible(False)
            axes.set(xlim=(-0.02, 1.02), ylim=(0, 1.45))
            axes.text(
                0.0,
                1.42,
                f"{title} (n = {len(values)})",
                va="top",
                fontsize=8,
                color=COLOURS[colour],
            )
        if models is None or len(shown) > 1:
            panels[0, column].set_title(shortened(model.name))
        panels[-1, column].set_xlabel(f"score; dashed: operating point {model.operating_point:g}")
    figure.description = "; ".join(told) + "."
    return figure


@drawn
def before_after(result: AuditResult, models: Sequence[str] | None = None) -> Drawing:
    """Score of every study before (across) and after the edit (up): on the diagonal nothing changed.

    A segmentation shows the Dice of every image instead. Dashed: the operating point.

    Args:
        result: The audit.
        models: Names of those that are drawn; None for all.
    """
    pairs = {
        model.name: _pairs(result, model) for model in result.models if models is None or model.name in models
    }
    shown = [model for model in result.models if pairs.get(model.name)]
    if not shown:
        return _no_scores()
    figure = drawing(3.0 * len(shown) + (0.4 if len(shown) > 1 else 1.6), 3.4)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    told = []
    for axes, model in zip(panels, shown, strict=True):
        before, after = np.array(pairs[model.name]).T
        told.append(
            f"{model.name}: {len(before)} images, median {np.median(before):.3g} to {np.median(after):.3g}"
        )
        _scatter(axes, before, after)
        if result.task == "classification":
            rule(axes, x=model.operating_point)
            rule(axes, y=model.operating_point)
        low = (
            0.0
            if result.task == "classification"
            else float(np.floor(10 * min(before.min(), after.min())) / 10)
        )
        axes.plot((low, 1), (low, 1), color=LINE, linewidth=1, zorder=1)
        ends = (low - 0.03 * (1 - low), 1 + 0.03 * (1 - low))
        axes.set(title=f"{shortened(model.name)} (n = {len(before)})", xlim=ends, ylim=ends, aspect="equal")
        what = "Dice" if result.task == "segmentation" else "score"
        axes.set(xlabel=f"{what} on the real image", ylabel=f"{what} on the edited image")
    figure.description = "; ".join(told) + "."
    return figure


@drawn
def bland_altman(result: AuditResult, models: Sequence[str] | None = None) -> Drawing:
    """Change of every image's score (or Dice) by the edit against the mean of both, with limits of agreement.

    Bland and Altman (1986, doi:10.1016/S0140-6736(86)90837-8): mean change, and mean plus and minus 1.96 standard
    deviations of the changes.

    Args:
        result: The audit.
        models: Names of those that are drawn; None for all.
    """
    pairs = {
        model.name: _pairs(result, model) for model in result.models if models is None or model.name in models
    }
    shown = [model for model in result.models if len(pairs.get(model.name, ())) > 1]
    if not shown:
        return _no_scores()
    what = "Dice" if result.task == "segmentation" else "score"
    figure = drawing(3.2 * len(shown) + (0.4 if len(shown) > 1 else 1.4), 3.0)
    panels = figure.subplots(1, len(shown), squeeze=False, sharey=True)[0]
    told = []
    for axes, model in zip(panels, shown, strict=True):
        before, after = np.array(pairs[model.name]).T
        change = after - before
        centre, spread = float(change.mean()), 1.96 * float(change.std(ddof=1))
        told.append(f"{model.name}: mean change {centre:+.3f}, limits of agreement ± {spread:.3f}")
        _scatter(axes, (before + after) / 2, change)
        axes.axhline(0.0, color=LINE, linewidth=1, zorder=1)
        axes.axhline(centre, color=MUTED, linewidth=1.2)
        for limit in (centre - spread, centre + spread):
            rule(axes, y=limit)
        axes.set(title=shortened(model.name), xlabel=f"mean {what}; change {centre:+.3f} ± {spread:.3f}")
        axes.locator_params(axis="x", nbins=4)
    panels[0].set_ylabel(f"{what}, edited minus real")
    figure.description = "; ".join(told) + "."
    return figure


@drawn
def calibration(result: AuditResult, models: Sequence[str] | None = None) -> Drawing:
    """Reliability diagrams: mean score against the share with the target, by tenths of the score.

    Args:
        result: The audit.
        models: Names of those that are drawn; None for all.
    """
    shown = [
        model for model in result.models if model.calibration and (models is None or model.name in models)
    ]
    if not shown:
        figure = drawing(height=1.2)
        nothing(figure, "No model gives scores that are meant as probabilities.")
        return figure
    figure = drawing(3.4 * len(shown) + 0.4, 3.6)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    told = []
    for axes, model in zip(panels, shown, strict=True):
        axes.plot((0, 1), (0, 1), color=MUTED, linestyle=(0, (4, 3)), linewidth=1, zorder=1)
        most = max(row.n for row in model.calibration)
        for arm in dict.fromkeys(row.arm for row in model.calibration):
            rows = [row for row in model.calibration if row.arm == arm and row.n]
            across, up = [row.score or 0.0 for row in rows], [row.positive or 0.0 for row in rows]
            sizes = [12 + 100 * row.n / most for row in rows]
            told += [
                f"{model.name}, {arm_label(result, arm)}: mean score {x:.2f}, {y:.0%} positive (n = {row.n})"
                for x, y, row in zip(across, up, rows, strict=True)
            ]
            axes.plot(across, up, color=arm_colour(arm), linewidth=1.2)
            axes.scatter(
                across,
                up,
                s=sizes,
                color=arm_colour(arm),
                alpha=0.6,
                label=arm_label(result, arm),
                linewidth=0,
            )
        axes.set(xlim=(-0.04, 1.04), ylim=(-0.04, 1.04), aspect="equal")
        axes.set(xlabel="mean score", ylabel=f"share with {plain(result.shift.target)}")
        if models is None or len(shown) > 1:
            axes.set_title(shortened(model.name))
        axes.legend(loc="upper left")
    figure.description = "; ".join(told) + "."
    return figure


def _scored(result: AuditResult) -> list[ModelResult]:
    known = {case.model for case in result.cases if case.score is not None}
    return [model for model in result.models if model.name in known]


def _of(result: AuditResult, model: ModelResult, arm: str, label: int | None) -> list[float]:
    return [
        case.score
        for case in result.cases
        if case.model == model.name
        and case.arm == arm
        and case.score is not None
        and (label is None or case.label == label)
    ]


def _scatter(axes: Axes, across: NDArray[np.float64], up: NDArray[np.float64]) -> None:
    """Draw one dot an image; beyond a thousand of them as pixels, so that a page stays small."""
    many = len(across) > _MOST_DOTS
    axes.scatter(across, up, s=14, color=COLOURS["stress"], alpha=0.6, linewidth=0, rasterized=many)


def _pairs(result: AuditResult, model: ModelResult) -> list[tuple[float, float]]:
    """Return the score (of a segmentation the Dice) of every edited image and of the same study's real image."""

    def figure(case: CaseRow) -> float | None:
        return case.value if result.task == "segmentation" else case.score

    own = [case for case in result.cases if case.model == model.name]
    real = {case.study_id: figure(case) for case in result.unedited if case.model == model.name}
    found = [(real.get(case.study_id), figure(case)) for case in own if case.arm == "stress"]
    return [(before, after) for before, after in found if before is not None and after is not None]


def _no_scores() -> Drawing:
    figure = drawing(height=1.2)
    nothing(figure, "No model gave scores for edited images.")
    return figure
