"""``radbench build``: the test set of a shift, without a model; in one process, in several, or one part of many."""

from typing import Annotated, Any

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import BatchSize, Bundle, Device, DeviceOption, PrecisionOption, Seed, Workers


def build(
    context: typer.Context,
    *,
    shift: Annotated[str, typer.Option(help="Name of a declared shift, or its YAML file.")],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Edit at most this many images; controls come on top.")
    ] = None,
    device: DeviceOption = Device.AUTO,
    seed: Seed = 0,
    batch_size: BatchSize = 8,
    bundle: Bundle = None,
    workers: Workers = 1,
    precision: PrecisionOption = None,
    shard: Annotated[
        str | None,
        typer.Option(help="Edit only one part of several, such as 2/8, and store it.", metavar="I/N"),
    ] = None,
) -> None:
    """Edit a shift's images and put its test set in place; what is stored is not made again."""
    with guarded(debug=context.obj):
        from rich.console import Console

        from radbench.api.building import build as build_set
        from radbench.api.building import build_part
        from radbench.cli.progress import ConsoleProgress, say
        from radbench.errors import UsageError

        console = Console()
        if shard is not None and workers > 1:
            raise UsageError("--shard and --workers were both given; expected one of them.")
        given: dict[str, Any] = {
            "limit": limit,
            "device": device.value,
            "seed": seed,
            "batch_size": batch_size,
            "bundle": bundle,
            "precision": None if precision is None else precision.value,
            "progress": ConsoleProgress(console),
        }
        if shard is None:
            found = build_set(shift, workers=workers, **given)
            say(console, f"Test set: {found.stored.path} ({len(found)} edited images)")
            return
        failed = build_part(shard, shift, **given)
        left = f"; {failed} edits could not be made, the next build tries them again" if failed else ""
        say(console, f"Part {shard} of the edits is stored{left}.")
