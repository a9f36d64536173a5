"""``radbench gates``: what a diffusion bundle must be able to do, measured."""

import math
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import NamedBundle

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.reference.gates import Gate

GATE_FAILED = 3


def gates(
    context: typer.Context,
    *,
    bundle: NamedBundle = "phantom",
    shift: Annotated[
        str, typer.Option(help="Shift whose editor settings the placebo takes.")
    ] = "manifestation",
    write: Annotated[
        bool, typer.Option("--write", help="Write the figures into the bundle's datasheet.")
    ] = False,
) -> None:
    """Measure what the diffusion bundle must be able to do."""
    with guarded(debug=context.obj):
        raise typer.Exit(run_gates(bundle, shift=shift, write=write))


def run_gates(bundle: str, *, shift: str, write: bool) -> int:
    """Measure what a bundle must be able to do and print it; return 0 if every gate is passed, 3 otherwise."""
    from rich.console import Console

    from radbench.api.bundle_gates import measure_gates
    from radbench.cli.progress import ConsoleProgress, say

    console = Console()
    gates, sheet = measure_gates(bundle, shift, ConsoleProgress(console), write=write)
    _print_gates(console, gates)
    if sheet is not None:
        say(console, f"Written into {sheet}")
    return 0 if all(gate.passed for gate in gates) else GATE_FAILED


def _print_gates(console: "Console", gates: "list[Gate]") -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="Gates", title_justify="left")
    table.add_column("Gate", overflow="fold")
    table.add_column("Measured", justify="right")
    table.add_column("Limit", justify="right")
    table.add_column("")
    for gate in gates:
        passed = Text("passed", style="green") if gate.passed else Text("FAILED", style="bold red")
        limit = f"{gate.sense} {gate.limit:g}" if math.isfinite(gate.limit) else "none"
        table.add_row(Text(gate.name), f"{gate.value:.4f}", limit, passed if limit != "none" else "")
    console.print(table)
