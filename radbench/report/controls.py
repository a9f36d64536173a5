"""What says whether a drop is the shift's or the editor's: controls, the flow of the studies, quality of the edits."""

from types import SimpleNamespace as Row

from radbench.harness.result import AttritionRow, AuditResult, Estimate, Instrument, ModelResult, Verdict
from radbench.harness.result.words import Shown, fall, fall_unit, grey_levels, number, plain, show
from radbench.plots.effects import parts
from radbench.plots.flow import Step, flow
from radbench.report.inline_svg import WIDTH
from radbench.report.view import badge

_MEANING = {
    Verdict.PASS: "The instrument can be believed: edits that should change nothing move no model by more than "
    "the tolerance, so a larger drop is the shift's and not the editor's.",
    Verdict.INCONCLUSIVE: "The instrument cannot be believed here: an edit that should change nothing moves a "
    "model, a model known to be sound falls, real films that show the shift disagree with the edits, or the bundle "
    "never saw such films. The drops may be the editor's own doing, so they are shown and not judged.",
    Verdict.NOT_RUN: "The instrument was not checked: there are no sham edits, so this report cannot say how "
    "much of a drop is the editor's.",
    Verdict.FAIL: "The instrument failed its own check, so the drops are shown and not judged.",
    Verdict.ERROR: "The instrument could not be checked, because a model could not be run.",
}
_ENDS = {"cohort", "tasks", "ok", "rejected", "failed"}
_REJECTED = "rejected: "
_MEASURES = (
    (
        "editing_score",
        "Editing score",
        "how far the picture went where the words went, −1 to 1",
        "min_editing_score",
    ),
    ("change_edit", "Change inside the edit mask", "grey levels", ""),
    ("effect_edit", "of that, by the prompt", "grey levels, against the reconstruction", ""),
    ("change_keep", "Change inside the keep mask", "grey levels; 0 is best", "max_change_keep"),
    ("change_outside", "Change outside both masks", "grey levels", "max_change_outside"),
    ("seam", "Seam around the edit mask", "1 is none", "max_seam"),
    ("saturation", "Newly black or white pixels", "share of the image", "max_saturation"),
)


def controls_view(result: AuditResult) -> Row:
    """Put reconstruction, sham, placebo and control models into words and charts; all plots share one axis."""
    effects = {model.name: _parts(result, model) for model in result.models}
    checked = [one for one in (result.instrument, *(model.instrument for model in result.models)) if one]
    return Row(
        instrument=instrument_view(result.instrument),
        tolerance=fall(checked[0].tolerance, result.primary) if checked else "",
        has_sham=any("sham" in model.arms for model in result.models),
        models=[
            Row(
                name=model.name,
                is_control=model.role == "control",
                instrument=instrument_view(model.instrument),
                effects=effects[model.name],
                forest=parts(result, [model.name], WIDTH)
                if any(shown.defined for _, _, shown in effects[model.name])
                else None,
            )
            for model in result.models
        ],
        control_models=[model.name for model in result.models if model.role == "control"],
        placebo=[
            Row(
                scenario=plain(row.scenario),
                n=row.n,
                share=show(row.share),
                limit=f"{100 * row.limit:g} %",
                badge=badge(
                    Verdict.PASS if row.passed else Verdict.FAIL if row.share.defined else Verdict.NOT_RUN
                ),
            )
            for row in result.placebo
        ],
    )


def instrument_view(instrument: Instrument | None) -> Row | None:
    """Explain the verdict on the instrument, beside the audit's own ``reason``; None where nothing was measured."""
    if instrument is None:
        return None
    return Row(
        badge=badge(instrument.verdict), meaning=_MEANING[instrument.verdict], reason=instrument.reason
    )


def _parts(result: AuditResult, model: ModelResult) -> list[tuple[str, str, Shown]]:
    """Return (kind, label, figure) from the whole drop to its parts, then the shift effect by scenario."""
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
    unit = fall_unit(result.primary)
    return [(kind, label, show(figure, unit)) for kind, label, figure in found if figure is not None]


def flow_views(result: AuditResult) -> list[Row]:
    """Return where every study went: one flow a scenario, or one where the audit does not split its losses.

    Nothing of two cohorts is edited, so they have none.

    Each is a drawing (``chart``) and ``lines`` of (words, number, is a loss).
    """
    if result.is_natural:
        return []
    if len(result.attrition) > 1:
        return [_flow(plain(row.scenario), _of_scenario(result, row)) for row in result.attrition]
    title = plain(result.attrition[0].scenario) if result.attrition else plain(result.shift.name)
    return [_flow(title, _of_testset(result))]


def _flow(scenario: str, steps: list[Step]) -> Row:
    lines: list[tuple[str, int, bool]] = []
    for step in steps:
        lines.append((step.words, step.number, False))
        lines += [(words, number, True) for number, words in step.left_out if number]
    return Row(scenario=scenario, chart=flow(steps), lines=tuple(lines))


def _of_testset(result: AuditResult) -> list[Step]:
    """One scenario: every reason that the test set gives, before and after the edit."""
    before: list[tuple[int, str]] = []
    after: list[tuple[int, str]] = []
    testset, eligible = result.testset, None
    pooled: dict[str, int] = {}
    for name, found in testset.attrition.items():
        if name == "eligible":
            eligible = found
        elif name.startswith(_REJECTED):
            pooled[name.removeprefix(_REJECTED)] = found
        elif name not in _ENDS:
            (before if eligible is None else after).append((found, plain(name).removesuffix(" = 1")))
    reasons = result.attrition[0].rejected if result.attrition else pooled or {"": testset.rejected}
    steps = [_start(result, before)]
    if eligible is not None:
        steps.append(Step("Eligible", eligible, after))
    return [*steps, *_edited(testset.records, reasons, testset.failed, testset.ok)]


def _of_scenario(result: AuditResult, row: AttritionRow) -> list[Step]:
    """One of several scenarios: what it does not select, what a limit leaves out, what is rejected."""
    edited = _edited(row.edited, row.rejected, row.failed, row.kept)
    if row.eligible is None:
        return [_start(result, []), *edited]
    left_out = [
        (result.cohort.unlabelled, f"nothing known of {plain(result.shift.target)}"),
        (result.cohort.studies - row.eligible, "not selected by this scenario"),
    ]
    eligible = Step("Eligible", row.eligible, [(row.eligible - row.edited, "beyond the limit")])
    return [_start(result, left_out), eligible, *edited]


def _start(result: AuditResult, left_out: list[tuple[int, str]]) -> Step:
    cohort = result.cohort
    if cohort.unlabelled:  # patients are counted among the studies that are measured
        return Step("Real studies", cohort.studies + cohort.unlabelled, left_out)
    return Step(f"Real studies of {cohort.patients} patients", cohort.studies, left_out)


def _edited(edited: int, rejected: dict[str, int], failed: int, kept: int) -> list[Step]:
    losses = [(lost, f"rejected: {reason}" if reason else "rejected") for reason, lost in rejected.items()]
    end = Step("Kept, and shown to the models", kept, is_end=True)
    return [Step("Edits planned", edited, [*losses, (failed, "failed")]), end]


def unanswered(result: AuditResult) -> list[str]:
    """Return a sentence for each model that gave no answer for some edited image."""
    found = [(model.name, model.arms["stress"]) for model in result.models if "stress" in model.arms]
    return [
        f"{name} gave no answer for {arm.indeterminate} of {arm.n} edited images; they count as wrong."
        for name, arm in found
        if arm.indeterminate
    ]


def quality_rows(result: AuditResult) -> list[Row]:
    """Return how good the kept edits are: the measures known for some scenario, in reading order.

    ``limit`` is the limit that an image had to keep ("" if it is not judged), ``means`` are by scenario.
    """
    return [
        Row(
            label=label,
            explained=explained,
            limit=_limit(field, limit, result.shift.filter.get(limit)),
            means=[_measure(field, getattr(row, field)) for row in result.edit_quality],
        )
        for field, label, explained, limit in _MEASURES
        if any(getattr(row, field) is not None for row in result.edit_quality)
    ]


def _limit(field: str, limit: str, allowed: object) -> str:
    if not isinstance(allowed, int | float):
        return ""
    return f"{'at least' if limit.startswith('min') else 'at most'} {_measure(field, float(allowed))}"


def _measure(field: str, value: float | None) -> str:
    if field.startswith("change") or field == "effect_edit":
        return grey_levels(value)
    units: dict[str, str] = {"saturation": "share", "editing_score": "score"}
    return number(value, units.get(field, "ratio"))  # type: ignore[arg-type]
