"""``radbench bench``: times against a naive reference, errors against the truth, coverage of intervals."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import Bench, Device, DeviceOption, NamedBundle

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.runtime import DeviceName


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
    bundle: NamedBundle = "phantom",
    steps: Annotated[int, typer.Option(min=1, help="Steps of the noise schedule.")] = 50,
    device: DeviceOption = Device.CPU,
) -> None:
    """Time the work that grows: ratios against a naive reference of the same run, and the cost by size."""
    with guarded(debug=context.obj):
        run_bench(what.value, bundle, steps=steps, device=device.value)


def run_bench(what: str, bundle: str, *, steps: int, device: "DeviceName") -> None:
    """Time one part of the work and print the figures.

    Args:
        what: "inversion" (batched against the sequential loop of Algorithm 1, and a second prompt), "harness"
            (against a bare torch loop), "composite" (ways of putting an edit back into a film, against the truth),
            "last-step" (what is added inside the edit mask where sigma is 0, against the truth), "bootstrap" (against
            a naive loop), "coverage" (how often intervals hold the truth) or "report".
        bundle: The bundle of the inversion: ``phantom``, a folder or the YAML file of an assembly.
        steps: Steps of the inversion's noise schedule.
        device: Where the inversion's network runs.

    Raises:
        UsageError: The bundle does not exist.
    """
    from rich.console import Console

    from radbench.api.environment import prepare_environment

    console = Console()
    prepare_environment()
    _PARTS[what](console, bundle, steps, device)


def _inversion(console: "Console", bundle: str, steps: int, device: "DeviceName") -> None:
    from radbench.api.bundles import named_bundle
    from radbench.bench.inversion import print_bench
    from radbench.bench.inversion import run_bench as measure
    from radbench.diffusion.bundle import load_bundle
    from radbench.runtime import resolve_device

    with console.status("Timing"):
        result = measure(load_bundle(named_bundle(bundle), resolve_device(device)), steps=steps)
    print_bench(result, console)


def _harness(console: "Console", *_: object) -> None:
    from radbench.bench.harness import print_harness

    print_harness(console)


def _composite(console: "Console", bundle: str, steps: int, device: "DeviceName") -> None:
    from rich.table import Table

    from radbench.api.series import ALL_SHIFTS
    from radbench.bench.composite import measure_composites
    from radbench.diffusion.bundle import load_bundle
    from radbench.runtime import resolve_device

    del bundle, steps
    loaded = load_bundle("phantom", resolve_device(device))
    for name in ALL_SHIFTS:
        with console.status(f"Measuring: {name}"):
            rows = measure_composites(name, loaded)
        table = Table(title=f"Composite, {name}", title_justify="left")
        for header in ("Way", "Error inside", "Around", "Inside, as square", "Models' answers"):
            table.add_column(header, justify="left" if header == "Way" else "right")
        for row in rows:
            figures = (row.inside, row.around, row.square, row.answers)
            table.add_row(row.way, *("" if math.isnan(value) else f"{value:.4f}" for value in figures))
        console.print(table)


def _last_step(console: "Console", bundle: str, steps: int, device: "DeviceName") -> None:
    from rich.table import Table

    from radbench.api.series import ALL_SHIFTS
    from radbench.bench.last_step import FIRST, measure_last_step
    from radbench.diffusion.bundle import load_bundle
    from radbench.runtime import resolve_device

    del bundle, steps
    loaded = load_bundle("phantom", resolve_device(device))
    headers = ("Steps", "Inside the edit mask", "Error", "Better by", "Edits", "Left", "Keep", "Retained")
    for name in ALL_SHIFTS:
        for scenario, rows in measure_last_step(name, loaded):
            table = Table(title=f"Last step, {name}: {scenario}", title_justify="left")
            for header in headers:
                table.add_column(header, justify="left" if header in headers[:2] else "right")
            for row in rows:
                is_first = row.way == FIRST
                gain = "" if is_first else f"{row.better_by:+.5f} ± {row.standard_error:.5f}"
                wins = f"{row.edits}" if is_first else f"{row.wins} of {row.edits}"
                figures = (f"{value:.3f}" for value in (row.left, row.keep * 255, row.retained))
                cells = ("" if text == "nan" else text for text in figures)
                table.add_row(row.steps, row.way, f"{row.error:.5f}", gain, wins, *cells)
            console.print(table)


def _bootstrap(console: "Console", *_: object) -> None:
    from radbench.bench.bootstrap import print_bootstrap

    print_bootstrap(console)


def _coverage(console: "Console", *_: object) -> None:
    from radbench.bench.coverage import print_coverage

    with console.status("Drawing samples"):
        print_coverage(console)


def _report(console: "Console", *_: object) -> None:
    from radbench.bench.report import print_report

    print_report(console)


_PARTS: "dict[str, Callable[[Console, str, int, DeviceName], None]]" = {
    "inversion": _inversion,
    "harness": _harness,
    "composite": _composite,
    "last-step": _last_step,
    "bootstrap": _bootstrap,
    "coverage": _coverage,
    "report": _report,
}


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("bench")(bench)
