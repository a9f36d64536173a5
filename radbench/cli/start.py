"""``radbench init``, ``radbench list`` and ``radbench schema``: how to begin, what there is, what a file may hold."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.guard import guarded


def init(
    context: typer.Context,
    name: Annotated[
        str, typer.Argument(help="Name of the shift: small letters, digits, hyphens.")
    ] = "my-shift",
    *,
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="A cohort's folder or table, whose columns and masks are offered.",
            metavar="FOLDER",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Where shifts/ and models_under_test/ are made.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Replace files that are there already.")] = False,
) -> None:
    """Write a commented shift and model to start from; asks nothing."""
    with guarded(debug=context.obj):
        from radbench.api.starting import write_start

        shift, model = write_start(name, out, source, force=force)
        typer.echo(f"Shift: {shift}")
        typer.echo(f"Model: {model}")
        typer.echo(f"Run it: radbench run --shift {shift}")


def list_declared(
    context: typer.Context,
    kind: Annotated[
        str | None,
        typer.Argument(
            help="shifts, models, bundles, editors, cohorts, datasets, formats or figures. Default: all."
        ),
    ] = None,
) -> None:
    """Show what there is by name."""
    with guarded(debug=context.obj):
        from rich.box import SIMPLE_HEAD
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        from radbench.api.environment import prepare_environment
        from radbench.api.listing import listed

        prepare_environment()
        table = Table(box=SIMPLE_HEAD)
        table.add_column("Kind")
        table.add_column("Name", overflow="fold", no_wrap=True)
        table.add_column("", overflow="fold")
        last = ""
        for one in listed(kind):
            table.add_row(one.kind if one.kind != last else "", Text(one.name, style="bold"), Text(one.about))
            last = one.kind
        Console().print(table)


def schema(
    context: typer.Context,
    kind: Annotated[str, typer.Argument(help="shift, model, bundle, gates or recipe.")],
) -> None:
    """Print the JSON Schema of a kind of YAML file, for editors."""
    with guarded(debug=context.obj):
        from radbench.api.schemas import schema_text

        sys.stdout.write(schema_text(kind))
