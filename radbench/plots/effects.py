"""Forest plots: what an edit changes in the same patients, the parts of a drop, and the drop in each subgroup."""

from collections.abc import Mapping, Sequence
from typing import Final

from radbench.harness.result import Arm, AuditResult, Estimate, ModelResult
from radbench.harness.result.words import fall_unit, plain, show
from radbench.plots.style import (
    COLOURS,
    INK,
    LINE,
    MUTED,
    Drawing,
    drawing,
    drawn,
    nothing,
    rule,
    series_colour,
    shortened,
)

BETWEEN: Final[Mapping[Arm, str]] = {
    "natural": "cohort B, as it is",
    "reweighted": "cohort B, at A's case mix",
}
"""How cohort B is held against cohort A."""
Row = tuple[str, str, Estimate, str]
"""Model, what, the figure, and its colour."""


@drawn
def effects(result: AuditResult, models: Sequence[str] | None = None, width: float = 6.4) -> Drawing:
    """Fall of the primary metric from the real to the edited image of the same study, with 95 % intervals.

    Between two cohorts it is the fall from cohort A to cohort B, as it is and at the same case mix. One line a model,
    and of several scenarios one each; the dashed line is the largest fall allowed.

    Args:
        result: The audit.
        models: Names of those that are drawn; None for all.
        width: Inches.
    """
    rows = [
        (model.name, label, figure, series_colour(number))
        for number, model in enumerate(result.models)
        for label, figure in _paired(model)
    ]
    return _forest(result, rows, [result.max_drop], models, width)


@drawn
def parts(result: AuditResult, models: Sequence[str] | None = None, width: float = 6.4) -> Drawing:
    """The parts of each model's drop: resizing, autoencoder, sham edit, and the shift beyond it; dashed: tolerance.

    Args:
        result: The audit.
        models: Names of those that are drawn; None for all.
        width: Inches.
    """
    known = [result.instrument, *(model.instrument for model in result.models)]
    tolerance = next((one.tolerance for one in known if one is not None), None)
    limits = [] if tolerance is None else [-tolerance, tolerance]
    rows = [(model.name, *part) for model in result.models for part in _parts(model)]
    return _forest(result, rows, limits, models, width)


@drawn
def subgroups(result: AuditResult, models: Sequence[str] | None = None, width: float = 6.4) -> Drawing:
    """Drop of the primary metric in every subgroup, with 95 % intervals; grey, "few": under 20 patients.

    Args:
        result: The audit.
        models: Names of those that are drawn; None for all.
        width: Inches.
    """
    rows = [
        (
            model.name,
            f"{plain(group.column)}: {plain(group.value)}{' (few)' if group.small else ''}",
            group.drop,
            MUTED if group.small else series_colour(number),
        )
        for number, model in enumerate(result.models)
        for group in model.subgroups
    ]
    return _forest(result, rows, [result.max_drop], models, width)


def _paired(model: ModelResult) -> list[tuple[str, Estimate]]:
    found: list[tuple[str, Estimate | None]] = []
    if len(model.scenarios) > 1:
        for name, scenario in model.scenarios.items():
            if "stress" in scenario.paired:
                found.append((plain(name), scenario.paired["stress"].paired_drop))
    if "stress" in model.paired:
        found.append(("all edits" if found else "edited", model.paired["stress"].paired_drop))
    for arm, label in BETWEEN.items():
        if arm in model.paired:
            found.append((label, model.paired[arm].drop))
    return [(label, figure) for label, figure in found if figure is not None]


def _parts(model: ModelResult) -> list[tuple[str, Estimate, str]]:
    drops = {arm: paired.paired_drop for arm, paired in model.paired.items()}
    found: list[tuple[str, Estimate | None, str]] = [
        ("whole drop, same studies", drops.get("stress"), "stress"),
        ("by resizing", drops.get("geometry"), "geometry"),
        ("by the autoencoder", drops.get("reconstruction"), "reconstruction"),
        ("by the sham edit", model.sham_effect, "sham"),
        ("by the shift, beyond it", model.shift_effect, "shift"),
    ]
    if len(model.scenarios) > 1:
        found += [(f"  {plain(name)}", one.shift_effect, "shift") for name, one in model.scenarios.items()]
    return [(label, figure, COLOURS[kind]) for label, figure, kind in found if figure is not None]


def _forest(
    result: AuditResult,
    rows: Sequence[Row],
    limits: Sequence[float],
    chosen: Sequence[str] | None,
    width: float,
) -> Drawing:
    """Draw falls of the primary metric: labels left, intervals, and the figures right of the axes.

    The axis holds the intervals of all ``rows``, so that plots of single models can be laid side by side; drawn are
    those of the ``chosen`` models (None: all), and these have a heading.
    """
    unit = fall_unit(result.primary)
    scale = 100.0 if unit == "points" else 1.0
    everyone = [row for row in rows if row[2].value is not None]
    known = [row for row in everyone if chosen is None or row[0] in chosen]
    if not known:
        figure = drawing(width, 1.2)
        what = "film of both cohorts" if result.is_natural else "edited image"
        nothing(figure, f"No {what} was measured, so there is no effect to draw.")
        return figure
    models = list(dict.fromkeys(row[0] for row in known))
    headings = [shortened(model) for model in models] if chosen is None else []
    figure = drawing(width, 0.85 + 0.27 * (len(known) + len(headings)))
    axes = figure.add_subplot()
    place, ticks, labels, told = (0.0 if headings else -1.0), [], [], []
    for model in models:
        if headings:
            ticks.append(place)
            labels.append(shortened(model))
            axes.axhline(place + 0.5, color=LINE, linewidth=0.6)
        for _, label, found, colour in (row for row in known if row[0] == model):
            place += 1
            ticks.append(place)
            labels.append(shortened(label))
            if found.low is not None and found.high is not None:
                ends = (scale * found.low, scale * found.high)
                axes.plot(ends, (place, place), color=colour, linewidth=4, alpha=0.45, solid_capstyle="round")
            axes.plot(scale * (found.value or 0.0), place, "o", color=colour, markersize=6)
            shown = show(found, unit)
            words = f"{shown.text} ({shown.interval})" if shown.interval else shown.text
            told.append(f"{model}, {label.strip()}: {words}")
            beside = words.replace(" points", "")
            at = ("axes fraction", "data")
            axes.annotate(beside, (1.01, place), xycoords=at, va="center", fontsize=8.5, color=INK)
        place += 1.4
    axes.set_yticks(ticks, labels)
    for tick, label in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_fontweight("bold" if label in headings else "normal")
    axes.set_ylim(place - 0.6, -0.6)
    axes.set_xlim(*_span(everyone, limits, scale))
    axes.axvline(0.0, color=MUTED, linewidth=1.0, zorder=1)
    for limit in limits:
        rule(axes, x=scale * limit)
    axes.tick_params(axis="y", length=0)
    what = "points of accuracy" if unit == "points" else "Dice"
    axes.set_xlabel(f"fall in {what}; right of 0 is worse", fontsize=8.5)
    figure.description = "; ".join(told) + "."
    return figure


def _span(rows: Sequence[Row], limits: Sequence[float], scale: float) -> tuple[float, float]:
    ends = [0.0, *(scale * limit for limit in limits)]
    ends += [
        scale * end for _, _, one, _ in rows for end in (one.low, one.value, one.high) if end is not None
    ]
    margin = 0.05 * (max(ends) - min(ends))
    return min(ends) - margin, max(ends) + margin
