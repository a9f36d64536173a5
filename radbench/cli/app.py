"""The commands and their options; each imports what it needs when it is called."""

import sys
from collections.abc import Callable
from typing import Annotated, Final

import typer

from radbench.cli import (
    bench,
    build,
    check,
    compare_editors,
    export_testset,
    gates,
    import_predictions,
    run,
    start,
    validate,
)
from radbench.cli.data import data_app
from radbench.cli.guard import INTERRUPTED, say
from radbench.cli.train import train_app
from radbench.version import __version__

app = typer.Typer(
    name="radbench",
    help="Stress tests for radiology AI: declared dataset shifts, RadEdit test sets, robustness reports.",
    no_args_is_help=True,
    rich_markup_mode=None,  # plain help: rich alone would cost a third of the time that --help may take
    pretty_exceptions_enable=False,
)
app.add_typer(train_app, name="train")
app.add_typer(data_app, name="data")
_COMMANDS: Final[dict[str, Callable[..., None]]] = {
    "run": run.run,
    "build": build.build,
    "init": start.init,
    "list": start.list_declared,
    "schema": start.schema,
    "check": check.check,
    "export-testset": export_testset.export_testset,
    "import-predictions": import_predictions.import_predictions,
    "compare-editors": compare_editors.compare_editors,
    "validate": validate.validate,
    "gates": gates.gates,
    "bench": bench.bench,
}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)


def main() -> None:
    """Run the command line and exit with its code: 0 pass, 1 internal error, 2 usage, 3 gate failed,
    4 inconclusive or not run, 130 interrupted.
    """  # noqa: D205
    try:
        app()
    except KeyboardInterrupt:
        say("Interrupted before any work began.")
        sys.exit(INTERRUPTED)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"radbench {__version__}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    *,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[  # noqa: ARG001
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Stress tests for radiology AI: declared dataset shifts, RadEdit test sets, robustness reports."""
    context.obj = debug
