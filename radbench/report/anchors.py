"""Real films that show the shift, beside the synthetic images: do they agree, and what follows from both."""

from types import SimpleNamespace as Row
from typing import Final

from radbench.harness.result import AnchorResult, AnchorSummary, AuditResult
from radbench.harness.result.words import count, fall, fall_unit, listed, metric_unit, p_value, plain, show
from radbench.plots.anchors import anchors as draw_anchors
from radbench.report.inline_svg import WIDTH
from radbench.report.view import Badge

_BADGES: Final = {
    "agree": Badge("agree", "pass", "✓"),
    "disagree": Badge("disagree", "fail", "✗"),
    "cannot tell": Badge("cannot tell", "unsure", "?"),
    "not measured": Badge("not measured", "none", "–"),
}


def anchors_view(result: AuditResult) -> Row:
    """Put anchors, synthetic images and the combined figure into words and charts; all charts share one axis."""
    known = [model for model in result.models if model.anchors]
    return Row(
        told=[_told(result, one) for one in result.anchors],
        models=[
            Row(
                name=model.name,
                is_control=model.role == "control",
                chart=draw_anchors(result, [model.name], WIDTH)
                if any(one.anchor.defined for one in model.anchors)
                else None,
                rows=[_row(result, one) for one in model.anchors],
            )
            for model in known
        ],
        several=any(len(model.anchors) > 1 for model in known),
    )


def _told(result: AuditResult, one: AnchorSummary) -> str:
    clauses = listed([f"{plain(name)} = {wanted}" for name, wanted in one.select.items()])
    words = (
        f"{plain(one.scenario)}: {count(one.studies, 'real film')} of {count(one.patients, 'patient')} in {one.cohort} "
        f"with {clauses}; a difference of {fall(one.margin, result.primary)} or less counts as none."
    )
    if one.in_real:
        words += f" {count(one.in_real, 'patient')} of them are also in the real set."
    if one.edited:
        words += f" Of {one.edited} of these patients a film is edited too; those edits are not borrowed."
    if one.unlabelled:
        words += (
            f" {count(one.unlabelled, 'further film')} had no label or mask of {plain(result.shift.target)}."
        )
    return words


def _row(result: AuditResult, one: AnchorResult) -> Row:
    unit, points = metric_unit(result.primary), fall_unit(result.primary)
    return Row(
        scenario=plain(one.scenario),
        anchor=show(one.anchor, unit),
        stress=show(one.stress, unit),
        difference=show(one.difference, points),
        p=p_value(one.p),
        badge=_BADGES[one.verdict],
        reason=one.reason,
        combined=show(one.combined, unit),
        drop=show(one.drop, points),
        borrowed=f"{one.borrowed:.0f}",
        n=one.n,
        edits=one.stress.n,
    )
