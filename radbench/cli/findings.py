"""What a check found, for the terminal and as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from radbench.models.finding import Finding, Level
from radbench.runtime import atomic_write
from radbench.specs import ModelSpec

if TYPE_CHECKING:
    from radbench.data.cohort import Cohort
    from radbench.models.base import ModelUnderTest
    from radbench.models.preflight import ProbePlan

_STYLES: Final[dict[Level, str]] = {
    "ok": "green",
    "note": "cyan",
    "warning": "bold yellow",
    "failure": "bold red",
}


def print_what(
    console: Console, spec: ModelSpec, cohort: "Cohort", plan: "ProbePlan", sandbox: Mapping[str, str]
) -> None:
    """Print which model was shown which images, and what it was kept from."""
    probe = plan.draw()
    known = "nothing is known of them"
    if probe.labels is not None:
        known = f"{int(probe.labels.sum())} with {spec.target}, {int((probe.labels == 0).sum())} without"
    elif probe.masks is not None:
        known = f"with masks of {spec.target}"
    _say(console, f"{spec.name}: {spec.title} ({spec.format})")
    _say(console, f"Shown: {len(probe.images)} images of {cohort.name}, {known}")
    if sandbox:
        _say(console, "Sandbox: " + ", ".join(f"{name} {state}" for name, state in sandbox.items()))


def print_findings(console: Console, spec: ModelSpec, findings: Sequence[Finding]) -> None:
    """Print one row a check, what follows from those that are not ok, and the verdict."""
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
    name = f"The model '{spec.name}'"
    if failed:
        _say(
            console,
            f"{name} fails its own declaration ({', '.join(failed)}): it is not audited unless forced.",
        )
    elif warned:
        _say(console, f"{name} may be audited; look at the warnings first ({', '.join(warned)}).")
    else:
        _say(console, f"{name} does what its declaration says.")


def write_json(path: Path, model: "ModelUnderTest", findings: Sequence[Finding]) -> None:
    """Write the findings; the same model and images give the same bytes.

    Raises:
        UsageError: The file cannot be written.
    """
    content = {
        "schema_version": 1,
        "model": model.spec.name,
        "model_sha256": model.digest,
        "failed": any(one.level == "failure" for one in findings),
        "findings": [asdict(one) for one in findings],
    }
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    atomic_write(path, f"{text}\n".encode())


def _say(console: Console, line: str) -> None:
    console.print(_plain(line), soft_wrap=True, highlight=False, markup=False)


def _plain(words: str) -> str:
    """Return words without what moves a terminal's cursor or colours it."""
    return "".join(letter if letter.isprintable() else " " for letter in words)
