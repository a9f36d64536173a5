"""What ``assert_robust`` does: one shift, one model, the rules, and the sentence if they do not hold."""

import io
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from radbench.audit.gates import with_unmet
from radbench.audit.result import AuditResult, Verdict
from radbench.cli import run
from radbench.cli.bundles import find_bundle
from radbench.cli.choices import Choice, choose_models
from radbench.cli.gated import Gate, open_gate
from radbench.cli.preflights import preflights
from radbench.declared import model_path, shift_path
from radbench.errors import UsageError
from radbench.models.base import ModelUnderTest
from radbench.specs import GatesSpec, InputContract, ModelSpec, ShiftSpec, load_model, load_shift
from radbench.testing.own import own_model

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Asked:
    """The arguments of ``assert_robust``."""

    model: "str | Path | ModelSpec | Callable[..., Any] | torch.nn.Module"
    shift: str = "manifestation"
    max_drop: float | None = None
    gates: str | Path | GatesSpec | None = None
    baseline: Path | None = None
    limit: int | None = None
    seed: int = 0
    device: str = "cpu"
    force: bool = False
    trust: bool = False
    report: Path | None = None
    input: InputContract | None = None
    declared: dict[str, Any] = field(default_factory=dict)


def audit_one(asked: Asked) -> AuditResult:
    """Return the gated result of one model under one shift, and write its report if a folder was given.

    Raises:
        UsageError: Something in the arguments or files that can be mended.
    """
    if asked.device not in {"auto", "cpu", "cuda"}:
        raise UsageError(f"device is '{asked.device}', expected auto, cpu or cuda.")
    shift = load_shift(shift_path(asked.shift))
    own = _own(asked, shift)
    gates = Path(asked.gates) if isinstance(asked.gates, str) else asked.gates
    gate = open_gate(gates, asked.baseline, [shift])
    place = asked.report or Path(tempfile.gettempdir())
    job = run.Job(shift, _choice(asked, shift, own), find_bundle(shift, None), place)
    options = run.RunOptions(
        shift=asked.shift,
        limit=asked.limit,
        device=asked.device,  # type: ignore[arg-type]
        seed=asked.seed,
        max_drop=asked.max_drop,
        force=asked.force,
        trust=asked.trust,
    )
    cache = run.settle([job], options)
    opened = run.open_job(job, options)
    try:
        # What a user's code said yesterday is not what it says today: nothing of it is remembered.
        with tempfile.TemporaryDirectory() as forgotten:
            mine = replace(opened, models=[own]) if own is not None else opened
            run.check_job(mine, gate)
            return _audited(
                asked, gate, mine, options, (cache, Path(forgotten) if own is not None else cache)
            )
    finally:
        opened.close()


def _audited(
    asked: Asked, gate: Gate, opened: run.Opened, options: run.RunOptions, caches: tuple[Path, Path]
) -> AuditResult:
    """Return the gated result; the first cache is the edits', the second the model's."""
    console = Console(file=io.StringIO())
    testset = run.build_set(opened, options, caches[0], console)
    checked = preflights(opened, caches[1], console, options.device)
    measured = run.audit(opened, options, testset, caches[1], console, checked)
    result = gate.hold(measured)
    result = with_unmet(result, gate.unmet([result]))
    if asked.report is not None:
        run.write(run.Audited(opened, testset, result), options, caches[1], console)
    return result


def sentence(result: AuditResult, report: Path | None = None) -> str:
    """Return why a result does not pass: its verdict, and every rule or model that does not hold."""
    found = [
        (gate.verdict, f"{gate.rule}{f' ({gate.model})' if gate.model else ''}: {gate.reason}")
        for gate in result.gates
    ] or [
        (model.verdict, f"{model.name}: {model.reason}{f' {model.error}' if model.error else ''}")
        for model in result.models
        if model.role == "model"
    ]
    lines = [f"{result.verdict.value} under shift '{result.shift.name}'"]
    lines += [f"  {verdict.value}: {why}" for verdict, why in found if verdict is not Verdict.PASS]
    return "\n".join([*lines, *([f"  report: {report / 'report.html'}"] if report else [])])


def _own(asked: Asked, shift: ShiftSpec) -> ModelUnderTest | None:
    """Return the user's own code as a model; None for a declared one."""
    model = asked.model
    if isinstance(model, (str, Path, ModelSpec)):
        if asked.declared or asked.input is not None:
            names = ", ".join(sorted(asked.declared) or ["input"])
            raise UsageError(f"{names}: a declared model declares itself; change its YAML file instead.")
        return None
    if not callable(model):
        raise UsageError(
            f"The model is a {type(model).__name__}, expected a name, a YAML file, a ModelSpec, a function or a "
            "torch module."
        )
    return own_model(model, shift, asked.input, asked.device, **asked.declared)


def _choice(asked: Asked, shift: ShiftSpec, own: ModelUnderTest | None) -> Choice:
    """Return the model, if it is a declared one, and the shift's control models."""
    if isinstance(asked.model, (str, Path)):
        return choose_models(shift, [str(asked.model)])
    named = asked.model if isinstance(asked.model, ModelSpec) else None
    taken = own.spec.name if named is None and own is not None else getattr(named, "name", "")
    controls = [load_model(model_path(name)) for name in shift.control_models]
    return Choice(
        () if named is None else (named.answering(shift.task),),
        tuple(spec for spec in controls if spec.name != taken),
    )
