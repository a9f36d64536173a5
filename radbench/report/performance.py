"""How well the models do: a segmentation's overlap and distances, calibration, and several runs of one model."""

from types import SimpleNamespace as Row
from typing import cast

from radbench.harness.result import Arm, ArmResult, AuditResult, ModelResult
from radbench.harness.result.words import (
    capital,
    fall_unit,
    metric_name,
    metric_unit,
    number,
    plain,
    show,
    spread,
)
from radbench.plots.curves import precision_recall, roc
from radbench.plots.pictures import boxes
from radbench.plots.scores import before_after, bland_altman
from radbench.plots.scores import calibration as draw_calibration
from radbench.plots.style import Drawing
from radbench.report.view import arm_words, present_arms, run_spread


def segmentation_view(result: AuditResult) -> Row | None:
    """Put a segmentation's figures into a table and the box plots of the paper's Figure 5; None for a classification.

    Each model's ``rows`` are the real images first, then each scenario's arms; their ``figures`` follow ``metrics``.
    """
    if result.task != "segmentation":
        return None
    measured = [name for model in result.models for arm in model.arms.values() for name in arm.metrics]
    names = list(dict.fromkeys([result.primary, *measured]))
    models = [
        Row(
            name=model.name,
            series=index % 6,
            is_control=model.role == "control",
            rows=_segmentation_rows(result, model, names),
        )
        for index, model in enumerate(result.models)
    ]
    distances = [name for name in names if metric_unit(name) == "pixels"]
    charted = [names[0], *distances[:1]] if result.cases else []  # as in the paper
    return Row(
        metrics=[capital(metric_name(name)) for name in names],
        models=models,
        charts=[(capital(metric_name(name)), boxes(result, name)) for name in charted],
        has_missed=any(row.missed for model in models for row in model.rows),
        has_runs=any(row.spread for model in models for row in model.rows),
    )


def _segmentation_rows(result: AuditResult, model: ModelResult, names: list[str]) -> list[Row]:
    titles = {arm: title for arm, title, _ in arm_words(result)}

    def row(found: ArmResult, arm: Arm, scenario: str) -> Row:
        whole = not scenario or len(model.scenarios) == 1
        return Row(
            arm=arm,
            title=f"{plain(scenario)}: {titles[arm].lower()}" if scenario else titles[arm],
            n=found.n,
            missed=found.missed or 0,
            figures=[show(found.metrics.get(name), metric_unit(name)) for name in names],
            spread=run_spread(model, arm, names[0]) if whole else "",
        )

    rows = [row(model.arms["real"], "real", "")] if "real" in model.arms else []
    edited = [arm for arm, _, _ in present_arms(result) if arm != "real"]
    if result.is_natural:
        return rows + [row(model.arms[arm], arm, "") for arm in edited if arm in model.arms]
    return rows + [
        row(found.arms[arm], arm, scenario)
        for scenario, found in model.scenarios.items()
        for arm in edited
        if arm in found.arms
    ]


def calibration_views(result: AuditResult) -> list[Row]:
    """Return the models that give probabilities, each with its diagram, its tenths of the score, and its errors."""
    return [_calibration(result, model) for model in result.models if model.calibration]


def _calibration(result: AuditResult, model: ModelResult) -> Row:
    arms: tuple[Arm, ...] = ("real", "natural") if result.is_natural else ("real", "stress")
    titles = {arm: title for arm, title, _ in arm_words(result)}
    return Row(
        name=model.name,
        is_control=model.role == "control",
        chart=draw_calibration(result, [model.name]) if any(one.n for one in model.calibration) else None,
        rows=[
            Row(
                arm=titles[arm],
                span=f"{one.low:.1f} to {one.high:.1f}",
                n=one.n,
                score=number(one.score),
                positive=number(one.positive, "share"),
            )
            for arm in arms
            for one in model.calibration
            if one.arm == arm and one.n
        ],
        errors=[
            (titles[arm], show(model.metric(arm, "ece"), "ratio"), show(model.metric(arm, "brier"), "ratio"))
            for arm in arms
            if model.metric(arm, "ece") is not None or model.metric(arm, "brier") is not None
        ],
    )


def runs_views(result: AuditResult) -> list[Row]:
    """Return the models that were trained several times, as the paper prints them: mean ± standard deviation.

    ``spreads`` of a set of images follow ``metrics``, "" where fewer than two runs define one.
    """
    views = []
    for model in result.models:
        found = model.checkpoints
        if found is None:
            continue
        names = list(dict.fromkeys(name for spreads in found.arms.values() for name in spreads))
        views.append(
            Row(
                name=model.name,
                runs=found.n,
                failed=found.failed,
                metrics=[metric_name(name) for name in names],
                rows=[
                    Row(arm=arm, title=title, spreads=[run_spread(model, arm, name) for name in names])
                    for arm, title, _ in arm_words(result)
                    if arm in found.arms
                ],
                drop=""
                if found.drop is None
                else spread(found.drop.mean, found.drop.sd, fall_unit(result.primary)),
            )
        )
    return views


def published_rows(result: AuditResult) -> list[Row]:
    """Return the figures that were published of the shift, each beside what was measured here of the model so named."""
    models = {model.name: model for model in result.models}
    titles = {arm: title for arm, title, _ in arm_words(result)}
    rows = []
    for one in result.shift.published:
        name, arm, metric = str(one["name"]), cast("Arm", one["arm"]), str(one["metric"])
        unit, value, sd = metric_unit(metric), float(cast("float", one["value"])), one["sd"]
        model = models.get(name)
        measured = None if model is None else show(model.metric(arm, metric), unit)
        rows.append(
            Row(
                model=one["model"],
                name=name,
                arm=arm,
                data=titles[arm],
                metric=capital(metric_name(metric)),
                place=one["place"],
                published=number(value, unit)
                if sd is None
                else spread(value, float(cast("float", sd)), unit),
                measured=measured,
                runs="" if model is None else run_spread(model, arm, metric),
            )
        )
    return rows


def patient_figures(result: AuditResult) -> list[tuple[str, str, Drawing]]:
    """Return (model, what, figure): every image before and after its edit, and of a segmentation how far they agree."""
    found = []
    edited = [case for case in result.cases if case.arm == "stress"]
    known = {case.model for case in edited if case.score is not None or result.task == "segmentation"}
    for model in result.models:
        if model.name in known:
            found.append((model.name, "before and after", before_after(result, [model.name])))
            if result.task == "segmentation":
                found.append((model.name, "agreement", bland_altman(result, [model.name])))
    return found


def curve_figures(result: AuditResult) -> list[tuple[str, str, Drawing]]:
    """Return (model, what, figure): ROC and precision-recall curves, where some arm has scores of both classes."""
    scored = {case.model for case in result.cases if case.score is not None}
    both = len({case.label for case in result.cases if case.arm == "real"}) > 1
    models = [model.name for model in result.models if both and model.name in scored]
    kinds = (("ROC", roc), ("precision and recall", precision_recall))
    return [(name, what, draw(result, [name])) for name in models for what, draw in kinds]
