"""``radbench gates`` and ``radbench bench``: what a bundle can do, and how fast the inversion is."""

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from radbench.cli.bundles import BundleRef, named_bundle, uses_hub
from radbench.cli.environment import prepare_environment
from radbench.declared import shift_path
from radbench.diffusion.assembly import EMBEDDED, resolve
from radbench.errors import UsageError
from radbench.runtime import DeviceName, resolve_device
from radbench.specs import load_shift
from radbench.testsets.convert import edit_settings

if TYPE_CHECKING:
    from radbench.reference.gates import Gate

GATE_FAILED = 3


def run_gates(bundle: str, *, shift: str, write: bool) -> int:
    """Measure what a bundle must be able to do and print it.

    Args:
        bundle: The bundle: ``phantom``, a folder or the YAML file of an assembly.
        shift: The shift whose editor settings the placebo is edited with.
        write: Also write the figures into the bundle's datasheet (and, of the embedded one, its card).

    Returns:
        The exit code: 0 if every gate is passed, 3 otherwise.

    Raises:
        UsageError: The bundle or the shift does not exist, or the datasheet cannot be written.
    """
    console = Console()
    settings = edit_settings(load_shift(shift_path(shift)).editor)
    found = _prepare(bundle)
    folder = resolve(found).root
    if write and folder is None:
        raise UsageError(f"The bundle '{bundle}' is an assembly and has no datasheet; leave --write out.")
    from radbench.diffusion.bundle import load_bundle
    from radbench.diffusion.editors import EditSettings
    from radbench.reference.domain import write_card
    from radbench.reference.gates import run_gates as measure
    from radbench.reference.judge import Judge

    loaded = load_bundle(found)
    with console.status("Measuring") as status:
        gates = measure(
            loaded,
            Judge(),
            EditSettings(**settings),  # type: ignore[arg-type]
            lambda what: status.update(f"Measuring: {what}"),
        )
    _print_gates(console, gates)
    if write and folder is not None:
        _write_gates(folder, gates)
        if found == EMBEDDED:
            write_card(loaded, folder)
        console.print(
            f"Written into {folder / 'datasheet.json'}", soft_wrap=True, highlight=False, markup=False
        )
    return 0 if all(gate.passed for gate in gates) else GATE_FAILED


def run_bench(what: str, bundle: str, *, steps: int, device: DeviceName) -> None:
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
    console = Console()
    if what == "inversion":
        _bench_inversion(console, bundle, steps, device)
    elif what == "harness":
        from radbench.models.bench import print_harness

        prepare_environment()
        print_harness(console)
    elif what == "composite":
        _bench_composite(console, device)
    elif what == "last-step":
        _bench_last_step(console, device)
    elif what == "bootstrap":
        from radbench.metrics.bench import print_bootstrap

        print_bootstrap(console)
    elif what == "coverage":
        from radbench.metrics.bench_coverage import print_coverage

        with console.status("Drawing samples"):
            print_coverage(console)
    else:
        from radbench.reporting.bench import print_report

        print_report(console)


def _bench_inversion(console: Console, bundle: str, steps: int, device: DeviceName) -> None:
    found = _prepare(bundle)
    from radbench.diffusion.bench import print_bench
    from radbench.diffusion.bench import run_bench as measure
    from radbench.diffusion.bundle import load_bundle

    with console.status("Timing"):
        result = measure(load_bundle(found, resolve_device(device)), steps=steps)
    print_bench(result, console)


def _bench_composite(console: Console, device: DeviceName) -> None:
    prepare_environment()
    from radbench.diffusion.bundle import load_bundle
    from radbench.testsets.bench import measure_composites

    bundle = load_bundle("phantom", resolve_device(device))
    for name in ("manifestation", "acquisition", "population"):
        with console.status(f"Measuring: {name}"):
            rows = measure_composites(name, bundle)
        table = Table(title=f"Composite, {name}", title_justify="left")
        for header in ("Way", "Error inside", "Around", "Inside, as square", "Models' answers"):
            table.add_column(header, justify="left" if header == "Way" else "right")
        for row in rows:
            figures = (row.inside, row.around, row.square, row.answers)
            table.add_row(row.way, *("" if math.isnan(value) else f"{value:.4f}" for value in figures))
        console.print(table)


def _bench_last_step(console: Console, device: DeviceName) -> None:
    prepare_environment()
    from radbench.diffusion.bundle import load_bundle
    from radbench.testsets.bench_last_step import FIRST, measure_last_step

    bundle = load_bundle("phantom", resolve_device(device))
    for name in ("manifestation", "acquisition", "population"):
        for scenario, rows in measure_last_step(name, bundle):
            table = Table(title=f"Last step, {name}: {scenario}", title_justify="left")
            headers = (
                "Steps",
                "Inside the edit mask",
                "Error",
                "Better by",
                "Edits",
                "Left",
                "Keep",
                "Retained",
            )
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


def _prepare(bundle: str) -> BundleRef:
    found = named_bundle(bundle)
    prepare_environment(hub=uses_hub(found))
    return found


def _print_gates(console: Console, gates: "list[Gate]") -> None:
    table = Table(title="Gates", title_justify="left")
    table.add_column("Gate", overflow="fold")
    table.add_column("Measured", justify="right")
    table.add_column("Limit", justify="right")
    table.add_column("")
    for gate in gates:
        passed = Text("passed", style="green") if gate.passed else Text("FAILED", style="bold red")
        limit = f"{gate.sense} {gate.limit:g}" if math.isfinite(gate.limit) else "none"
        table.add_row(Text(gate.name), f"{gate.value:.4f}", limit, passed if limit != "none" else "")
    console.print(table)


def _write_gates(folder: Path, gates: "list[Gate]") -> None:
    from radbench.reference.export import write_datasheet

    sheet = folder / "datasheet.json"
    content = json.loads(sheet.read_text(encoding="utf-8")) if sheet.is_file() else {}
    write_datasheet(folder, content | {"gates": [gate.as_dict() for gate in gates]})
