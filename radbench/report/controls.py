"""What says whether a drop is the shift's or the editor's: reconstruction, sham, placebo, control models."""

from dataclasses import dataclass

from radbench.harness.result import AuditResult, Estimate, Instrument, ModelResult, Verdict
from radbench.harness.words import Shown, Unit, fall, fall_unit, footnotes, plain, show
from radbench.plots.effects import parts
from radbench.plots.style import Drawing
from radbench.report.inline_svg import WIDTH
from radbench.report.view import Badge, badge

_Effects = list[tuple[str, str, Shown]]

_MEANING = {
    Verdict.PASS: "The instrument can be believed: edits that should change nothing move no model by more than "
    "the tolerance, so a larger drop is the shift's and not the editor's.",
    Verdict.INCONCLUSIVE: "The instrument cannot be believed here: an edit that should change nothing moves a "
    "model, a model known to be sound falls, or the bundle never saw such films. The drops may be the editor's own "
    "doing, so they are shown and not judged.",
    Verdict.NOT_RUN: "The instrument was not checked: there are no sham edits, so this report cannot say how "
    "much of a drop is the editor's.",
    Verdict.FAIL: "The instrument failed its own check, so the drops are shown and not judged.",
    Verdict.ERROR: "The instrument could not be checked, because a model could not be run.",
}


@dataclass(frozen=True)
class InstrumentView:
    """The verdict on the instrument in words; ``reason`` is the audit's own sentence."""

    badge: Badge
    meaning: str
    reason: str


@dataclass(frozen=True)
class ControlView:
    """One model's effects, what the controls say of it, and its forest plot."""

    name: str
    is_control: bool
    instrument: InstrumentView | None
    effects: tuple[tuple[str, str, Shown], ...]
    forest: Drawing | None


@dataclass(frozen=True)
class PlaceboRow:
    """One scenario's placebo: the change where the finding is absent, as a share of that where it is there."""

    scenario: str
    n: int
    share: Shown
    limit: str
    badge: Badge


@dataclass(frozen=True)
class ControlsView:
    """All that the section on controls shows; ``notes`` qualify the effects."""

    instrument: InstrumentView | None
    tolerance: str
    has_sham: bool
    models: tuple[ControlView, ...]
    control_models: tuple[str, ...]
    placebo: tuple[PlaceboRow, ...]
    notes: tuple[str, ...]


def controls_view(result: AuditResult) -> ControlsView:
    """Put the controls of an audit into words and charts; all plots share one axis."""
    effects = {model.name: _effects(result, model) for model in result.models}
    tolerance = _tolerance(result)
    return ControlsView(
        instrument=instrument_view(result.instrument),
        tolerance="" if tolerance is None else fall(tolerance, result.primary),
        has_sham=any("sham" in model.arms for model in result.models),
        models=tuple(
            ControlView(
                model.name,
                model.role == "control",
                instrument_view(model.instrument),
                tuple(effects[model.name]),
                parts(result, [model.name], WIDTH)
                if any(shown.defined for _, _, shown in effects[model.name])
                else None,
            )
            for model in result.models
        ),
        control_models=tuple(model.name for model in result.models if model.role == "control"),
        placebo=_placebo(result),
        notes=footnotes((label, shown) for found in effects.values() for _, label, shown in found),
    )


def instrument_view(instrument: Instrument | None) -> InstrumentView | None:
    """Explain the verdict on the instrument; None where nothing was measured."""
    if instrument is None:
        return None
    return InstrumentView(badge(instrument.verdict), _MEANING[instrument.verdict], instrument.reason)


def _tolerance(result: AuditResult) -> float | None:
    found = [result.instrument, *(model.instrument for model in result.models)]
    return next((instrument.tolerance for instrument in found if instrument is not None), None)


def _effects(result: AuditResult, model: ModelResult) -> _Effects:
    """Return (kind, label, figure) from the whole drop to its parts, then the shift effect by scenario."""
    unit = fall_unit(result.primary)
    drops = {arm: paired.paired_drop for arm, paired in model.paired.items()}
    found: list[tuple[str, str, Estimate | None]] = [
        ("stress", "Whole drop on the same studies", drops.get("stress")),
        ("geometry", "by resizing to the editor's size and back", drops.get("geometry")),
        ("reconstruction", "by encoding and decoding alone", drops.get("reconstruction")),
        ("sham", "by the sham edit", model.sham_effect),
        ("shift", "by the shift, beyond the sham", model.shift_effect),
    ]
    if len(model.scenarios) > 1:
        found += [
            ("shift", f"beyond the sham: {plain(name)}", scenario.shift_effect)
            for name, scenario in model.scenarios.items()
        ]
    return [(kind, label, _shown(figure, unit)) for kind, label, figure in found if figure is not None]


def _shown(figure: Estimate, unit: Unit) -> Shown:
    return show(figure, unit)


def _placebo(result: AuditResult) -> tuple[PlaceboRow, ...]:
    return tuple(
        PlaceboRow(
            plain(row.scenario),
            row.n,
            show(row.share),
            f"{100 * row.limit:g} %",
            badge(Verdict.PASS if row.passed else Verdict.FAIL if row.share.defined else Verdict.NOT_RUN),
        )
        for row in result.placebo
    )
