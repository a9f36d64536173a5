"""What a run prints in the end: each model's verdict, every arm's primary metric and the drop, and the gates."""

from collections.abc import Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from radbench.harness.gates.verdict import beside_model, beside_shift, together
from radbench.harness.result import Arm, AuditResult, Estimate, GateResult, ModelResult, Verdict
from radbench.report.summary import plain

STYLES = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.NOT_RUN: "bold yellow",
    Verdict.ERROR: "bold red",
}
_TITLES: dict[Arm, str] = {
    "real": "Real",
    "geometry": "Geometry (resized)",
    "reconstruction": "Reconstruction",
    "sham": "Sham (finding kept)",
    "stress": "Stress (edited)",
    "truth": "Truth (rendered)",
    "natural": "Cohort B",
    "common": "Cohort A (common strata)",
    "reweighted": "Cohort B (A's case mix)",
    "anchor": "Anchors (real films)",
}
_METRICS = {"accuracy": "Accuracy", "dice": "Dice"}


def print_summary(console: Console, result: AuditResult) -> None:
    """Print the table of an audit's result.

    Args:
        console: Where to.
        result: The only source of every figure in the table.
    """
    if result.out_of_domain:
        line = Text.assemble(("No verdict: ", "bold yellow"), result.out_of_domain)
        console.print(line, highlight=False, soft_wrap=True)
    metric = _METRICS[result.primary]
    table = Table(
        title=f"{result.shift.title}: {metric if metric != 'Accuracy' else 'accuracy'}",
        title_justify="left",
        box=SIMPLE_HEAD,
    )
    table.add_column("Model", overflow="fold")
    table.add_column("Images")
    for header in ("n", metric, "95 % interval"):
        table.add_column(header, justify="right", no_wrap=True)
    for model in result.models:
        _add(table, model, result)
    console.print(table)
    console.print(_judgement(result), highlight=False, soft_wrap=True)
    if result.instrument is not None:
        console.print(_of_instrument(result), highlight=False, soft_wrap=True)
    _print_anchors(console, result)
    _print_beside(console, result)
    for model in result.models:
        if model.forced:
            line = Text.assemble(("Forced ", "bold yellow"), f"{model.name}: {model.reason}")
            console.print(line, highlight=False, soft_wrap=True)


def _print_anchors(console: Console, result: AuditResult) -> None:
    """Print whether the anchors agree with the edits, a line a model and scenario."""
    for model in result.models:
        for one in model.anchors:
            line = Text.assemble(
                (f"Anchors {one.verdict}", "bold"), f" ({plain(model.name)}): {plain(one.reason)}"
            )
            console.print(line, highlight=False, soft_wrap=True)


def _print_beside(console: Console, result: AuditResult) -> None:
    """Print what the verdicts leave out, a line a sentence."""
    told = [("every verdict", words) for words in beside_shift(result)]
    told += [
        (f"the verdict on {plain(model.name)}", words)
        for model in result.models
        for words in beside_model(result, model)
    ]
    for which, words in told:
        line = Text.assemble((f"Beside {which}", "bold"), f": {plain(words)}")
        console.print(line, highlight=False, soft_wrap=True)


def _add(table: Table, model: ModelResult, result: AuditResult) -> None:
    """Add a model's rows; its name, its verdict and its role stand in the first column, one below the other."""
    titles = _TITLES | ({"real": "Cohort A"} if result.is_natural else {})
    rows = [(titles[arm], model.metric(arm, result.primary)) for arm in titles if arm in model.arms]
    drops: dict[Arm, str] = {"stress": "Drop (real-stress)", "natural": "Drop (A-B)"}
    drops["reweighted"] = "Drop (A-B, A's case mix)"
    rows += [(words, model.paired[arm].drop) for arm, words in drops.items() if arm in model.paired]
    if model.shift_effect is not None:
        rows.append(("Shift (sham-stress)", model.shift_effect))
    for one in model.anchors:
        where = f", {plain(one.scenario)}" if len(model.anchors) > 1 else ""
        rows += [(f"Anchored{where}", one.combined), (f"Drop to anchored{where}", one.drop)]
    if not rows:
        rows.append((model.error or "nothing was measured", None))
    labels = [Text(model.name, style="bold"), Text(model.verdict.value, style=STYLES[model.verdict])]
    if model.role == "control":
        labels.append(Text("control model", style="italic"))
    for index in range(max(len(rows), len(labels))):
        label = labels[index] if index < len(labels) else Text()
        name, estimate = rows[index] if index < len(rows) else ("", None)
        table.add_row(label, Text(name), *_figures(estimate))
    table.add_section()


def _figures(estimate: Estimate | None) -> tuple[str, str, str]:
    if estimate is None:
        return "", "", ""
    value = "-" if estimate.value is None else number(estimate.value)
    if estimate.low is None or estimate.high is None:
        return str(estimate.n), value, "-"
    return str(estimate.n), value, f"{number(estimate.low)} to {number(estimate.high)}"


def number(value: float) -> str:
    """Return a figure with three decimals; what rounds to nothing is 0.000, never -0.000."""
    return f"{round(value, 3) + 0.0:.3f}"


def _judgement(result: AuditResult) -> Text:
    asked = "sets the exit code" if result.gate else "no gate was asked for"
    kind = f"{asked}: {result.exit_code}"
    rule = f"accepted drop {result.max_drop:g}, judged on the bound of the interval; {kind}"
    return Text.assemble("Overall ", (result.verdict.value, STYLES[result.verdict]), f" ({rule})")


def _of_instrument(result: AuditResult) -> Text:
    if result.instrument is None:
        return Text()
    verdict = result.instrument.verdict
    return Text.assemble("Instrument ", (verdict.value, STYLES[verdict]), f" ({result.instrument.reason})")


def print_gates(console: Console, gates: Sequence[GateResult]) -> None:
    """Print a table of rules; below it those that do not pass say why, and all of them what they leave out."""
    if not gates:
        return
    table = Table(title="Gates", title_justify="left", box=SIMPLE_HEAD)
    for header in ("Rule", "Model", "Verdict"):
        table.add_column(header, overflow="fold")
    for gate in gates:
        verdict = Text(gate.verdict.value, style=STYLES[gate.verdict])
        table.add_row(Text(plain(gate.rule)), Text(plain(gate.model) or "-"), verdict)
    console.print(table)
    for gate in gates:
        if gate.verdict.value != "PASS" or gate.left_out:
            where = f" ({plain(gate.model)})" if gate.model else ""
            reason = "" if gate.verdict.value == "PASS" else gate.reason
            line = Text.assemble(
                (gate.verdict.value, STYLES[gate.verdict]),
                f" {plain(gate.rule)}{where}: {plain(together(reason, gate.left_out))}",
            )
            console.print(line, highlight=False, soft_wrap=True)
