"""``radbench run``: the audit of one shift or several, its report, and the exit code."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import BatchSize, Bundle, Device, DeviceOption, PrecisionOption, Seed, Workers

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.api.job import RunOptions
    from radbench.report.index import Index


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
    seed: Seed = 0,
    max_drop: Annotated[
        float | None,
        typer.Option(
            min=0.0, max=1.0, help="Gate: largest accepted drop of accuracy or Dice; sets the exit code."
        ),
    ] = None,
    batch_size: BatchSize = 8,
    bundle: Bundle = None,
    workers: Workers = 1,
    precision: PrecisionOption = None,
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
    figures: Annotated[
        bool, typer.Option("--figures", help="Also write the figures as SVG and PNG, for papers.")
    ] = False,
) -> None:
    """Build a shift's test set, run the models on it and write the report; several shifts get an index."""
    with guarded(debug=context.obj):
        from radbench.api.job import RunOptions

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
            figures=figures,
            workers=workers,
            precision=None if precision is None else precision.value,
        )
        if len(shift) == 1 and shift[0] != "all":
            raise typer.Exit(run_shift(options))
        raise typer.Exit(run_shifts(shift, options))


def run_shift(options: "RunOptions", console: "Console | None" = None) -> int:
    """Audit models against one shift, write its files and print the outcome; return the exit code."""
    from dataclasses import replace

    from rich.console import Console

    from radbench.api.auditing import run as audit
    from radbench.api.job import OUT, read_shift
    from radbench.cli.progress import ConsoleProgress, say
    from radbench.cli.summary import print_gates, print_summary

    console = console or Console()
    progress = ConsoleProgress(console)
    shift = read_shift(options.shift)
    folder = options.out or OUT / shift.name
    found = audit(replace(options, shift=shift, out=folder), progress)
    with progress.doing("Writing the report"):
        report = found.report(
            folder, identifiers=options.identifiers, sidecar=options.sidecar, figures=options.figures
        )
    print_summary(console, found.result)
    print_gates(console, found.result.gates)
    say(console, f"Report: {report}")
    return found.exit_code


def run_shifts(names: list[str], options: "RunOptions", console: "Console | None" = None) -> int:
    """Audit models against several shifts, write their files and print the outcomes; return the gravest exit code."""
    from rich.console import Console

    from radbench.api.series import audit_shifts
    from radbench.cli.progress import ConsoleProgress, say
    from radbench.cli.summary import print_gates, print_summary
    from radbench.harness.result import AuditResult

    console = console or Console()

    def shown(result: AuditResult) -> None:
        print_summary(console, result)
        print_gates(console, result.gates)

    index, page = audit_shifts(names, options, ConsoleProgress(console), shown)
    _print(console, index)
    print_gates(console, index.unmet)
    say(console, f"Reports: {page}")
    return index.exit_code


def _print(console: "Console", index: "Index") -> None:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    from radbench.cli.summary import STYLES, number

    table = Table(title=f"{len(index.shifts)} shifts", title_justify="left", box=SIMPLE_HEAD)
    for header in ("Shift", "Model", "Verdict"):
        table.add_column(header, overflow="fold")
    table.add_column("Drop", justify="right", no_wrap=True)
    for shift in index.shifts:
        for model in shift.models:
            role = " (control)" if model.role == "control" else ""
            drop = "-" if model.drop is None or model.drop.value is None else number(model.drop.value)
            verdict = Text(model.verdict.value, style=STYLES[model.verdict])
            table.add_row(Text(shift.name), Text(model.name + role), verdict, drop)
        if not shift.models:
            verdict = Text(shift.verdict.value, style=STYLES[shift.verdict])
            table.add_row(Text(shift.name), Text(shift.reason), verdict, "-")
        table.add_section()
    console.print(table)
    console.print(Text.assemble("Overall ", (index.verdict.value, STYLES[index.verdict])))
