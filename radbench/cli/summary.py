"""The one table at the end of a run: models by arms, accuracy with its interval, the verdict."""

from rich.console import Console
from rich.table import Table
from rich.text import Text

from radbench.audit.result import Arm, AuditResult, Estimate, ModelResult, Verdict

_STYLES = {
    Verdict.PASS: "bold green",
    Verdict.FAIL: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
    Verdict.NOT_RUN: "bold yellow",
    Verdict.ERROR: "bold red",
}
_TITLES: dict[Arm, str] = {
    "real": "Real",
    "reconstruction": "Reconstruction",
    "stress": "Stress (edited)",
    "truth": "Truth (rendered)",
}


def print_summary(console: Console, result: AuditResult) -> None:
    """Print the table of an audit's result.

    Args:
        console: Where to.
        result: The only source of every figure in the table.
    """
    arms: list[Arm] = [arm for arm in _TITLES if any(arm in model.arms for model in result.models)]
    table = Table(title=f"{result.shift.title}: accuracy (95 % interval)", title_justify="left")
    table.add_column("Model", overflow="fold")
    for arm in arms:
        count = max(model.arms[arm].n for model in result.models if arm in model.arms)
        table.add_column(f"{_TITLES[arm]}\nn = {count}", justify="right")
    table.add_column("Drop", justify="right")
    table.add_column("Verdict")
    for model in result.models:
        table.add_row(*_row(model, arms))
    console.print(table)
    console.print(_judgement(result), highlight=False)


def _row(model: ModelResult, arms: list[Arm]) -> list[str | Text]:
    cells = [_cell(model.metric(arm, "accuracy")) for arm in arms]
    drop = model.paired["stress"].drop if "stress" in model.paired else None
    verdict = Text(model.verdict.value, style=_STYLES[model.verdict])
    return [Text(model.name), *cells, _cell(drop), verdict]


def _cell(estimate: Estimate | None) -> str:
    if estimate is None or estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f}\n{estimate.low:.3f} to {estimate.high:.3f}"


def _judgement(result: AuditResult) -> Text:
    rule = f"largest accepted drop {result.max_drop:g}, judged on the bound of the interval"
    kind = "gate" if result.gate else "no gate: the exit code stays 0 without --max-drop"
    return Text.assemble("Overall ", (result.verdict.value, _STYLES[result.verdict]), f" ({rule}; {kind})")
