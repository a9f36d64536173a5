"""``assert_robust``: the audit of one model under one shift as an assertion."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a test suite that only imports this pays for nothing
    import torch

    from radbench.harness.result import AuditResult
    from radbench.runtime import DeviceName
    from radbench.specs import GatesSpec, InputContract, ModelSpec


def assert_robust(  # noqa: PLR0913 - each is one choice of an audit, and has a default
    model: "str | Path | ModelSpec | Callable[..., Any] | torch.nn.Module",
    shift: str | Path = "manifestation",
    *,
    max_drop: float | None = None,
    gates: "str | Path | GatesSpec | None" = None,
    baseline: str | Path | None = None,
    limit: int | None = None,
    seed: int = 0,
    cache: str | Path | None = None,
    device: "DeviceName" = "cpu",
    allow_inconclusive: bool = False,
    force: bool = False,
    trust_model_code: bool = False,
    report: str | Path | None = None,
    input: "InputContract | None" = None,  # noqa: A002 - the word of a model's YAML file
    **declared: Any,
) -> "AuditResult":
    """Audit a model under a shift and fail unless the verdict is PASS.

    What was not measured never passes: FAIL, INCONCLUSIVE, NOT_RUN and ERROR all raise.

    Args:
        model: The name or YAML file of a declared model, or a ``ModelSpec``: run in a process of its own. Or your own
            code, run in this process: a ``torch.nn.Module`` (with ``input``), or a function of a list of images,
            uint8 [H, W] each, that returns scores [N] in [0, 1], or for a segmentation masks [N, H, W] of 0 and 1.
        shift: The name or YAML file of a shift.
        max_drop: Largest accepted fall of the primary metric; None for the shift's, or 0.1.
        gates: A ``gates.yaml`` or its rules, judged as ``radbench run --gates`` does.
        baseline: An earlier run's ``result.json`` or folder: no worse than that.
        limit: Edit at most so many images.
        seed: Of the edits and the intervals.
        cache: Root of the cache; None for the usual one, where edited images are found again.
        device: "cpu", "cuda" or "auto".
        allow_inconclusive: Let an interval that holds the limit pass.
        force: Audit a model although its preflight says that it breaks its own declaration.
        trust_model_code: Let a declared model's files run code of their own (a MONAI bundle's, for example).
        report: A folder to write the report, ``junit.xml`` and ``summary.md`` into.
        input: The input contract of a ``torch.nn.Module``.
        declared: Further fields of ``ModelSpec`` for your own code, such as ``output="logits"``.

    Returns:
        The result, for further assertions.

    Raises:
        AssertionError: The verdict is not PASS; the message says why, model by model and rule by rule.
        UsageError: Something in the arguments or files that can be mended.
    """
    __tracebackhide__ = True
    from radbench.api.auditing import audit

    found = audit(
        shift,
        model,
        max_drop=max_drop,
        gates=gates,
        baseline=baseline,
        limit=limit,
        seed=seed,
        cache=cache,
        device=device,
        force=force,
        trust_model_code=trust_model_code,
        progress=False,
        input=input,
        **declared,
    )
    if report is not None:
        found.report(report)
    passing = {"PASS", "INCONCLUSIVE"} if allow_inconclusive else {"PASS"}
    if found.verdict.value not in passing:
        raise AssertionError(_sentence(found.result, report))
    return found.result


def _sentence(result: "AuditResult", report: str | Path | None = None) -> str:
    """Return why a result does not pass: its verdict, and every rule or model that does not hold."""
    found = [
        (gate.verdict.value, f"{gate.rule}{f' ({gate.model})' if gate.model else ''}: {gate.reason}")
        for gate in result.gates
    ] or [
        (model.verdict.value, f"{model.name}: {model.reason}{f' {model.error}' if model.error else ''}")
        for model in result.models
        if model.role == "model"
    ]
    lines = [f"{result.verdict.value} under shift '{result.shift.name}'"]
    lines += [f"  {verdict}: {why}" for verdict, why in found if verdict != "PASS"]
    return "\n".join([*lines, *([f"  report: {Path(report) / 'report.html'}"] if report else [])])
