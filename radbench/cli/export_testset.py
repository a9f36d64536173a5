"""The command ``export-testset``: the images that a model would be shown, for a vendor who runs it elsewhere."""

from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import Device, DeviceOption


def export_testset(
    context: typer.Context,
    *,
    shift: Annotated[str, typer.Option(help="Name of a declared shift, or its YAML file.")],
    out: Annotated[
        Path | None, typer.Option(help="Folder to write. [default: radbench-out/SHIFT-testset]")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Edit at most this many images; the audit needs the same.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the edits; the audit needs the same.")] = 0,
    device: DeviceOption = Device.AUTO,
    batch_size: Annotated[int, typer.Option(min=1, help="Images edited at once; never changes a pixel.")] = 8,
    bundle: Annotated[
        str | None, typer.Option(help="Diffusion bundle to use instead of the shift's: folder or YAML file.")
    ] = None,
) -> None:
    """Write a shift's images for a vendor: named by hash, without labels, to be answered by a table."""
    with guarded(debug=context.obj):
        from radbench.cli.exporting import run_export
        from radbench.cli.run import RunOptions

        run_export(
            RunOptions(
                shift=shift,
                out=out,
                limit=limit,
                device=device.value,
                seed=seed,
                batch_size=batch_size,
                bundle=bundle,
            )
        )


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("export-testset")(export_testset)
