"""``radbench bench``: times against a naive reference, errors against the truth, coverage of intervals."""

from typing import TYPE_CHECKING, Annotated, Final

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import Bench, Device, DeviceOption, NamedBundle

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.runtime import DeviceName


_PARTS: Final = {
    "harness": ("harness", "print_harness", False),
    "composite": ("composite", "print_composites", True),
    "last-step": ("last_step", "print_last_step", True),
    "bootstrap": ("bootstrap", "print_bootstrap", False),
    "coverage": ("coverage", "print_coverage", False),
    "report": ("report", "print_report", False),
    "index": ("index", "print_index", False),
}
"""Module of ``radbench.bench``, function, and whether it edits images on the device."""


def bench(
    context: typer.Context,
    *,
    what: Annotated[
        Bench,
        typer.Argument(
            help="inversion, harness, bootstrap, report or index (times); composite or last-step (errors against the "
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
            a naive loop), "coverage" (how often intervals hold the truth), "report" or "index" (of a dataset).
        bundle: The bundle of the inversion: ``phantom``, a folder or the YAML file of an assembly.
        steps: Steps of the inversion's noise schedule.
        device: Where the inversion's network runs.

    Raises:
        UsageError: The bundle does not exist.
    """
    from importlib import import_module

    from rich.console import Console

    from radbench.api.environment import prepare_environment
    from radbench.runtime import resolve_device

    console = Console()
    prepare_environment()
    if what == "inversion":
        _inversion(console, bundle, steps, device)
        return
    module, function, edits = _PARTS[what]
    measure = getattr(import_module(f"radbench.bench.{module}"), function)
    if edits:
        measure(console, resolve_device(device))
    else:
        with console.status("Measuring"):
            measure(console)


def _inversion(console: "Console", bundle: str, steps: int, device: "DeviceName") -> None:
    from radbench.api.bundles import named_bundle
    from radbench.bench.inversion import print_bench
    from radbench.bench.inversion import run_bench as measure
    from radbench.diffusion.bundle import load_bundle
    from radbench.runtime import resolve_device

    with console.status("Timing"):
        result = measure(load_bundle(named_bundle(bundle), resolve_device(device)), steps=steps)
    print_bench(result, console)
