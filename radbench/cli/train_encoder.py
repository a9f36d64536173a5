"""``radbench train encoder``: make the phantom's image-text encoder again, which scores edits of phantom films."""

from pathlib import Path
from typing import Annotated

import typer

from radbench.cli.guard import guarded


def encoder(
    context: typer.Context,
    out: Annotated[
        Path, typer.Option(help="Folder that the encoder and its datasheet go to; older ones are replaced.")
    ] = Path("runs/encoder"),
) -> None:
    """Train the image-text encoder of the phantom."""
    with guarded(debug=context.obj):
        train(out)


def train(out: Path) -> None:
    """Train the encoder into ``out`` and print how it scores edits whose quality is known.

    Raises:
        UsageError: The folder cannot be written to.
    """
    from rich.console import Console

    from radbench.api.environment import prepare_environment

    prepare_environment()
    import torch

    from radbench.cli.progress import stages
    from radbench.diffusion.bundle import load_bundle
    from radbench.reference.encoder import BundleAutoencoder, EncoderTraining, train_encoder

    console = Console()
    with stages(console) as report:
        redraw = BundleAutoencoder(load_bundle("phantom", torch.device("cpu")))
        sheet = train_encoder(EncoderTraining(), out, "radbench train encoder", report, redraw)
    for kind, row in sheet["editing_score"].items():
        line = (
            f"{kind}: score {row['mean']:.2f} ({row['low']:.2f} to {row['high']:.2f}), kept {row['kept']:.0%}"
        )
        console.print(line, soft_wrap=True, highlight=False, markup=False)
    console.print(f"Encoder: {out}", soft_wrap=True, highlight=False, markup=False)
