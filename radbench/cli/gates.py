"""``radbench gates``: what a diffusion bundle must be able to do, measured."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import NamedBundle
from radbench.errors import UsageError

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
    """Measure what a bundle must be able to do and print it.

    Args:
        bundle: The bundle: ``phantom``, a folder or the YAML file of an assembly.
        shift: The shift whose editor settings the placebo is edited with.
        write: Also write the figures into the bundle's datasheet (and, of the embedded one, its card).

    Returns:
        The exit code: 0 if every gate is passed, 3 otherwise.

    Raises:
        UsageError: The bundle or the shift does not exist, or the datasheet cannot be written.
    """
    from rich.console import Console

    from radbench.api.bundles import named_bundle, uses_hub
    from radbench.api.environment import prepare_environment
    from radbench.api.job import read_shift
    from radbench.cli.progress import say
    from radbench.diffusion.assembly import EMBEDDED, resolve
    from radbench.testsets.task import edit_settings

    console = Console()
    settings = edit_settings(read_shift(shift).editor)
    found = named_bundle(bundle)
    prepare_environment(hub=uses_hub(found))
    folder = resolve(found).root
    if write and folder is None:
        raise UsageError(f"The bundle '{bundle}' is an assembly and has no datasheet; leave --write out.")
    from radbench.diffusion.bundle import load_bundle
    from radbench.diffusion.editors import EditSettings
    from radbench.reference.diffusion_bundle import write_card
    from radbench.reference.gates import run_gates as measure
    from radbench.reference.judge import Judge

    loaded = load_bundle(found)
    with console.status("Measuring") as status:
        gates = measure(
            loaded,
            Judge(),
            EditSettings(**settings),  # type: ignore[arg-type]
            lambda what: status.update(f"Measuring: {what}"),
        )
    _print_gates(console, gates)
    if write and folder is not None:
        _write_gates(folder, gates)
        if found == EMBEDDED:
            write_card(loaded, folder)
        say(console, f"Written into {folder / 'datasheet.json'}")
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


def _write_gates(folder: Path, gates: "list[Gate]") -> None:
    from radbench.reference.diffusion_bundle import write_datasheet

    sheet = folder / "datasheet.json"
    content = json.loads(sheet.read_text(encoding="utf-8")) if sheet.is_file() else {}
    write_datasheet(folder, content | {"gates": [gate.as_dict() for gate in gates]})


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("gates")(gates)
