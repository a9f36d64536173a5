"""The audit of models under one shift, from Python: what ``radbench run`` does, as an object."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from radbench.api.choices import ModelName, choose_models
from radbench.api.environment import cache_at
from radbench.api.gates import open_gate
from radbench.api.progress import Callback, Progress, progress_of
from radbench.declared import cache_dir
from radbench.errors import UsageError
from radbench.harness.result import AuditResult, Verdict
from radbench.runtime import DeviceName
from radbench.specs import GatesSpec, InputContract, ModelSpec, ShiftSpec
from radbench.specs.scenario import Precision

if TYPE_CHECKING:
    import pandas as pd
    import torch

    from radbench.api.dataset import EditedImages
    from radbench.api.job import Audited, RunOptions, ShiftName
    from radbench.models.base import ModelUnderTest
    from radbench.plots import Plots

Model: TypeAlias = "ModelName | Callable[..., Any] | torch.nn.Module"
"""A declared model's name, its YAML file or a ``ModelSpec``; or your own function or torch module."""


class Audit:
    """A finished audit.

    Attributes:
        result: Everything that was measured, typed; the only source of tables, figures and the report.
    """

    def __init__(
        self, result: AuditResult, found: "Audited | None" = None, cache: Path | None = None
    ) -> None:
        self.result = result
        self._found = found
        self._cache = cache or cache_dir()

    @property
    def verdict(self) -> Verdict:
        """PASS, FAIL, INCONCLUSIVE, NOT_RUN or ERROR, of all models under test together."""
        return self.result.verdict

    @property
    def exit_code(self) -> int:
        """What ``radbench run`` would exit with."""
        return self.result.exit_code

    @property
    def metrics(self) -> "pd.DataFrame":
        """One row a figure: model, shift, scenario, arm, metric, n, value, low, high (95 % interval)."""
        return self.table("metrics")

    @property
    def cases(self) -> "pd.DataFrame":
        """One row an image and model: study, patient, arm, label, score, decision, and its part in the metric."""
        return self.table("cases")

    @property
    def edits(self) -> "pd.DataFrame":
        """One row an edit of the test set, rejected and failed ones too: prompt, status, reason, measures, files.

        Raises:
            UsageError: The audit was loaded, and its test set is not in this machine's cache; or it is of a natural
                shift, which edits nothing.
        """
        import io

        import pandas as pd

        if self.result.is_natural:
            raise UsageError("This audit compares two real cohorts and edits nothing, so it has no edits.")
        if self._found is not None:
            from radbench.testsets.records import to_parquet

            return pd.read_parquet(io.BytesIO(to_parquet(self._found.testset.records)))
        file = self._cache / "testsets" / self.result.testset.key / "records.parquet"
        if not file.is_file():
            raise UsageError(
                f"The test set {self.result.testset.key[:12]}... of this audit is not in the cache {self._cache}; "
                "run the audit on this machine to have its edits."
            )
        return pd.read_parquet(file)

    def table(self, name: str) -> "pd.DataFrame":
        """Return one of the tables that are written beside the report.

        Args:
            name: metrics, cases, tests, subgroups, gates, doses, anchors, attrition, calibration, claims, comparisons,
                preflight, or of two cohorts case_mix and strata.

        Raises:
            UsageError: There is no such table.
        """
        from radbench.report.tables import frame

        return frame(self.result, name)

    @cached_property
    def plot(self) -> "Plots":
        """Figures of this audit, for a notebook or a paper: ``audit.plot.effects()`` and others."""
        from radbench.plots import Plots

        pictures = None
        if self._found is not None:
            from radbench.api.report_files import gallery

            opened = self._found.opened
            native = opened.job.shift.composite == "native"
            pictures = gallery(self.result, opened.cohort, self._found.testset, native=native)
        return Plots(self.result, pictures)

    @property
    def testset(self) -> "EditedImages":
        """The edited images as the models saw them, a torch ``Dataset``.

        Raises:
            UsageError: The audit was loaded from a file, or is of a natural shift.
        """
        from radbench.api.dataset import EditedImages

        if self.result.is_natural:
            raise UsageError(
                "This audit compares two real cohorts and edits nothing, so it has no edited images."
            )
        opened = self._needed("test set").opened
        return EditedImages(opened.job.shift, opened.cohort, self._needed("test set").testset)

    def report(
        self, folder: str | Path, *, identifiers: bool = False, sidecar: bool = False, figures: bool = False
    ) -> Path:
        """Write the files that ``radbench run`` writes (report.html, result.json, tables); return the report's path.

        Args:
            folder: Where to; made if missing.
            identifiers: Name studies and patients; otherwise running numbers stand for them in every file.
            sidecar: Also write every edited image.
            figures: Also write the figures as SVG and PNG, for papers, into ``figures/``.

        Raises:
            UsageError: The folder cannot be written, or the audit was loaded and has no pictures.
        """
        from radbench.api.report_files import write

        found = replace(self._needed("pictures"), result=self.result)
        return write(
            found, Path(folder), self._cache, identifiers=identifiers, sidecar=sidecar, figures=figures
        )

    def _needed(self, what: str) -> "Audited":
        if self._found is None:
            raise UsageError(
                f"This audit was loaded from its result, which holds figures and no {what}; repeat the audit, which "
                "finds its edits in the cache."
            )
        return self._found

    def __repr__(self) -> str:
        models = ", ".join(f"{model.name} {model.verdict.value}" for model in self.result.models)
        return f"Audit(shift={self.result.shift.name!r}, verdict={self.verdict.value}, models=[{models}])"

    def _repr_html_(self) -> str:
        from radbench.report.summary import summary_html

        return summary_html(self.result)


def audit(  # noqa: PLR0913 - each is one choice of an audit, and has a default
    shift: "ShiftName" = "manifestation",
    models: "Model | Sequence[Model] | Mapping[str, Model] | None" = None,
    *,
    controls: Sequence[ModelName] = (),
    limit: int | None = None,
    seed: int = 0,
    device: DeviceName = "auto",
    max_drop: float | None = None,
    gates: str | Path | GatesSpec | None = None,
    baseline: str | Path | None = None,
    bundle: str | Path | None = None,
    batch_size: int = 8,
    workers: int = 1,
    precision: Precision | None = None,
    force: bool = False,
    trust_model_code: bool = False,
    cache: str | Path | None = None,
    progress: bool | Callback | Progress = True,
    input: InputContract | None = None,  # noqa: A002 - the word of a model's YAML file
    **declared: Any,
) -> Audit:
    """Build a shift's test set, run models on it and on the real images, and compare.

    Args:
        shift: A declared shift's name, its YAML file, or a ``ShiftSpec``.
        models: One or several: names, YAML files or ``ModelSpec``s, each run in a process of its own; or your own
            code, run in this process: a ``torch.nn.Module`` (with ``input``), or a function of a list of images,
            uint8 or uint16 [H, W] each, that returns scores [N] in [0, 1], or for a segmentation masks [N, H, W] of
            0 and 1. A mapping gives own code its name. None: the models that the shift names.
        controls: Models known to hold under the shift, which judge the editor and not themselves.
        limit: Edit at most this many images; None for the shift's limit.
        seed: Of the edits and the intervals.
        device: "auto", "cpu" or "cuda".
        max_drop: Largest accepted fall of the primary metric; None for the shift's, or 0.1.
        gates: A ``gates.yaml`` or its rules.
        baseline: An earlier run's ``result.json`` or folder: no worse than that.
        bundle: Another diffusion bundle than the shift's: a folder, or the YAML file of an assembly.
        batch_size: Images edited at once; bounds the memory, changes no pixel.
        workers: Processes that edit; on several GPUs one each.
        precision: Of the noise predictor: "float32", "tf32" or "bfloat16"; None for the shift's.
        force: Audit models although their preflight says that they break their own declaration.
        trust_model_code: Let a declared model's files run code of their own, in the sandbox.
        cache: The cache's root; None for ``$RADBENCH_CACHE`` or the platform's.
        progress: True for bars, False for none, or a function of what, done and total.
        input: The input contract of a ``torch.nn.Module``.
        declared: Further fields of ``ModelSpec`` for your own code, such as ``output="logits"``.

    Raises:
        UsageError: Something in the arguments or files that can be mended; found before the long work wherever that
            is possible.
    """
    from radbench.api import job as jobs

    shift = jobs.read_shift(shift)
    named, own = _told_apart(models, shift, device, input, declared)
    options = jobs.RunOptions(
        shift=shift,
        models=tuple(named),
        controls=tuple(controls),
        limit=limit,
        device=device,
        seed=seed,
        max_drop=max_drop,
        batch_size=batch_size,
        workers=workers,
        precision=precision,
        bundle=None if bundle is None else str(bundle),
        gates=Path(gates) if isinstance(gates, str) else gates,
        baseline=None if baseline is None else Path(baseline),
        force=force,
        trust=trust_model_code,
    )
    with cache_at(cache):
        return run(options, progress_of(progress), own)


def run(options: "RunOptions", progress: Progress, own: "Sequence[ModelUnderTest]" = ()) -> Audit:
    """Audit one shift with declared models and ``own`` ones; see ``audit``. ``options.out`` is tried, not written."""
    from radbench.api import job as jobs
    from radbench.api.bundles import find_bundle
    from radbench.harness.gates import with_unmet

    shift = jobs.needed_shift(options.shift, options.precision)
    names = [model.spec.name for model in own]
    choice = choose_models(shift, options.models, options.controls, own=names)
    job = jobs.Job(shift, choice, find_bundle(shift, options.bundle), options.out, tuple(own))
    gate = open_gate(options.gates, options.baseline, [shift])
    cache = jobs.settle([job], options)
    opened = jobs.open_job(job, options, progress)
    try:
        with progress.doing("Planning"):
            ready = jobs.check_job(opened, options, gate)
        found = jobs.perform(ready, options, cache, progress)
    finally:
        opened.close()
    result = gate.hold(found.result)
    result = with_unmet(result, gate.unmet([result]))
    return Audit(result, replace(found, result=result), cache)


def load(path: str | Path) -> Audit:
    """Read an earlier audit: its figures and plots, and its edits where the cache still has them, but no pictures.

    Args:
        path: A ``result.json`` or the folder of a report.

    Raises:
        UsageError: There is no such file, or it is no result of an audit of this version or an earlier one.
    """
    from radbench.harness.gates.baseline import read_baseline

    (earlier,) = _only(read_baseline(Path(path), what="audit"), path)
    return Audit(earlier.result)


def _only(found: Mapping[str, Any], path: str | Path) -> list[Any]:
    if len(found) != 1:
        raise UsageError(
            f"{path} holds the results of {len(found)} shifts ({', '.join(sorted(found))}); name the folder of one."
        )
    return list(found.values())


def _told_apart(
    models: "Model | Sequence[Model] | Mapping[str, Model] | None",
    shift: ShiftSpec,
    device: DeviceName,
    contract: InputContract | None,
    declared: Mapping[str, Any],
) -> "tuple[list[ModelName], list[ModelUnderTest]]":
    """Return the declared models and the user's own ones."""
    from radbench.api.own_models import own_model

    if isinstance(models, Mapping):
        given: list[tuple[str | None, Any]] = list(models.items())
    elif models is None:
        given = []
    elif isinstance(models, (list, tuple)):
        given = [(None, model) for model in models]
    else:
        given = [(None, models)]
    named: list[ModelName] = []
    own: list[ModelUnderTest] = []
    for name, model in given:
        if isinstance(model, (str, Path, ModelSpec)):
            if name is not None:
                raise UsageError(
                    f"The model '{name}' is a declared one, which has its own name; put it into a list, and own code "
                    "with a name into a mapping."
                )
            named.append(model)
        elif callable(model):
            fields = dict(declared) if name is None else {**declared, "name": name}
            own.append(own_model(model, shift, contract, device, **fields))
        else:
            raise UsageError(
                f"The model is a {type(model).__name__}, expected a name, a YAML file, a ModelSpec, a function or a "
                "torch module."
            )
    if not own and (declared or contract is not None):
        names = ", ".join(sorted(declared) or ["input"])
        raise UsageError(f"{names}: a declared model declares itself; change its YAML file instead.")
    return named, own
