"""An audit as a notebook shows it: the verdict and one line a model, as a fragment of HTML."""

from html import escape
from typing import Final

from radbench.harness.result import AuditResult, Verdict
from radbench.harness.words import fall_unit, metric_name, metric_unit, show

_COLOURS: Final = {Verdict.PASS: "#16703f", Verdict.FAIL: "#b3261e"}
_UNSURE: Final = "#8a5a00"


def summary_html(result: AuditResult) -> str:
    """Return verdict, reason and a table of the models; everything from vendors is escaped."""
    rows = []
    for model in result.models:
        paired = model.paired.get("stress")
        figures = (
            show(model.metric("real", result.primary), metric_unit(result.primary)),
            show(model.metric("stress", result.primary), metric_unit(result.primary)),
            show(None if paired is None else paired.drop, fall_unit(result.primary)),
        )
        cells = [escape(model.name), _coloured(model.verdict)]
        cells += [
            escape(f"{one.text} ({one.interval})" if one.interval else one.text) if one.defined else "-"
            for one in figures
        ]
        reason = escape(model.error or model.reason)
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in (*cells, reason)) + "</tr>")
    name = escape(metric_name(result.primary))
    heads = ("model", "verdict", f"{name}, real", f"{name}, edited", "drop", "why")
    header = "".join(f"<th>{head}</th>" for head in heads)
    told = f"<p>{escape(result.out_of_domain)}</p>" if result.out_of_domain else ""
    return (
        f"<div><p><b>{escape(result.shift.title)}</b>: {_coloured(result.verdict)}</p>{told}"
        f"<table><thead><tr>{header}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _coloured(verdict: Verdict) -> str:
    return f'<b style="color:{_COLOURS.get(verdict, _UNSURE)}">{verdict.value}</b>'
