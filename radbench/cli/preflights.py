"""The preflight of a run: every model against its own declaration, before it is audited."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from radbench.cli.probes import probe_plan
from radbench.models.device import device_kind
from radbench.models.preflight import cached_preflight
from radbench.runtime import DeviceName

if TYPE_CHECKING:
    from radbench.cli.run import Opened
    from radbench.models.finding import Finding


def preflights(
    opened: "Opened", cache: Path, console: Console, device: DeviceName
) -> "Mapping[str, Sequence[Finding]]":
    """Return what was declared and observed of each model, by its name; from the cache where it is known.

    Args:
        opened: The models, and the cohort whose images they are shown.
        cache: The cache's root.
        console: Where is said which model is checked.
        device: Where the models run.

    Raises:
        UsageError: The cache cannot be written.
    """
    found, kind = {}, device_kind(device)
    with console.status("Checking the models") as status:
        for model in [*opened.models, *opened.control_models]:
            status.update(f"Checking the model {model.spec.name}")
            found[model.spec.name] = cached_preflight(
                model, probe_plan(opened.cohort, model.spec), cache, device=kind
            )
    return found
