"""``radbench compare-editors``: one shift, edited by every editor, measured against the truth."""

from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import BatchSize, Bundle, Device, DeviceOption, Models, Out, Seed

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.harness.evidence.edits import EditorComparison
    from radbench.harness.result import Estimate

_FIGURES = (
    ("error in the edit mask", "edit_error", 4),
    ("the same, unedited", "source_error", 4),
    ("change in the keep mask", "keep_change", 4),
    ("change outside both", "outside_change", 4),
    ("kept object retained", "retained", 2),
    ("seam against the source", "seam", 2),
    ("seam against the truth", "seam_vs_truth", 2),
)


def compare_editors(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    *,
    shift: Annotated[str, typer.Option(help="Name of a declared shift, or its YAML file.")],
    editor: Annotated[
        list[str] | None,
        typer.Option(help="radedit, diffedit, lance, sdedit or inpaint; repeatable. Default: all."),
    ] = None,
    model: Models = None,
    out: Out = None,
    limit: Annotated[int, typer.Option(min=2, help="Images that each editor edits.")] = 32,
    steps: Annotated[int | None, typer.Option(min=1, max=1000, help="Steps, instead of the shift's.")] = None,
    guidance_scale: Annotated[
        float | None, typer.Option(min=0.0, max=100.0, help="Guidance, instead of the shift's.")
    ] = None,
    skip_ratio: Annotated[
        float | None, typer.Option(min=0.0, max=0.99, help="Share of steps skipped, instead of the shift's.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    seed: Seed = 0,
    batch_size: BatchSize = 8,
    bundle: Bundle = None,
) -> None:
    """Edit one shift with every editor; measure errors, seams, what is kept, time, and the models' answers."""
    with guarded(debug=context.obj):
        from rich.console import Console

        from radbench.api.editors import DEFAULT_OUT, Strength, compare
        from radbench.api.job import RunOptions
        from radbench.cli.progress import ConsoleProgress, say

        options = RunOptions(
            shift=shift,
            models=tuple(model or ()),
            out=out or DEFAULT_OUT,
            limit=limit,
            device=device.value,
            seed=seed,
            batch_size=batch_size,
            bundle=bundle,
        )
        console = Console()
        strength = Strength(steps, guidance_scale, skip_ratio)
        found = compare(options, editor or (), strength, ConsoleProgress(console))
        page = found.report(out or DEFAULT_OUT)
        print_comparison(console, found.result)
        say(console, f"Comparison: {page}")


def print_comparison(console: "Console", comparison: "EditorComparison") -> None:
    """Print one column an editor, so that the table fits a narrow terminal."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    rows = comparison.rows
    table = Table(title=f"{comparison.title}: editors compared", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("", overflow="fold")
    for row in rows:
        table.add_column(row.editor, justify="right")
    table.add_row("images", *(str(row.n) for row in rows))
    for words, name, digits in _FIGURES:
        table.add_row(words, *(_cell(getattr(row, name), digits) for row in rows))
    for model in rows[0].models:
        table.add_row(f"{comparison.primary}, {model}", *(_cell(row.models[model], 2) for row in rows))
        if model in rows[0].truth:
            table.add_row("  on the truth", *(_cell(row.truth[model], 2) for row in rows))
    table.add_row("seconds an image", *("" if row.seconds is None else f"{row.seconds:.2f}" for row in rows))
    console.print(table)


def _cell(found: "Estimate", digits: int) -> str:
    return "undefined" if found.value is None else f"{found.value:.{digits}f}"
