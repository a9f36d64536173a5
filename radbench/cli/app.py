"""The commands and their options; each imports what it needs when it is called."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from radbench import __version__
from radbench.cli import check, export_testset, import_predictions, proofs
from radbench.cli.guard import INTERRUPTED, guarded, say
from radbench.cli.options import Bench, Device, DeviceOption
from radbench.cli.train import train_app

app = typer.Typer(
    name="radbench",
    help="Stress tests for radiology AI: declared dataset shifts, RadEdit test sets, robustness reports.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: rich alone would cost a third of the time that --help may take
    pretty_exceptions_enable=False,
)
app.add_typer(train_app, name="train")
for _room in (check, export_testset, import_predictions, proofs):
    _room.register(app)

BundleOption = Annotated[
    str, typer.Option(help="Diffusion bundle: phantom, a folder, or the YAML of an assembly.")
]


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


@app.command()
def run(  # noqa: PLR0913 - each is an option of the command
    context: typer.Context,
    *,
    shift: Annotated[
        list[str],
        typer.Option(
            help="Name of a declared shift, or its YAML file; repeatable. all: manifestation, acquisition and "
            "population."
        ),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            help="Name or YAML file of a model under test; repeatable. Default: those of the shift."
        ),
    ] = None,
    control: Annotated[
        list[str] | None,
        typer.Option(
            help="Name or YAML file of a control model, known to hold under the shift; repeatable. Added to "
            "those of the shift."
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the report, result.json and metrics.csv. [default: radbench-out/SHIFT; with "
            "several shifts radbench-out, with a folder for each]"
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1, help="Edit at most this many images for each shift's stress set; controls come on top."
        ),
    ] = None,
    device: DeviceOption = Device.AUTO,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the edits and the intervals.")] = 0,
    max_drop: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Gate: largest accepted drop of accuracy or Dice; sets the exit code."
        ),
    ] = None,
    batch_size: Annotated[
        int, typer.Option(min=1, help="Images edited at once; bounds the memory, never changes a pixel.")
    ] = 8,
    bundle: Annotated[
        str | None, typer.Option(help="Diffusion bundle to use instead of the shift's: folder or YAML file.")
    ] = None,
    gates: Annotated[
        Path | None, typer.Option(help="YAML file of release gates; sets the exit code.", metavar="FILE")
    ] = None,
    baseline: Annotated[
        Path | None,
        typer.Option(help="Earlier result.json or output folder: a model may not be worse.", metavar="PATH"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Audit models that fail their own contract all the same.")
    ] = False,
    trust_model_code: Annotated[
        bool, typer.Option("--trust-model-code", help="Let a model's own code run, in its sandbox.")
    ] = False,
    identifiers: Annotated[
        bool, typer.Option("--identifiers", help="Name studies and patients in the outputs.")
    ] = False,
    sidecar: Annotated[
        bool, typer.Option("--sidecar", help="Also write every edited image beside the report, with hashes.")
    ] = False,
) -> None:
    """Build a shift's test set, run the models on it and write the report; several shifts get an index."""
    with guarded(debug=context.obj):
        from radbench.cli.run import RunOptions, run_shift

        options = RunOptions(
            shift=shift[0],
            models=tuple(model or ()),
            controls=tuple(control or ()),
            out=out,
            limit=limit,
            device=device.value,
            seed=seed,
            max_drop=max_drop,
            batch_size=batch_size,
            bundle=bundle,
            gates=gates,
            baseline=baseline,
            force=force,
            trust=trust_model_code,
            identifiers=identifiers,
            sidecar=sidecar,
        )
        if len(shift) == 1 and shift[0] != "all":
            raise typer.Exit(run_shift(options))
        from radbench.cli.index import run_shifts

        raise typer.Exit(run_shifts(shift, options))


@app.command()
def gates(
    context: typer.Context,
    *,
    bundle: BundleOption = "phantom",
    shift: Annotated[
        str, typer.Option(help="Shift whose editor settings the placebo takes.")
    ] = "manifestation",
    write: Annotated[
        bool, typer.Option("--write", help="Write the figures into the bundle's datasheet.")
    ] = False,
) -> None:
    """Measure what the diffusion bundle must be able to do."""
    with guarded(debug=context.obj):
        from radbench.cli.checks import run_gates

        raise typer.Exit(run_gates(bundle, shift=shift, write=write))


@app.command()
def bench(
    context: typer.Context,
    *,
    what: Annotated[
        Bench,
        typer.Argument(
            help="inversion, harness, bootstrap or report (times); composite or last-step (errors against the "
            "truth); coverage (of intervals)."
        ),
    ] = Bench.INVERSION,
    bundle: BundleOption = "phantom",
    steps: Annotated[int, typer.Option(min=1, help="Steps of the noise schedule.")] = 50,
    device: DeviceOption = Device.CPU,
) -> None:
    """Time the work that grows: ratios against a naive reference of the same run, and the cost by size."""
    with guarded(debug=context.obj):
        from radbench.cli.checks import run_bench

        run_bench(what.value, bundle, steps=steps, device=device.value)
