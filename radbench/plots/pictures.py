"""Pictures of cases: original, edited image with the masks' outlines, difference; and where boxes of figures lie."""

import textwrap
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from radbench.harness.result import AuditResult
from radbench.harness.result.words import capital, metric_name, metric_unit, plain
from radbench.plots.style import COLOURS, Drawing, drawing, drawn, nothing, series_colour, shortened

_MOST_DOTS = 120
_FEWEST_MASKS = 3
_GOLDEN = 0.618033988749895
Key = tuple[str, str]
"""Study and scenario."""


class Case(Protocol):
    """One edited image: pictures uint8 [H, W], masks bool [H, W]."""

    @property
    def original(self) -> NDArray[np.uint8]: ...  # noqa: D102
    @property
    def edited(self) -> NDArray[np.uint8]: ...  # noqa: D102
    @property
    def edit_mask(self) -> NDArray[np.bool_]: ...  # noqa: D102
    @property
    def keep_mask(self) -> NDArray[np.bool_] | None: ...  # noqa: D102
    @property
    def truth(self) -> NDArray[np.uint8] | None: ...  # noqa: D102
    @property
    def scores(self) -> dict[str, tuple[float | None, float | None]]: ...  # noqa: D102


@drawn
def gallery(result: AuditResult, items: Iterable[tuple[Key, Case]]) -> Drawing:
    """A row a case: the original, the edited image with edit mask (orange) and keep mask (blue), what changed.

    Where it is known, the true counterfactual stands beside. Edited images are synthetic.
    """
    cases = list(items)
    if not cases:
        figure = drawing(height=1.2)
        nothing(figure, "There are no edited images to show.")
        return figure
    truth = any(case.truth is not None for _, case in cases)
    columns = 4 if truth else 3
    figure = drawing(2.2 * columns, 2.45 * len(cases))
    panels = figure.subplots(len(cases), columns, squeeze=False)
    for row, ((study, scenario), case) in zip(panels, cases, strict=True):
        change = case.edited.astype(np.int16) - case.original.astype(np.int16)
        _show(row[0], case.original, f"{study}, {plain(scenario)}")
        _show(row[1], case.edited, "edited (synthetic)")
        _outline(row[1], case.edit_mask, COLOURS["stress"])
        if case.keep_mask is not None:
            _outline(row[1], case.keep_mask, COLOURS["real"])
        row[2].imshow(change, cmap="RdBu_r", vmin=-128, vmax=128, interpolation="nearest")
        _bare(row[2], "change")
        if truth:
            if case.truth is None:
                row[3].set_axis_off()
            else:
                _show(row[3], case.truth, "true counterfactual")
        said = [
            f"{model} {_said(before)} to {_said(after)}" for model, (before, after) in case.scores.items()
        ]
        row[0].set_xlabel("\n".join(said), fontsize=7.5)
    del result
    return figure


@drawn
def error_map(result: AuditResult, items: Iterable[tuple[Key, Case]]) -> Drawing:
    """Where on the body edits make each model fail: loss of the primary metric, averaged over the edit masks.

    At each pixel the mean, over the edited images whose edit mask holds it, of the value on the real image minus that
    on the edited one; behind it the mean original image. Pixels that fewer than three masks hold are left out. Squares
    are laid over each other as they are: cohorts whose films are not alike in position have no meaningful map.
    """
    lost = {(case.model, case.study_id): case.value for case in result.unedited}
    falls: dict[Key, dict[str, float]] = {}
    for case in result.cases:
        if case.arm == "stress" and (case.model, case.study_id) in lost:
            fall = lost[case.model, case.study_id] - case.value
            falls.setdefault((case.study_id, case.scenario), {})[case.model] = fall
    names = [model.name for model in result.models if any(model.name in found for found in falls.values())]
    count: NDArray[np.float64] | None = None
    for key, item in items:
        if count is None:
            count, behind = np.zeros(item.original.shape), np.zeros(item.original.shape)
            sums = {name: np.zeros(item.original.shape) for name in names}
            seen = 0
        count += item.edit_mask
        behind += item.original
        seen += 1
        for name in names:
            sums[name] += falls.get(key, {}).get(name, 0.0) * item.edit_mask
    if count is None or not names or count.max() < _FEWEST_MASKS:
        figure = drawing(height=1.2)
        nothing(figure, f"Fewer than {_FEWEST_MASKS} edit masks lie over each other: there is no map.")
        return figure
    figure = drawing(3.0 * len(names) + 0.8, 3.2)
    panels = figure.subplots(1, len(names), squeeze=False)[0]
    shown, told = count >= _FEWEST_MASKS, []
    heats = {name: np.where(shown, sums[name] / np.maximum(count, 1), np.nan) for name in names}
    most = max(0.1, *(float(np.nanmax(heat)) for heat in heats.values()))
    for axes, name in zip(panels, names, strict=True):
        heat = heats[name]
        axes.imshow(behind / seen, cmap="gray", vmin=0, vmax=255)
        drawn_heat = axes.imshow(heat, cmap="inferno", vmin=0, vmax=most, alpha=0.65)
        _bare(axes, shortened(name))
        row, column = np.unravel_index(int(np.nanargmax(heat)), heat.shape)
        told.append(f"{name}: largest mean loss {np.nanmax(heat):.2f} at row {row}, column {column}")
    figure.colorbar(drawn_heat, ax=panels, shrink=0.8, label=f"mean loss of {metric_name(result.primary)}")
    figure.description = "; ".join(told) + "."
    return figure


def worst(result: AuditResult, keys: Sequence[Key], most: int) -> list[Key]:
    """Return the cases that models lose most by the edit, the worst first; ties by the given order."""
    real = {(case.model, case.study_id): case.value for case in result.unedited}
    lost: dict[Key, float] = {}
    for case in result.cases:
        if case.arm == "stress" and (case.model, case.study_id) in real:
            key = (case.study_id, case.scenario)
            fall = real[case.model, case.study_id] - case.value
            lost[key] = max(lost.get(key, -np.inf), fall)
    known = {key: place for place, key in enumerate(keys)}
    ranked = sorted((key for key in known), key=lambda key: (-lost.get(key, -np.inf), known[key]))
    return ranked[:most]


@drawn
def boxes(result: AuditResult, metric: str | None = None) -> Drawing:
    """Box plots of a segmentation's figures, image by image: real, then each scenario (the paper's Figure 5).

    Boxes are quartiles and median, whiskers the 5th and 95th percentiles, dots the images (of at most 120). Images
    beyond three heights of their box are left out of the axis, and counted in words.
    """
    name = metric or result.primary
    scenarios = list(dict.fromkeys(case.scenario for case in result.cases if case.arm == "stress"))
    groups = [("real", "real"), *((scenario, "stress") for scenario in scenarios)]
    if result.is_natural:
        groups = [("cohort A", "real"), ("cohort B", "natural")]
    figure = drawing(max(4.2, min(9.0, 1.0 + 0.8 * len(groups) * max(1, len(result.models) / 2))), 3.4)
    told = []
    near: list[float] = []
    everything: list[float] = []
    axes = figure.add_subplot()
    for number, model in enumerate(result.models):
        for place, (scenario, arm) in enumerate(groups):
            values = [
                value
                for case in result.cases
                if case.model == model.name
                and case.arm == arm
                and (arm != "stress" or case.scenario == scenario)
                if (value := case.value if name == result.primary else case.figures.get(name)) is not None
            ]
            if not values:
                continue
            low, median, high = np.percentile(values, [25, 50, 75])
            told.append(
                f"{plain(scenario)}, {model.name}: median {median:.3g}, quartiles {low:.3g} to {high:.3g} "
                f"(n = {len(values)})"
            )
            middle = place + (number - (len(result.models) - 1) / 2) * 0.8 / len(result.models)
            everything += values
            near += _near(values)
            if len(values) <= _MOST_DOTS:
                spread = (np.arange(len(values)) * _GOLDEN) % 1 - 0.5
                across = middle + 0.45 / len(result.models) * spread
                axes.scatter(across, values, s=4, color=series_colour(number), alpha=0.35, linewidth=0)
            parts = axes.boxplot(
                [values],
                positions=[middle],
                widths=0.65 / len(result.models),
                whis=(5, 95),
                showfliers=False,
                patch_artist=True,
                manage_ticks=False,
            )
            for part in ("boxes", "whiskers", "caps", "medians"):
                for line in parts[part]:
                    line.set_color(series_colour(number))
            parts["boxes"][0].set(alpha=0.35, label=shortened(model.name) if place == 0 else None)
    names = [textwrap.fill(plain(scenario).replace("-", " "), 14) for scenario, _ in groups]
    axes.set_xticks(range(len(groups)), names, fontsize=8)
    unit = {"ratio": "higher is better", "mm": "mm, lower is better"}.get(
        metric_unit(name), "pixels, lower is better"
    )
    axes.set_ylabel(f"{capital(metric_name(name))} ({unit})")
    if near:
        margin = 0.05 * (max(near) - min(near)) or 0.05
        axes.set_ylim(min(near) - margin, max(near) + margin)
        beyond = [value for value in everything if not min(near) <= value <= max(near)]
        if beyond:
            furthest = max(beyond, key=lambda value: max(min(near) - value, value - max(near)))
            images = "1 image lies" if len(beyond) == 1 else f"{len(beyond)} images lie"
            told.append(f"{images} beyond the axis, the furthest at {furthest:.3g}")
            axes.set_title(told[-1], fontsize=8, fontweight="normal")
    axes.legend(loc="best")
    figure.description = "; ".join(told) + "."
    return figure


def _near(values: Sequence[float]) -> list[float]:
    """Return the ends of what lies within three heights of a box."""
    found = np.asarray(values, float)
    low, first, third, high = np.percentile(found, [5, 25, 75, 95])
    reach = 3 * (third - first)
    inside = found[(found >= min(low, first - reach)) & (found <= max(high, third + reach))]
    return [float(inside.min()), float(inside.max())]


def _show(axes: Axes, image: NDArray[np.uint8], title: str) -> None:
    axes.imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    _bare(axes, title)


def _bare(axes: Axes, title: str) -> None:
    axes.set_title(title, fontsize=8.5)
    axes.set_xticks([])
    axes.set_yticks([])


def _outline(axes: Axes, mask: NDArray[np.bool_], colour: str) -> None:
    if mask.any() and not mask.all():
        axes.contour(mask.astype(float), levels=[0.5], colors=[colour], linewidths=1.0)


def _said(score: float | None) -> str:
    return "-" if score is None else f"{score:.2f}"
