"""The commands that prove editors and audits: ``compare-editors`` and ``validate``."""

from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import Device, DeviceOption

_Out = Annotated[Path | None, typer.Option(help="Folder for the results.")]
_Seed = Annotated[int, typer.Option(min=0, help="Seed of the edits and the intervals.")]
_Batch = Annotated[int, typer.Option(min=1, help="Images edited at once; never changes a pixel.")]
_Bundle = Annotated[
    str | None, typer.Option(help="Diffusion bundle to use instead of the shift's: folder or YAML file.")
]
_Models = Annotated[
    list[str] | None, typer.Option(help="Name or YAML file of a model; repeatable. Default: the shift's.")
]


def compare_editors(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    *,
    shift: Annotated[str, typer.Option(help="Name of a declared shift, or its YAML file.")],
    editor: Annotated[
        list[str] | None,
        typer.Option(help="radedit, diffedit, lance, sdedit or inpaint; repeatable. Default: all."),
    ] = None,
    model: _Models = None,
    out: _Out = None,
    limit: Annotated[int, typer.Option(min=2, help="Images that each editor edits.")] = 32,
    steps: Annotated[int | None, typer.Option(min=1, max=1000, help="Steps, instead of the shift's.")] = None,
    guidance_scale: Annotated[
        float | None, typer.Option(min=0.0, max=100.0, help="Guidance, instead of the shift's.")
    ] = None,
    skip_ratio: Annotated[
        float | None, typer.Option(min=0.0, max=0.99, help="Share of steps skipped, instead of the shift's.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    seed: _Seed = 0,
    batch_size: _Batch = 8,
    bundle: _Bundle = None,
) -> None:
    """Edit one shift with every editor; measure errors, seams, what is kept, time, and the models' answers."""
    with guarded(debug=context.obj):
        from radbench.cli.compare import Strength
        from radbench.cli.compare import compare_editors as compare
        from radbench.cli.run import OUT, RunOptions

        options = RunOptions(
            shift=shift,
            models=tuple(model or ()),
            out=out or OUT / "compare-editors",
            limit=limit,
            device=device.value,
            seed=seed,
            batch_size=batch_size,
            bundle=bundle,
        )
        compare(options, editor or (), Strength(steps, guidance_scale, skip_ratio))


def validate(
    context: typer.Context,
    *,
    shift: Annotated[
        list[str] | None, typer.Option(help="Name of a shift; repeatable. Default: the three declared ones.")
    ] = None,
    model: _Models = None,
    out: _Out = None,
    limit: Annotated[int, typer.Option(min=2, help="Images edited for each shift and seed.")] = 40,
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds, each with its own patients.")] = 3,
    seed: Annotated[int, typer.Option(min=0, help="The first seed.")] = 1,
    device: DeviceOption = Device.AUTO,
    batch_size: _Batch = 8,
    bundle: _Bundle = None,
) -> None:
    """Hold the predicted drops against the true ones, over shifts, models and seeds."""
    with guarded(debug=context.obj):
        from radbench.cli.index import ALL_SHIFTS
        from radbench.cli.run import RunOptions
        from radbench.cli.validate import validate as run_validation

        shifts = list(dict.fromkeys(shift or ALL_SHIFTS))
        options = RunOptions(
            shift=shifts[0],
            models=tuple(model or ()),
            out=out,
            limit=limit,
            device=device.value,
            seed=seed,
            batch_size=batch_size,
            bundle=bundle,
        )
        run_validation(options, shifts, seeds)


def register(app: typer.Typer) -> None:
    """Add both commands to the application."""
    app.command("compare-editors")(compare_editors)
    app.command("validate")(validate)
