"""Forest plots: what an edit changes in the same patients, and the drop in each subgroup."""

from collections.abc import Sequence

from radbench.harness.result import AuditResult, Estimate, ModelResult
from radbench.harness.words import fall_unit, plain, show
from radbench.plots.style import INK, LINE, MUTED, Drawing, drawing, nothing, rule, series_colour

Row = tuple[str, str, Estimate, str]
"""Model, what, the figure, and its colour."""


def effects(result: AuditResult) -> Drawing:
    """Fall of the primary metric from the real to the edited image of the same study, with 95 % intervals.

    One line a model, and of several scenarios one each; the dashed line is the largest fall allowed.
    """
    rows = [
        (model.name, label, figure, series_colour(number))
        for number, model in enumerate(result.models)
        for label, figure in _paired(model)
    ]
    return forest(result, rows)


def subgroups(result: AuditResult) -> Drawing:
    """Drop of the primary metric in every subgroup, with 95 % intervals; grey: under 20 patients."""
    rows = [
        (
            model.name,
            f"{plain(group.column)}: {group.value} (n = {group.n})",
            group.drop,
            MUTED if group.small else series_colour(number),
        )
        for number, model in enumerate(result.models)
        for group in model.subgroups
    ]
    return forest(result, rows)


def _paired(model: ModelResult) -> list[tuple[str, Estimate]]:
    found: list[tuple[str, Estimate]] = []
    if len(model.scenarios) > 1:
        for name, scenario in model.scenarios.items():
            if "stress" in scenario.paired:
                found.append((plain(name), scenario.paired["stress"].paired_drop))
    if "stress" in model.paired:
        found.append(("all edits" if found else "edited", model.paired["stress"].paired_drop))
    return found


def forest(result: AuditResult, rows: Sequence[Row]) -> Drawing:
    """Draw falls of the primary metric as a forest plot: labels left, intervals, and the figures right of the axes."""
    unit = fall_unit(result.primary)
    scale = 100.0 if unit == "points" else 1.0
    known = [row for row in rows if row[2].value is not None]
    if not known:
        figure = drawing(height=1.2)
        nothing(figure, "No edited image was measured, so there is no effect to draw.")
        return figure
    models = list(dict.fromkeys(row[0] for row in known))
    figure = drawing(height=1.0 + 0.28 * (len(known) + len(models)))
    axes = figure.add_subplot()
    place, ticks, labels = 0.0, [], []
    for model in models:
        ticks.append(place)
        labels.append(model)
        axes.axhline(place + 0.5, color=LINE, linewidth=0.6)
        for _, label, found, colour in (row for row in known if row[0] == model):
            place += 1
            ticks.append(place)
            labels.append(label)
            if found.low is not None and found.high is not None:
                ends = (scale * found.low, scale * found.high)
                axes.plot(ends, (place, place), color=colour, linewidth=4, alpha=0.45, solid_capstyle="round")
            axes.plot(scale * (found.value or 0.0), place, "o", color=colour, markersize=6)
            shown = show(found, unit)
            words = f"{shown.text} ({shown.interval})" if shown.interval else shown.text
            axes.annotate(
                words, (1.01, place), xycoords=("axes fraction", "data"), va="center", fontsize=8.5, color=INK
            )
        place += 1.4
    axes.set_yticks(ticks, labels)
    for tick, label in zip(axes.get_yticklabels(), labels, strict=True):
        tick.set_fontweight("bold" if label in models else "normal")
    axes.set_ylim(place - 0.6, -0.6)
    axes.axvline(0.0, color=MUTED, linewidth=1.0, zorder=1)
    rule(axes, x=scale * result.max_drop)
    axes.tick_params(axis="y", length=0)
    what = "points of accuracy" if unit == "points" else "Dice"
    axes.set_xlabel(f"fall in {what}; right of 0 is worse; dashed: largest fall allowed")
    return figure
