"""The command ``export-testset``: the images that a model would be shown, for a vendor who runs it elsewhere."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import BatchSize, Bundle, Device, DeviceOption

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.api.exporting import Exported


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
    batch_size: BatchSize = 8,
    bundle: Bundle = None,
) -> None:
    """Write a shift's images for a vendor: named by hash, without labels, to be answered by a table."""
    with guarded(debug=context.obj):
        from rich.console import Console

        from radbench.api.exporting import export_testset as export
        from radbench.cli.progress import ConsoleProgress

        console = Console()
        found = export(
            shift,
            out,
            limit=limit,
            seed=seed,
            device=device.value,
            batch_size=batch_size,
            bundle=bundle,
            progress=ConsoleProgress(console),
        )
        print_exported(console, found)


def print_exported(console: "Console", found: "Exported") -> None:
    """Print what goes to the vendor and what stays."""
    from radbench.api.handout import MANIFEST, README
    from radbench.cli.progress import say

    say(console, f"For the vendor: {found.folder} ({found.images} images, {MANIFEST}, {README})")
    say(console, f"Stays here: {found.key}")
