"""``radbench validate``: predicted against true drops, where the true counterfactuals are known."""

from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import BatchSize, Bundle, Device, DeviceOption, Models, Out

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.harness.evidence.agreement import Agreement


def validate(
    context: typer.Context,
    *,
    shift: Annotated[
        list[str] | None, typer.Option(help="Name of a shift; repeatable. Default: the three declared ones.")
    ] = None,
    model: Models = None,
    out: Out = None,
    limit: Annotated[int, typer.Option(min=2, help="Images edited for each shift and seed.")] = 40,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, each with its own patients.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 1,
    device: DeviceOption = Device.AUTO,
    batch_size: BatchSize = 8,
    bundle: Bundle = None,
) -> None:
    """Hold the predicted drops against the true ones, over shifts, models and seeds."""
    with guarded(debug=context.obj):
        from rich.console import Console

        from radbench.api.job import RunOptions
        from radbench.api.series import ALL_SHIFTS
        from radbench.api.validation import DEFAULT_OUT, validate_shifts
        from radbench.cli.progress import ConsoleProgress, say

        shifts = list(dict.fromkeys(shift or ALL_SHIFTS))
        options = RunOptions(
            shift=shifts[0],
            models=tuple(model or ()),
            out=out or DEFAULT_OUT,
            limit=limit,
            device=device.value,
            seed=seed,
            batch_size=batch_size,
            bundle=bundle,
        )
        console = Console()
        found = validate_shifts(options, shifts, seeds, ConsoleProgress(console))
        table = found.write(out or DEFAULT_OUT)
        print_agreement(console, found.result)
        say(console, f"Agreement: {table}")


def print_agreement(console: "Console", found: "Agreement") -> None:
    """Print one row an audit, and a sentence a group of them."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    from radbench.cli.progress import say
    from radbench.cli.summary import number

    table = Table(title="Predicted against true drop", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("Shift", "Model"):
        table.add_column(heading, overflow="fold")
    for heading in ("Seed", "n", "Predicted", "True", "Error"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in found.rows:
        figures = (number(row.predicted), number(row.true), f"{round(row.error, 3) + 0.0:+.3f}")
        table.add_row(row.shift, row.model, str(row.seed), str(row.n), *figures)
    console.print(table)
    for part in found.summaries:
        error, rank, coverage = (
            "undefined" if value is None else f"{value:.3f}"
            for value in (part.mean_absolute_error, part.rank_correlation, part.coverage)
        )
        say(
            console,
            f"{part.group} (n = {part.n}): mean absolute error {error}, rank correlation {rank}, "
            f"coverage of the 95 % interval {coverage}",
        )
