"""``radbench check``: a model against its own declaration, before it is audited."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from radbench.cli.guard import guarded
from radbench.cli.options import Device, DeviceOption
from radbench.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from radbench.api.checking import Check
    from radbench.models.base import Finding
    from radbench.runtime import DeviceName

CHECK_FAILED: Final = 3
_STYLES = {
    "ok": "green",
    "note": "cyan",
    "warning": "bold yellow",
    "failure": "bold red",
}


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
    """Check a model and print what was found; return 0, or 3 if a check failed.

    Raises:
        UsageError: A wrong name, file or option.
    """
    from rich.console import Console

    from radbench.api.checking import check as examine
    from radbench.cli.progress import ConsoleProgress

    console = Console()
    if json_file is not None and not json_file.absolute().parent.is_dir():
        raise UsageError(
            f"--json names '{json_file}', whose folder does not exist; expected an existing folder."
        )
    found = examine(model, shift, device=device, trust_model_code=trust, progress=ConsoleProgress(console))
    print_check(console, found)
    if json_file is not None:
        found.write(json_file)
    return CHECK_FAILED if found.failed else 0


def print_check(console: "Console", found: "Check") -> None:
    """Print which model was shown which images, what it was kept from, the findings, and what follows."""
    spec = found.spec
    _say(console, f"{spec.name}: {spec.title} ({spec.format})")
    _say(console, f"Shown: {found.shown}")
    if found.sandbox:
        _say(console, "Sandbox: " + ", ".join(f"{name} {state}" for name, state in found.sandbox.items()))
    _print_findings(console, spec.name, [*found.findings, *found.timed])


def _print_findings(console: "Console", model: str, findings: "Sequence[Finding]") -> None:
    """Print one row a check, what follows from those that are not ok, and the verdict."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD)
    for header in ("Check", "Result", "Declared", "Observed"):
        table.add_column(header, overflow="fold", no_wrap=header == "Result")
    for one in findings:
        level = Text(one.level, style=_STYLES[one.level])
        table.add_row(Text(one.check), level, Text(_plain(one.declared)), Text(_plain(one.observed)))
    console.print(table)
    for one in findings:
        if one.meaning and one.level != "ok":
            _say(console, f"{one.level.capitalize()}, {one.check}: {one.meaning}")
    failed = [one.check for one in findings if one.level == "failure"]
    warned = [one.check for one in findings if one.level == "warning"]
    name = f"The model '{model}'"
    if failed:
        _say(
            console,
            f"{name} fails its own declaration ({', '.join(failed)}): it is not audited unless forced.",
        )
    elif warned:
        _say(console, f"{name} may be audited; look at the warnings first ({', '.join(warned)}).")
    else:
        _say(console, f"{name} does what its declaration says.")


def _say(console: "Console", line: str) -> None:
    console.print(_plain(line), soft_wrap=True, highlight=False, markup=False)


def _plain(words: str) -> str:
    """Return words without what moves a terminal's cursor or colours it."""
    return "".join(letter if letter.isprintable() else " " for letter in words)
