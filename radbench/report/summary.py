"""An audit in short: Markdown for a pull request or a CI system's summary of a step, and HTML for a notebook.

Models, patients and data sets name themselves and give reasons, so nothing of theirs is markup here: no tag, link,
image, mention, issue number or column of a table can be smuggled into the page.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, TypeVar

from radbench.harness.gates.verdict import beside_model, beside_shift, together
from radbench.harness.result import Arm, AuditResult, Estimate, GateResult, ModelResult, Verdict
from radbench.harness.result.words import fall_unit, metric_name, metric_unit, show

_Row = TypeVar("_Row", GateResult, ModelResult)

SUMMARY: Final = "summary.md"
ROWS: Final = 100
"""Most rows of a table; those that pass make room first. A comment on GitHub may have 65,536 characters."""

LONGEST: Final = 1000
"""Most characters of a reason with what stands beside it."""

_SPECIAL: Final = re.compile(r"([\\`*_\[\]~$])")
_LINKED: Final = re.compile(r"(@|#|:(?=//)|www(?=\.)|GH(?=-))", re.IGNORECASE)
_JOINER: Final = "\u2060"
_ORDER: Final = (Verdict.ERROR, Verdict.FAIL, Verdict.NOT_RUN, Verdict.INCONCLUSIVE, Verdict.PASS)
_COLOURS: Final = {Verdict.PASS: "#16703f", Verdict.FAIL: "#b3261e"}
_UNSURE: Final = "#8a5a00"
_BIDI: Final = {*map(chr, (0x061C, 0x200E, 0x200F, 0xFEFF)), *map(chr, range(0x202A, 0x202F))} | {
    *map(chr, range(0x2066, 0x206A))
}
"""What turns the direction of the text around it, so that a reader sees other words than there are."""

_NOT_TEXT: Final = {"Cc", "Cs", "Cn"}
_NOTICE: Final = (
    "Edited images are synthetic: evidence of robustness on this test set, and no clinical evidence."
)

_BETWEEN: Final = (
    "Two real cohorts are compared as they were found: a difference has many possible causes, and is no clinical "
    "evidence."
)


def summary_markdown(results: Sequence[AuditResult], unmet: Sequence[GateResult] = ()) -> bytes:
    """Return the results as one GitHub-flavoured Markdown text in UTF-8.

    Args:
        results: One section each.
        unmet: Rules that nothing was run for (``audit.gates.unmet``).
    """
    verdict = Verdict.overall([*(one.verdict for one in results), *(gate.verdict for gate in unmet)])
    blocks = [f"## radbench: {verdict.value}", _headline(results, unmet)]
    for result in results:
        blocks += _section(result)
    if unmet:
        blocks += ["### Rules that nothing was run for", _gates(unmet), *_reasons(unmet)]
    edited = not results or any(not result.is_natural for result in results)
    notices = [_NOTICE if edited else "", _BETWEEN if any(result.is_natural for result in results) else ""]
    return ("\n\n".join(filter(None, [*blocks, *notices])) + "\n").encode()


def text(words: str, limit: int = 400) -> str:
    """Return others' words as Markdown that shows them as they are, on one line and without a link."""
    shown = plain(words, limit).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    shown = _LINKED.sub(rf"\1{_JOINER}", _SPECIAL.sub(r"\\\1", shown))
    return shown.replace("|", "&#124;")


def code(words: str, limit: int = 120) -> str:
    """Return a name as a span of code, also inside a table; a dash for none."""
    shown = plain(words, limit).replace("`", "'").replace("|", "¦")
    return f"`{shown}`" if shown.strip() else "–"


def _headline(results: Sequence[AuditResult], unmet: Sequence[GateResult]) -> str:
    gates = [*(gate for result in results for gate in result.gates), *unmet]
    judged = [gate.verdict for gate in gates] or [
        model.verdict for result in results for model in result.models if model.role == "model"
    ]
    found = [f"{judged.count(verdict)} {verdict.value}" for verdict in _ORDER if verdict in judged]
    what = "rule" if gates else "model"
    asked = any(result.gate for result in results) or bool(unmet)
    note = "" if asked else " No gate was asked for."
    first = next((f"{text(result.out_of_domain)} " for result in results if result.out_of_domain), "")
    return (
        f"{first}{len(judged)} {what}{'s' * (len(judged) != 1)}: {', '.join(found) or 'none judged'}.{note}"
    )


def _section(result: AuditResult) -> list[str]:
    blocks = [f"### {text(result.shift.title)} ({code(result.shift.name)}): {result.verdict.value}"]
    blocks.append(_models(result))
    if result.gates:
        blocks += ["**Gates**", _gates(result.gates), *_reasons(result.gates)]
        blocks += _list(
            f"{code(model.name)}: {text(model.reason)}" for model in result.models if model.forced
        )
    else:
        blocks += _list(
            f"{model.verdict.value}, {code(model.name)}: " + text(words, LONGEST)
            for model in result.models
            if model.role == "model" and (words := _beside(result, model))
        )
    blocks += _list(f"Beside every verdict: {text(words, LONGEST)}" for words in beside_shift(result))
    if result.instrument is not None:
        instrument = result.instrument
        blocks.append(f"Instrument: {instrument.verdict.value}. {text(instrument.reason)}")
    if result.baseline is not None:
        same = (
            "on the same test set"
            if result.baseline.same_testset
            else f"on another test set ({'cohort B' if result.is_natural else 'edited images'} unpaired)"
        )
        blocks.append(f"Compared with the baseline {code(result.baseline.sha256[:12])}, {same}.")
    sizes = f"{result.cohort.studies} real and {result.testset.ok} edited images"
    if result.against is not None:
        sizes = f"{result.cohort.studies} images of cohort A and {result.against.studies} of cohort B"
    version = code(result.tool.get("radbench", "unknown"))
    return [
        *blocks,
        f"{sizes}, seed {result.seed}, test set {code(result.testset.key[:12])}, radbench {version}.",
    ]


def _beside(result: AuditResult, model: ModelResult) -> str:
    """Return why a model does not pass, and what its verdict leaves out; "" for a pass that leaves out nothing."""
    quiet = model.verdict is Verdict.PASS and not model.forced
    return together("" if quiet else model.error or model.reason, beside_model(result, model))


def _models(result: AuditResult) -> str:
    def last(model: ModelResult) -> list[str]:
        if result.is_natural:
            return [_figure(_drop(model, "natural"))] if result.judged == "reweighted" else []
        return [_figure(model.shift_effect)]

    rows = [
        [
            code(model.name) + (" (control)" if model.role == "control" else ""),
            model.verdict.value,
            _value(model.metric(result.held_against, result.primary)),
            _value(model.metric(result.judged, result.primary)),
            _figure(_drop(model, result.judged)),
            *last(model),
        ]
        for model in _gravest_kept(result.models)
    ]
    name = result.primary.capitalize()
    head = ["Model", "Verdict on the drop", f"{name}, real", f"{name}, stress", "Drop", "Shift effect"]
    if result.is_natural:
        head[2:] = [f"{name}, cohort A", f"{name}, cohort B", "Drop"]
    if result.judged == "reweighted":
        head[2:] = [*head[2:3], f"{head[3]} at A's case mix", "Drop", "Drop without weights"]
    return _table(head, rows, len(result.models))


def _gates(gates: Sequence[GateResult]) -> str:
    rows = [
        [text(gate.rule), code(gate.model), _figure(gate.estimate), gate.verdict.value, text(gate.why) or "–"]
        for gate in _gravest_kept(gates)
    ]
    return _table(["Rule", "Model", "Measured (95 % interval)", "Verdict", "Why the rule"], rows, len(gates))


def _reasons(gates: Sequence[GateResult]) -> list[str]:
    return _list(
        f"{gate.verdict.value}, {text(gate.rule)}{f' ({code(gate.model)})' if gate.model else ''}: "
        + text(together("" if gate.verdict is Verdict.PASS else gate.reason, gate.left_out), LONGEST)
        for gate in _gravest_kept(gates)
        if gate.verdict is not Verdict.PASS or gate.left_out
    )


def _list(items: Iterable[str]) -> list[str]:
    found = [f"- {item}" for item in items]
    return ["\n".join(found)] if found else []


def _gravest_kept(rows: Sequence[_Row]) -> list[_Row]:
    """Return at most ``ROWS`` in their order, left out first what passes."""
    numbers = sorted(range(len(rows)), key=lambda number: _ORDER.index(rows[number].verdict))
    return [rows[number] for number in sorted(numbers[:ROWS])]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], total: int) -> str:
    lines = [head, ["---"] * len(head), *rows]
    table = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    return table if total <= len(rows) else f"{table}\n\n{total - len(rows)} more rows are in the report."


def _drop(model: ModelResult, arm: Arm) -> Estimate | None:
    paired = model.paired.get(arm)
    return None if paired is None else paired.drop


def _value(figure: Estimate | None) -> str:
    return "–" if figure is None or figure.value is None else f"{round(figure.value, 3) + 0.0:.3f}"


def _figure(figure: Estimate | None) -> str:
    value = _value(figure)
    if figure is None or figure.low is None or figure.high is None or figure.value is None:
        return value
    if figure.low == figure.value == figure.high == figure.n:  # a count
        return f"{figure.n}"
    return f"{value} ({round(figure.low, 3) + 0.0:.3f} to {round(figure.high, 3) + 0.0:.3f})"


def plain(text: str, limit: int = 2000) -> str:
    """Return ``text`` as one line without control characters, lone surrogates and turns of direction.

    Args:
        text: Anything.
        limit: Most characters; a longer text ends in an ellipsis.
    """
    found = "".join(char for char in " ".join(text.split()) if _shows(char))
    return found if len(found) <= limit else found[: limit - 1] + "…"


def _shows(char: str) -> bool:
    return unicodedata.category(char) not in _NOT_TEXT and char not in _BIDI


def summary_html(result: AuditResult) -> str:
    """Return verdict, reason and a table of the models; everything from vendors is escaped."""
    rows = []
    for model in result.models:
        paired = model.paired.get(result.judged)
        figures = (
            show(model.metric(result.held_against, result.primary), metric_unit(result.primary)),
            show(model.metric(result.judged, result.primary), metric_unit(result.primary)),
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
    sides = ("cohort A", "cohort B") if result.is_natural else ("real", "edited")
    heads = ("model", "verdict", f"{name}, {sides[0]}", f"{name}, {sides[1]}", "drop", "why")
    header = "".join(f"<th>{head}</th>" for head in heads)
    told = f"<p>{escape(result.out_of_domain)}</p>" if result.out_of_domain else ""
    return (
        f"<div><p><b>{escape(result.shift.title)}</b>: {_coloured(result.verdict)}</p>{told}"
        f"<table><thead><tr>{header}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _coloured(verdict: Verdict) -> str:
    return f'<b style="color:{_COLOURS.get(verdict, _UNSURE)}">{verdict.value}</b>'
