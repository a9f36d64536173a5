"""The preflight of a run: every model against its own declaration, before it is audited."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from radbench.cli.probes import probe_plan
from radbench.models.preflight import cached_preflight

if TYPE_CHECKING:
    from radbench.cli.run import Opened
    from radbench.models.finding import Finding


def preflights(opened: "Opened", cache: Path, console: Console) -> "Mapping[str, Sequence[Finding]]":
    """Return what was declared and observed of each model, by its name; from the cache where it is known.

    Raises:
        UsageError: The cache cannot be written.
    """
    found = {}
    with console.status("Checking the models") as status:
        for model in [*opened.models, *opened.control_models]:
            status.update(f"Checking the model {model.spec.name}")
            found[model.spec.name] = cached_preflight(model, probe_plan(opened.cohort, model.spec), cache)
    return found
