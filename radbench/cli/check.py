"""``radbench check``: a model against its own declaration, before it is audited."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import Device, DeviceOption
from radbench.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.data.cohort import Cohort
    from radbench.models.base import ModelUnderTest
    from radbench.models.finding import Finding
    from radbench.models.preflight import ProbePlan
    from radbench.runtime import DeviceName
    from radbench.specs import ModelSpec

CHECK_FAILED: Final = 3


def check(
    context: typer.Context,
    model: Annotated[
        str, typer.Argument(help="YAML file of the model, or a declared name.", metavar="MODEL")
    ],
    *,
    shift: Annotated[
        str | None,
        typer.Option(help="Shift whose images are shown. Default: one that fits the model's target."),
    ] = None,
    device: DeviceOption = Device.AUTO,
    trust_model_code: Annotated[
        bool, typer.Option("--trust-model-code", help="Let the vendor's own code run, in its sandbox.")
    ] = False,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the findings to this file.", metavar="FILE")
    ] = None,
) -> None:
    """Check a model against its declaration: output, determinism, input range, polarity, classes; 3 if it fails."""
    with guarded(debug=context.obj):
        raise typer.Exit(check_model(model, shift, device.value, trust=trust_model_code, json_file=json_file))


def check_model(
    model: str, shift: str | None, device: "DeviceName", *, trust: bool = False, json_file: Path | None = None
) -> int:
    """Check a model and print what was found.

    Args:
        model: Name or YAML file.
        shift: Name or YAML file of the shift whose images are shown; None for one that fits.
        device: Where the model runs.
        trust: Whether the vendor's own code may run.
        json_file: Where the findings are written too.

    Returns:
        0, or 3 if a check failed.

    Raises:
        UsageError: A wrong name, file or option.
    """
    from rich.console import Console

    from radbench.cli.cache import usable_cache
    from radbench.cli.environment import prepare_environment
    from radbench.declared import model_path
    from radbench.runtime import resolve_device
    from radbench.specs import load_model

    console = Console()
    prepare_environment()
    spec, cohort = _matched(load_model(model_path(model)), shift)
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise UsageError(
            f"--json names '{json_file}', whose folder does not exist; expected an existing folder."
        )
    if device == "cuda":
        resolve_device("cuda")
    return _check(spec, cohort, device, usable_cache(), console, trust=trust, json_file=json_file)


def _matched(spec: "ModelSpec", shift: str | None) -> "tuple[ModelSpec, Cohort]":
    """Return the declaration narrowed to the question of a shift, and the shift's cohort."""
    from radbench.cli.cohorts import load_cohort
    from radbench.cli.probes import fitting
    from radbench.declared import shift_path
    from radbench.specs import load_shift

    if shift is None:
        found, cohort = fitting(spec)
        task = found.task if spec.answers(found.task) else "classification"
        return spec.answering(task), cohort
    asked = load_shift(shift_path(shift))
    if not spec.answers(asked.task):
        raise UsageError(
            f"The model '{spec.name}' has task '{spec.task}', the shift '{asked.name}' asks for a {asked.task}; "
            "choose another with --shift."
        )
    return spec.answering(asked.task), load_cohort(asked)


def _check(
    spec: "ModelSpec",
    cohort: "Cohort",
    device: "DeviceName",
    cache: Path,
    console: "Console",
    *,
    trust: bool,
    json_file: Path | None,
) -> int:
    from radbench.cli.findings import print_findings, print_what, write_json
    from radbench.cli.probes import probe_plan
    from radbench.models.device import device_kind
    from radbench.models.isolation.model import open_model
    from radbench.models.preflight import cached_preflight, failures

    opened = open_model(spec, device, trust=trust)
    plan = probe_plan(cohort, spec)
    try:
        with console.status("Checking"):
            found = cached_preflight(opened, plan, cache, device=device_kind(device), again=True)
            shown = [*found, *_timed(opened, plan, found)]
        print_what(console, spec, cohort, plan, getattr(opened, "sandbox", {}))
        print_findings(console, spec, shown)
        if json_file is not None:
            write_json(json_file, opened, found)
    finally:
        close = getattr(opened, "close", None)
        if close is not None:
            close()
    return CHECK_FAILED if failures(found) else 0


def _timed(model: "ModelUnderTest", plan: "ProbePlan", found: "list[Finding]") -> "list[Finding]":
    """Return how long an image takes; nothing for a model that could not be asked, or a table."""
    from radbench.models.base import ModelFailureError
    from radbench.models.preflight import failures, time_per_image

    if model.spec.format == "table" or {"loads", "output shape"} & {one.check for one in failures(found)}:
        return []
    try:
        model.predict(
            plan.draw().images[:1]
        )  # a process that NaN has ended starts again before the clock does
        return [time_per_image(model, plan.draw())]
    except ModelFailureError:
        return []


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("check")(check)
