"""``radbench train``: a model by a recipe, or again what the package ships. Repeat a command to go on with it."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import Device, DeviceOption

if TYPE_CHECKING:
    from radbench.cli.progress import ConsoleProgress

train_app = typer.Typer(
    help="Train a model by a recipe, or again what the package ships; repeat a command to go on with it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

ConfigOption = Annotated[
    str, typer.Option("--config", help="Training configuration: a name that radbench ships, or a YAML file.")
]

SomeConfig = Annotated[
    str | None,
    typer.Option("--config", help="Of a model that radbench ships: its training, by name or YAML file."),
]
RecipeOption = Annotated[
    str | None,
    typer.Option("--recipe", help="Name (radbench list recipes) or YAML file of a training recipe."),
]
CohortOption = Annotated[
    list[str] | None,
    typer.Option(
        "--cohort",
        help="Training cohort instead of the recipe's: a dataset, folder:PATH, or its lines in braces; repeatable.",
    ),
]
ValCohortOption = Annotated[
    list[str] | None,
    typer.Option(
        "--val-cohort", help="Likewise for choosing the best epoch. [default: split val of --cohort]"
    ),
]
OutOption = Annotated[Path | None, typer.Option(help="Folder of the trained model. [default: runs/NAME]")]
RunOption = Annotated[
    int | None,
    typer.Option(
        min=0, help="One run, another seed each. Of a shipped model: 0 its main weights, N its N-th."
    ),
]
RunsOption = Annotated[int | None, typer.Option(min=1, help="How many runs. [default: the recipe's number]")]
EpochsOption = Annotated[int | None, typer.Option(min=1, help="Another number of epochs, for a try.")]
WorkersOption = Annotated[
    int | None, typer.Option(min=0, help="Processes that make batches; they change nothing else.")
]


class Precision(StrEnum):
    """Arithmetic of a training."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


PrecisionOption = Annotated[
    Precision | None,
    typer.Option(help="Arithmetic; auto: half precision on a GPU. [default: the recipe's]"),
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


def _train(
    context: typer.Context,
    kind: Literal["classifier", "segmenter"],
    config: str | None,
    recipe: str | None,
    run: int | None,
    device: Device,
    given: dict[str, Any],
) -> None:
    """Train by a recipe, or what radbench ships."""
    with guarded(debug=context.obj):
        _exactly_one(config, recipe, given)
        if config is None:
            _by_recipe(kind, str(recipe), given, run, device)
            return
        from radbench.api.training import train_classifier, train_segmenter

        train = train_classifier if kind == "classifier" else train_segmenter
        train(config, run or 0, progress=_progress())


@train_app.command()
def classifier(  # noqa: PLR0913, PLR0917 - each is an option
    context: typer.Context,
    config: SomeConfig = None,
    recipe: RecipeOption = None,
    cohort: CohortOption = None,
    val_cohort: ValCohortOption = None,
    out: OutOption = None,
    runs: RunsOption = None,
    run: RunOption = None,
    epochs: EpochsOption = None,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = None,
    workers: WorkersOption = None,
) -> None:
    """Train a classifier by a recipe, or one that radbench ships (--config), which updates its declaration."""
    given = {"cohort": cohort, "val-cohort": val_cohort, "out": out, "runs": runs, "epochs": epochs}
    _train(
        context,
        "classifier",
        config,
        recipe,
        run,
        device,
        given | {"precision": precision, "workers": workers},
    )


@train_app.command()
def segmenter(  # noqa: PLR0913, PLR0917 - each is an option
    context: typer.Context,
    config: SomeConfig = None,
    recipe: RecipeOption = None,
    cohort: CohortOption = None,
    val_cohort: ValCohortOption = None,
    out: OutOption = None,
    runs: RunsOption = None,
    run: RunOption = None,
    epochs: EpochsOption = None,
    device: DeviceOption = Device.AUTO,
    precision: PrecisionOption = None,
    workers: WorkersOption = None,
) -> None:
    """Train a segmenter by a recipe, or one that radbench ships (--config), which updates its declaration."""
    given = {"cohort": cohort, "val-cohort": val_cohort, "out": out, "runs": runs, "epochs": epochs}
    _train(
        context,
        "segmenter",
        config,
        recipe,
        run,
        device,
        given | {"precision": precision, "workers": workers},
    )


def _exactly_one(config: str | None, recipe: str | None, given: dict[str, Any]) -> None:
    from radbench.errors import UsageError

    if (config is None) == (recipe is None):
        found = "neither" if config is None else "both"
        raise UsageError(
            f"Found {found} of --recipe and --config; expected --recipe for a model of your own, or --config for one "
            "that radbench ships."
        )
    unfit = [name for name, value in given.items() if value is not None]
    if config is not None and unfit:
        raise UsageError(
            f"--{unfit[0]} is for --recipe; a shipped model is trained as its configuration says."
        )


def _by_recipe(task: str, recipe: str, given: dict[str, Any], run: int | None, device: Device) -> None:
    from radbench.api.recipes import train

    precision = given["precision"]
    train(
        recipe,
        cohort=given["cohort"] or (),
        val_cohort=given["val-cohort"] or (),
        out=given["out"],
        runs=given["runs"],
        run=run,
        epochs=given["epochs"],
        device=device.value,
        precision=None if precision is None else precision.value,
        workers=given["workers"],
        progress=_progress(),
        task=task,
    )


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
