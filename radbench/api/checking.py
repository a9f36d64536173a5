"""A model against its own declaration, before it is audited."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from radbench.api.choices import ModelName, load_declared
from radbench.api.environment import prepare_environment, usable_cache
from radbench.api.job import ShiftName, read_shift
from radbench.api.progress import Progress
from radbench.errors import UsageError
from radbench.runtime import DeviceName, atomic_write, resolve_device

if TYPE_CHECKING:
    import pandas as pd

    from radbench.data.cohort import Cohort
    from radbench.models.base import Finding, ModelUnderTest
    from radbench.models.preflight import ProbePlan
    from radbench.specs import ModelSpec


@dataclass(frozen=True)
class Check:
    """What a preflight found of one model.

    Attributes:
        spec: The declaration, narrowed to one task.
        digest: SHA-256 of the model.
        findings: What was declared and observed; the same model and images give the same.
        timed: How long an image takes; empty for a model that could not be asked, or a table.
        shown: Which images the model was shown, in words.
        sandbox: What the model was kept from, by name.
    """

    spec: "ModelSpec"
    digest: str
    findings: "Sequence[Finding]"
    timed: "Sequence[Finding]"
    shown: str
    sandbox: Mapping[str, str]

    @property
    def failed(self) -> bool:
        """Whether the model breaks its own declaration; then no audit runs it unless forced."""
        return any(one.level == "failure" for one in self.findings)

    @property
    def table(self) -> "pd.DataFrame":
        """One row a check: check, level (ok, note, warning, failure), declared, observed, meaning."""
        import pandas as pd

        return pd.DataFrame([asdict(one) for one in [*self.findings, *self.timed]])

    def write(self, path: str | Path) -> Path:
        """Write the findings as JSON; the same model and images give the same bytes.

        Raises:
            UsageError: The file cannot be written.
        """
        content = {
            "schema_version": 1,
            "model": self.spec.name,
            "model_sha256": self.digest,
            "failed": self.failed,
            "findings": [asdict(one) for one in self.findings],
        }
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        atomic_write(Path(path), f"{text}\n".encode())
        return Path(path)

    def _repr_html_(self) -> str:
        return str(self.table.to_html(index=False))


def check(
    model: ModelName,
    shift: ShiftName | None = None,
    *,
    device: DeviceName = "auto",
    trust_model_code: bool = False,
    progress: Progress | None = None,
) -> Check:
    """Hold a model against its declaration: output, determinism, input range, polarity, classes.

    Args:
        model: A declared model's name, its YAML file, or a ``ModelSpec``.
        shift: The shift whose images are shown; None for one that fits the model's target.
        device: "auto", "cpu" or "cuda".
        trust_model_code: Whether the vendor's own code may run, in its sandbox.
        progress: What is told that the check goes on; None for nothing.

    Raises:
        UsageError: A wrong name, file or option.
    """
    prepare_environment()
    (declared,) = load_declared([model])
    spec, cohort = _matched(declared, shift)
    if device == "cuda":
        resolve_device("cuda")
    return _check(spec, cohort, device, usable_cache(), trust=trust_model_code, progress=progress)


def _matched(spec: "ModelSpec", shift: ShiftName | None) -> "tuple[ModelSpec, Cohort]":
    """Return the declaration narrowed to the question of a shift, and the shift's cohort."""
    from radbench.api.cohorts import load_cohort
    from radbench.api.preflights import fitting

    if shift is None:
        found, cohort = fitting(spec)
        task = found.task if spec.answers(found.task) else "classification"
        return spec.answering(task), cohort
    asked = read_shift(shift)
    if not spec.answers(asked.task):
        raise UsageError(
            f"The model '{spec.name}' has task '{spec.task}', the shift '{asked.name}' asks for a {asked.task}; "
            "choose another with --shift."
        )
    return spec.answering(asked.task), load_cohort(asked)


def _check(
    spec: "ModelSpec",
    cohort: "Cohort",
    device: DeviceName,
    cache: Path,
    *,
    trust: bool,
    progress: Progress | None,
) -> Check:
    from radbench.api.preflights import probe_plan
    from radbench.models.isolation.model import open_model
    from radbench.models.preflight import cached_preflight
    from radbench.models.registry import device_kind

    opened = open_model(spec, device, trust=trust)
    plan = probe_plan(cohort, spec)
    try:
        with nullcontext() if progress is None else progress.doing("Checking"):
            found = cached_preflight(opened, plan, cache, device=device_kind(device), again=True)
            timed = _timed(opened, plan, found)
        sandbox = dict(getattr(opened, "sandbox", {}))
        return Check(spec, opened.digest, found, timed, _shown(spec, cohort, plan), sandbox)
    finally:
        close = getattr(opened, "close", None)
        if close is not None:
            close()


def _shown(spec: "ModelSpec", cohort: "Cohort", plan: "ProbePlan") -> str:
    probe = plan.draw()
    known = "nothing is known of them"
    if probe.labels is not None:
        known = f"{int(probe.labels.sum())} with {spec.target}, {int((probe.labels == 0).sum())} without"
    elif probe.masks is not None:
        known = f"with masks of {spec.target}"
    return f"{len(probe.images)} images of {cohort.name}, {known}"


def _timed(model: "ModelUnderTest", plan: "ProbePlan", found: "Sequence[Finding]") -> "list[Finding]":
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
