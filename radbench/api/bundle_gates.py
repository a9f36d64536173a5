"""What a diffusion bundle must be able to do, measured."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.api.bundles import named_bundle, uses_hub
from radbench.api.environment import prepare_environment
from radbench.api.job import ShiftName, read_shift
from radbench.api.progress import Progress
from radbench.errors import UsageError

if TYPE_CHECKING:
    from radbench.reference.gates import Gate


def measure_gates(
    bundle: str, shift: ShiftName, progress: Progress, *, write: bool = False
) -> "tuple[list[Gate], Path | None]":
    """Measure what a bundle must be able to do.

    Args:
        bundle: ``phantom``, a folder or the YAML file of an assembly.
        shift: The shift whose editor settings the placebo is edited with.
        progress: What is told what is measured.
        write: Also write the figures into the bundle's datasheet (and, of the embedded one, its card).

    Returns:
        The gates, and the datasheet if it was written.

    Raises:
        UsageError: The bundle or the shift does not exist, or the datasheet cannot be written.
    """
    from radbench.diffusion.assembly import EMBEDDED, resolve
    from radbench.testsets.task import edit_settings

    settings = edit_settings(read_shift(shift).editor)
    found = named_bundle(bundle)
    prepare_environment(hub=uses_hub(found))
    folder = resolve(found).root
    if write and folder is None:
        raise UsageError(f"The bundle '{bundle}' is an assembly and has no datasheet; leave --write out.")
    from radbench.diffusion.bundle import load_bundle
    from radbench.diffusion.editors import EditSettings
    from radbench.reference.gates import run_gates
    from radbench.reference.judge import Judge

    loaded = load_bundle(found)
    with ExitStack() as shown:

        def now(what: str) -> None:
            shown.close()
            shown.enter_context(progress.doing(f"Measuring: {what}"))

        gates = run_gates(loaded, Judge(), EditSettings(**settings), now)  # type: ignore[arg-type]
    if not write or folder is None:
        return gates, None
    sheet = _write(folder, gates)
    if found == EMBEDDED:
        from radbench.reference.diffusion_bundle import write_card

        write_card(loaded, folder)
    return gates, sheet


def _write(folder: Path, gates: "list[Gate]") -> Path:
    from radbench.reference.diffusion_bundle import write_datasheet

    sheet = folder / "datasheet.json"
    content = json.loads(sheet.read_text(encoding="utf-8")) if sheet.is_file() else {}
    write_datasheet(folder, content | {"gates": [gate.as_dict() for gate in gates]})
    return sheet
