"""``radbench train``: make again what the package ships. Repeat a command to go on with it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import Device, DeviceOption

if TYPE_CHECKING:
    from radbench.cli.progress import ConsoleProgress

train_app = typer.Typer(
    help="Train again what the package ships; repeat a command to go on with it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigOption = Annotated[
    str, typer.Option("--config", help="Training configuration: a name that radbench ships, or a YAML file.")
]

RunOption = Annotated[
    int,
    typer.Option(
        min=0, help="0: the main weights. N: the N-th of the declaration's checkpoints, another seed."
    ),
]


def _progress() -> "ConsoleProgress":
    from rich.console import Console

    from radbench.cli.progress import ConsoleProgress

    return ConsoleProgress(Console())


@train_app.command()
def diffusion(
    context: typer.Context,
    config: ConfigOption,
    work: Annotated[
        Path | None, typer.Option(help="Folder of pool and checkpoints. [default: runs/NAME]")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder that the finished bundle goes to. [default: WORK/bundle]")
    ] = None,
    device: DeviceOption = Device.AUTO,
    workers: Annotated[int, typer.Option(min=1, help="Processes that render the training images.")] = 2,
) -> None:
    """Train the diffusion bundle: render, autoencoder, denoiser, export."""
    with guarded(debug=context.obj):
        from radbench.api.training import train_diffusion

        train_diffusion(
            config, work=work, out=out, device=device.value, workers=workers, progress=_progress()
        )


@train_app.command()
def classifier(context: typer.Context, config: ConfigOption, run: RunOption = 0) -> None:
    """Train a reference classifier; updates its declaration."""
    with guarded(debug=context.obj):
        from radbench.api.training import train_classifier

        train_classifier(config, run, progress=_progress())


@train_app.command()
def segmenter(context: typer.Context, config: ConfigOption, run: RunOption = 0) -> None:
    """Train a reference segmenter; updates its declaration."""
    with guarded(debug=context.obj):
        from radbench.api.training import train_segmenter

        train_segmenter(config, run, progress=_progress())


@train_app.command()
def judge(
    context: typer.Context,
    out: Annotated[Path, typer.Option(help="The safetensors file to write.")] = Path(
        "runs/judge.safetensors"
    ),
) -> None:
    """Train the judge that the gates ask."""
    with guarded(debug=context.obj):
        from radbench.api.training import train_judge

        train_judge(out, progress=_progress())


@train_app.command()
def encoder(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option(help="Folder that the encoder and its datasheet go to; older ones are replaced.")
    ] = Path("runs/encoder"),
) -> None:
    """Train the image-text encoder of the phantom."""
    with guarded(debug=context.obj):
        from radbench.api.training import train_encoder

        train_encoder(out, progress=_progress())
