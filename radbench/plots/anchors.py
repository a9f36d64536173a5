"""The primary metric on real films, on anchors, on synthetic images, and as one figure of both, with intervals."""

from collections.abc import Sequence

from matplotlib.axes import Axes

from radbench.harness.result import AuditResult, Estimate, ModelResult
from radbench.harness.result.words import metric_name, metric_unit, plain, show
from radbench.plots.style import COLOURS, INK, LINE, Drawing, drawing, drawn, nothing, shortened

Row = tuple[str, Estimate, str]
"""What, the figure, and its colour."""


@drawn
def anchors(result: AuditResult, models: Sequence[str] | None = None, width: float = 6.4) -> Drawing:
    """Primary metric on the real set, the anchors, the synthetic images and anchored, with 95 % intervals.

    One block a model and scenario; the combined figure borrows from the synthetic images as far as the anchors agree.

    Args:
        result: The audit.
        models: Names of those that are drawn; None for all.
        width: Inches.
    """
    shown = [model for model in result.models if model.anchors]
    chosen = [model for model in shown if models is None or model.name in models]
    blocks = [(model, *block) for model in chosen for block in _blocks(result, model)]
    if not blocks:
        figure = drawing(width, 1.2)
        nothing(figure, "No anchor was measured, so there is none to draw.")
        return figure
    rows = sum(len(found) for _, _, found in blocks)
    figure = drawing(width, 0.85 + 0.27 * (rows + len(blocks)))
    axes = figure.add_subplot()
    unit = metric_unit(result.primary)
    scale = 100.0 if unit == "share" else 1.0
    place, ticks, labels, bold, told = 0.0, [], [], [], []
    for model, title, found in blocks:
        heading = " ".join(filter(None, (model.name if models is None else "", title)))
        if heading:
            ticks.append(place)
            labels.append(shortened(heading))
            bold.append(len(labels) - 1)
            axes.axhline(place + 0.5, color=LINE, linewidth=0.6)
        for label, one, colour in found:
            place += 1
            ticks.append(place)
            labels.append(label)
            _draw(axes, one, place, colour, scale)
            words = show(one, unit)
            text = f"{words.text} ({words.interval})" if words.interval else words.text
            told.append(f"{model.name} {title} {label}: {text}".replace("  ", " "))
            at = ("axes fraction", "data")
            axes.annotate(text, (1.01, place), xycoords=at, va="center", fontsize=8.5, color=INK)
        place += 1.4
    axes.set_yticks(ticks, labels)
    for number, tick in enumerate(axes.get_yticklabels()):
        tick.set_fontweight("bold" if number in bold else "normal")
    axes.set_ylim(place - 0.6, -0.6 if bold else 0.4)
    axes.set_xlim(
        *_span([one for model in shown for _, rows in _blocks(result, model) for _, one, _ in rows], scale)
    )
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(f"{metric_name(result.primary)}{', %' if unit == 'share' else ''}", fontsize=8.5)
    figure.description = "; ".join(told) + "."
    return figure


def _blocks(result: AuditResult, model: ModelResult) -> list[tuple[str, list[Row]]]:
    found = []
    for one in model.anchors:
        rows: list[tuple[str, Estimate | None, str]] = [
            ("real set", model.metric("real", result.primary), COLOURS["real"]),
            ("anchors (real)", one.anchor, COLOURS["anchor"]),
            ("synthetic", one.stress, COLOURS["stress"]),
            ("combined", one.combined, INK),
        ]
        known = [(label, figure, colour) for label, figure, colour in rows if figure and figure.defined]
        found.append((plain(one.scenario) if len(model.anchors) > 1 else "", known))
    return found


def _draw(axes: Axes, one: Estimate, place: float, colour: str, scale: float) -> None:
    if one.low is not None and one.high is not None:
        ends = (scale * one.low, scale * one.high)
        axes.plot(ends, (place, place), color=colour, linewidth=4, alpha=0.45, solid_capstyle="round")
    axes.plot(scale * (one.value or 0.0), place, "o", color=colour, markersize=6)


def _span(figures: Sequence[Estimate], scale: float) -> tuple[float, float]:
    ends = [scale * end for one in figures for end in (one.low, one.value, one.high) if end is not None]
    margin = 0.05 * (max(ends) - min(ends)) or 0.01 * scale
    return min(ends) - margin, max(ends) + margin
