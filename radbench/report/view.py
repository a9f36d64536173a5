"""The models in words: verdict and headline, one line a model, each model's figures, the rank and the pairs.

Every number is already in words and every word already chosen. Templates decide where things stand; nothing is
computed there. What a template reads by name is a ``Row``.
"""

from dataclasses import dataclass
from types import SimpleNamespace as Row

from radbench.harness.gates.verdict import beside_model
from radbench.harness.result import Arm, AuditResult, Estimate, ModelResult, TestResult, Verdict
from radbench.harness.result.words import (
    Shown,
    capital,
    fall_unit,
    metric_name,
    metric_unit,
    p_value,
    plain,
    show,
    spread,
)
from radbench.plots.scores import scores as draw_scores

_SIGNS = {
    Verdict.PASS: ("pass", "✓"),
    Verdict.FAIL: ("fail", "✗"),
    Verdict.INCONCLUSIVE: ("unsure", "?"),
    Verdict.NOT_RUN: ("none", "–"),
    Verdict.ERROR: ("fail", "!"),
}
ARM_WORDS: tuple[tuple[Arm, str, str], ...] = (
    ("real", "Real", "the whole real test set"),
    ("stress", "Synthetic", "the edited images: the shift"),
    ("sham", "Sham", "control: edited to keep what it shows"),
    ("geometry", "Geometry", "control: resized to the editor's size and back, nothing else"),
    ("reconstruction", "Reconstruction", "control: decoded without an edit"),
    ("truth", "True counterfactual", "control: rendered, without any editor"),
    ("anchor", "Anchors", "real films that show the shift already"),
)
"""The arms in the order of the page, with a title and an explanation."""
COHORT_WORDS: tuple[tuple[Arm, str, str], ...] = (
    ("real", "Cohort A", "the reference, as it is"),
    ("natural", "Cohort B", "held against it, as it is"),
    ("common", "Cohort A, common strata", "cut down to the strata that cohort B has too"),
    ("reweighted", "Cohort B, at A's case mix", "weighted, in the strata that both have"),
)
"""Likewise of two cohorts."""
_NOT_RUN = "the model was not run"


@dataclass(frozen=True)
class Badge:
    """A verdict: its word, the tone that colours it and the sign before it."""

    word: str
    tone: str
    sign: str


def badge(verdict: Verdict) -> Badge:
    """Return a verdict's word, tone and sign."""
    return Badge(plain(verdict.value), *_SIGNS[verdict])


def arm_words(result: AuditResult) -> tuple[tuple[Arm, str, str], ...]:
    """Return the arms that an audit may have, in the order of the page, with a title and an explanation."""
    return COHORT_WORDS if result.is_natural else ARM_WORDS


def side_names(result: AuditResult) -> Row:
    """Return what is called ``real`` and ``stress`` in a table's head: what is judged, and what it is held against."""
    if not result.is_natural:
        return Row(real="Real", stress="Synthetic")
    if result.judged == "natural":
        return Row(real="Cohort A", stress="Cohort B")
    cut = ", common strata" if result.held_against == "common" else ""
    return Row(real=f"Cohort A{cut}", stress="Cohort B, at A's case mix")


def headline(result: AuditResult) -> str:
    """Say the overall verdict in one line; control models are no part of it."""
    judged = [model for model in result.models if model.role == "model"]
    total = len(judged)
    found = sum(model.verdict is result.verdict for model in judged)
    of_all = f"{found} of {total} models" if total != 1 else "the model"
    unsure = f"Too few images to decide for {of_all}"
    where = "on cohort B" if result.is_natural else "under this shift"
    if result.instrument is not None and result.instrument.verdict is Verdict.INCONCLUSIVE:
        unsure = "The controls do not let the editor's part be told from the shift's"
    not_run = "Not everything was run, so nothing is concluded"
    if result.out_of_domain:  # whatever else is amiss, this comes first
        unsure = not_run = result.out_of_domain.removesuffix(".")
    return {
        Verdict.PASS: f"The model holds {where}" if total == 1 else f"All {total} models hold {where}",
        Verdict.FAIL: capital(f"{of_all} {'fails' if found == 1 else 'fail'} {where}"),
        Verdict.INCONCLUSIVE: unsure,
        Verdict.NOT_RUN: not_run,
        Verdict.ERROR: capital(f"{of_all} could not be run"),
    }[result.verdict]


def reference_metric(result: AuditResult) -> str | None:
    """Name the real-set metric that a stress set of one class must be compared with.

    All edited images negative: ``specificity`` on the real negatives; all positive: ``sensitivity`` on the
    real positives; both classes, or none as in a segmentation: None.
    """
    labels = {case.label for case in result.cases if case.arm == "stress"}
    names: dict[frozenset[int | None], str] = {frozenset({0}): "specificity", frozenset({1}): "sensitivity"}
    return names.get(frozenset(labels))


def expected_flips(result: AuditResult) -> float | None:
    """Return the share of edited images whose label the edit changed: the flip rate of a faultless model."""
    real = {(case.model, case.study_id): case.label for case in result.unedited}
    changes = [
        real[case.model, case.study_id] != case.label
        for case in result.cases
        if case.arm == "stress" and case.label is not None and (case.model, case.study_id) in real
    ]
    return sum(changes) / len(changes) if changes else None


def present_arms(result: AuditResult) -> list[tuple[Arm, str, str]]:
    """Return the arms that the audit has: no truth where none is known, no sham or geometry where none was made."""
    absent: set[str] = set() if result.cohort.truth_known else {"truth"}
    made = {arm for model in result.models for arm in model.arms}
    absent |= {"sham", "geometry", "anchor", "common"} - made
    return [
        row
        for row in arm_words(result)
        if row[0] not in absent and (row[0] in made or row[0] != "reweighted")
    ]


def run_spread(model: ModelResult, arm: Arm, metric: str) -> str:
    """Return mean ± SD of one figure over the model's runs, or "" where there are not several."""
    found = None if model.checkpoints is None else model.checkpoints.arms.get(arm, {}).get(metric)
    return "" if found is None else spread(found.mean, found.sd, metric_unit(metric))


def beside_every_model(result: AuditResult) -> list[str]:
    """Return what the verdicts of all of several models leave out alike."""
    first, *others = [beside_model(result, model) for model in result.models] or [[]]
    return [words for words in first if others and all(words in other for other in others)]


def main_figures(result: AuditResult, model: ModelResult, missing: str = "not measured") -> dict[str, Shown]:
    """Return the primary metric on ``real`` and ``stress`` images and the ``drop`` that is judged.

    Between cohorts these are what is judged and what it is held against; ``unweighted`` is the drop as they are.
    """
    unit, paired = metric_unit(result.primary), model.paired.get(result.judged)
    as_is = model.paired.get("natural")
    return {
        "real": show(model.metric(result.held_against, result.primary), unit, missing),
        "stress": show(model.metric(result.judged, result.primary), unit, missing),
        "drop": show(None if paired is None else paired.drop, fall_unit(result.primary), missing),
        "unweighted": show(None if as_is is None else as_is.drop, fall_unit(result.primary), missing),
    }


def model_view(result: AuditResult, model: ModelResult, series: int = 0) -> Row:
    """Put one model's figures into words; ``series`` is the number of its colour in the charts.

    ``beside`` is what its verdict leaves out and not every model's; ``rows`` are the arms of the primary metric, each
    with its mean ± SD over several runs (``spread``, or ""); ``metrics`` all figures; ``scenarios`` each of several
    scenarios by itself.
    """
    paired, everyones = model.paired.get("stress"), beside_every_model(result)
    reference = reference_metric(result)
    missing = _NOT_RUN if not model.arms else "the test set has no edited image"
    against = "both classes were edited, so the whole test set is the reference"
    found: dict[str, Estimate | None] = {} if paired is None else dict(paired)
    reference_drop = found.get("specificity_drop") if reference == "specificity" else None
    unit, fall = metric_unit(result.primary), fall_unit(result.primary)
    scored = any(case.model == model.name and case.score is not None for case in result.cases)
    no_arm = _NOT_RUN if not model.arms else "no such image"
    return Row(
        name=model.name,
        title=model.title or model.name,
        series=series % 6,
        is_control=model.role == "control",
        badge=badge(model.verdict),
        reason=model.reason,
        beside=" ".join(words for words in beside_model(result, model) if words not in everyones),
        error=model.error or "",
        rows=[
            Row(
                arm=arm,
                title=title,
                explained=explained,
                primary=show(model.metric(arm, result.primary), unit, no_arm),
                spread=run_spread(model, arm, result.primary),
            )
            for arm, title, explained in present_arms(result)
        ],
        **main_figures(result, model, missing),
        reference=show(model.metric("real", reference) if reference else None, missing=against),
        reference_drop=show(reference_drop, "points", against),
        flip_rate=show(found.get("flip_rate"), missing=missing),
        score_change=show(found.get("score_change"), "score", missing),
        beyond_reconstruction=show(found.get("beyond_reconstruction"), fall, missing),
        truth_gap=show(model.truth_gap, fall, "the true counterfactuals are not known"),
        metrics=[
            Row(arm=title, metric=metric_name(name), shown=show(figure, metric_unit(name)))
            for arm, title, _ in arm_words(result)
            if arm in model.arms
            for name, figure in model.arms[arm].metrics.items()
        ],
        scenarios=_scenario_rows(result, model),
        figure=draw_scores(result, [model.name]) if scored else None,
    )


def _scenario_rows(result: AuditResult, model: ModelResult) -> list[Row]:
    rows = []
    for name, found in model.scenarios.items():
        arm, pair = found.arms.get("stress"), found.paired.get("stress")
        primary = show(None if arm is None else arm.metrics.get(result.primary), metric_unit(result.primary))
        flips = show(None if pair is None else pair.flip_rate)
        rows.append(Row(scenario=plain(name), primary=primary, flip_rate=flips))
    return rows


def summary_rows(result: AuditResult) -> list[Row]:
    """Return one row a model, judged ones first: its main figures, its p value and what it did not answer."""
    rows = [_summary_row(result, model, index) for index, model in enumerate(result.models)]
    return sorted(rows, key=lambda row: bool(row.is_control))


def _summary_row(result: AuditResult, model: ModelResult, index: int) -> Row:
    test, stress = main_test(model), model.arms.get(result.judged)
    silent = 0 if stress is None else stress.indeterminate
    return Row(
        name=model.name,
        series=index % 6,
        is_control=model.role == "control",
        badge=badge(model.verdict),
        **main_figures(result, model, _NOT_RUN if not model.arms else "no such image"),
        p="–" if test is None else p_value(corrected(test.p, test.p_holm)),
        unanswered=f"{silent} of {stress.n}" if silent and stress is not None else "",
        error=model.error or "",
    )


def main_test(model: ModelResult) -> TestResult | None:
    """Return the test of the primary metric over everyone and all scenarios; None where none was made."""
    found = [test for test in model.tests if not test.subgroup and test.test != "mcnemar"]
    pooled = [test for test in found if test.scenario == "all"]
    return next(iter([*pooled, *(found if len(found) == 1 else [])]), None)


def corrected(p: float | None, p_holm: float | None) -> float | None:
    """Return the corrected p value, or the plain one where it was not corrected."""
    return p if p_holm is None else p_holm


def power_lines(result: AuditResult) -> list[tuple[str, str]]:
    """Return what the test set can show, model by model; once where all say the same."""
    lines = [(model.name, model.power.line) for model in result.models if model.power is not None]
    return [("", lines[0][1])] if lines and len({line for _, line in lines}) == 1 else lines


def ranking_view(result: AuditResult) -> Row:
    """Rank the models by the primary metric on the stress set, and compare them in pairs on the same images.

    ``ranks`` is empty where fewer than two models were measured; equal figures share a place. ``apart`` says of a pair
    whether the interval of its difference leaves out 0.
    """
    measured = [
        (figure, model) for model in result.models if (figure := model.metric(result.judged, result.primary))
    ]
    found = sorted(
        [(figure.value, model) for figure, model in measured if figure.value is not None],
        key=lambda pair: -pair[0],
    )
    levels = [value for value, _ in found]
    ranks = [
        Row(
            place=1 + levels.index(value),
            name=model.name,
            is_control=model.role == "control",
            badge=badge(model.verdict),
            **main_figures(result, model),
        )
        for value, model in found
    ]
    fall = fall_unit(result.primary)
    pairs = [
        Row(
            first=one.first,
            second=one.second,
            difference=show(one.difference, fall),
            drop_difference=show(one.drop_difference, fall),
            p=p_value(corrected(one.p, one.p_holm)),
            apart=one.difference.low is not None and one.difference.low > 0,
        )
        for one in result.comparisons
    ]
    return Row(ranks=tuple(ranks) if len(ranks) > 1 else (), pairs=pairs)
