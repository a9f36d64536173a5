"""``radbench run``: from a shift's name to the report, one room after the other."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from radbench.audit.run import run_audit
from radbench.cli.bundles import BundleRef, find_bundle, uses_hub
from radbench.cli.cache import usable_cache
from radbench.cli.cohorts import load_cohort
from radbench.cli.environment import prepare_environment
from radbench.cli.galleries import gallery
from radbench.cli.progress import progress
from radbench.cli.summary import print_summary
from radbench.declared import model_path, shift_path
from radbench.diffusion.digests import bundle_digests
from radbench.diffusion.editors import algorithm_version
from radbench.errors import UsageError
from radbench.models.registry import load_model_under_test
from radbench.reporting.outputs import check_writable, write_outputs
from radbench.runtime import DeviceName, resolve_device
from radbench.specs import ModelSpec, ShiftSpec, load_model, load_shift
from radbench.testsets.build import build_testset
from radbench.testsets.plan import make_plan
from radbench.testsets.testset import TestSet

if TYPE_CHECKING:
    from radbench.audit.result import AuditResult
    from radbench.data.cohort import Cohort
    from radbench.diffusion.bundle import Bundle
    from radbench.models.base import ModelUnderTest


@dataclass(frozen=True)
class RunOptions:
    """What ``radbench run`` was asked for; see its help."""

    shift: str
    models: tuple[str, ...] = ()
    out: Path | None = None
    limit: int | None = None
    device: DeviceName = "auto"
    seed: int = 0
    max_drop: float | None = None
    batch_size: int = 8
    bundle: str | None = None


def run_shift(options: RunOptions, console: Console | None = None) -> int:
    """Audit models against a shift and write the report.

    Args:
        options: What to do.
        console: Where progress and the summary go; stdout if None.

    Returns:
        The exit code: 0 pass or no gate asked for, 1 a model could not run, 3 gate failed, 4 inconclusive.

    Raises:
        UsageError: Something that the user can mend; found before the long work wherever that is possible.
    """
    console = console or Console()
    shift = load_shift(shift_path(options.shift))
    specs = _model_specs(shift, options.models)
    bundle = find_bundle(shift, options.bundle)
    prepare_environment(hub=uses_hub(bundle))
    out = options.out or Path("radbench-out") / shift.name
    check_writable(out)
    cache = usable_cache()
    if options.device == "cuda":
        resolve_device("cuda")  # without a GPU, say so now and not after the planning
    cohort = load_cohort(shift)
    models = [load_model_under_test(spec, options.device) for spec in specs]
    testset = _build_testset(options, shift, cohort, bundle, cache, console)
    result = _audit(options, shift, cohort, testset, models, cache, console)
    with console.status("Writing the report"):
        report = write_outputs(result, list(gallery(result, cohort, testset)), out)
    print_summary(console, result)
    console.print(f"Report: {report}", soft_wrap=True, highlight=False, markup=False)
    return result.exit_code


def _model_specs(shift: ShiftSpec, asked: Sequence[str]) -> list[ModelSpec]:
    names = list(dict.fromkeys(asked or shift.models))
    if not names:
        raise UsageError(f"The shift '{shift.name}' names no models; choose one with --model.")
    specs = [load_model(model_path(name)) for name in names]
    for spec in specs:
        if spec.target != shift.target:
            raise UsageError(
                f"The model '{spec.name}' predicts '{spec.target}', the shift '{shift.name}' needs a model "
                f"that predicts '{shift.target}'; choose another with --model."
            )
    twice = {spec.name for spec in specs if sum(other.name == spec.name for other in specs) > 1}
    if twice:
        raise UsageError(f"Two models are called '{min(twice)}'; give each YAML file its own name.")
    return specs


def _build_testset(
    options: RunOptions,
    shift: ShiftSpec,
    cohort: "Cohort",
    bundle: BundleRef,
    cache: Path,
    console: Console,
) -> TestSet:
    """Plan and build the test set; the weights are loaded only if something has to be edited."""

    def load() -> "Bundle":
        from radbench.diffusion.bundle import load_bundle

        return load_bundle(bundle, resolve_device(options.device))

    with console.status("Planning"):
        weights = bundle_digests(bundle)
        algorithm = algorithm_version(shift.editor.name)
        plan = make_plan(shift, cohort, weights, algorithm, limit=options.limit, seed=options.seed)
    with progress(console, "Editing") as report:
        testset = build_testset(
            plan, cohort, load, cache=cache, batch_size=options.batch_size, progress=report
        )
    for name in testset.repaired:
        console.print(f"Damaged in the cache, rebuilt: {name}", soft_wrap=True, highlight=False, markup=False)
    return testset


def _audit(
    options: RunOptions,
    shift: ShiftSpec,
    cohort: "Cohort",
    testset: TestSet,
    models: Sequence["ModelUnderTest"],
    cache: Path,
    console: Console,
) -> "AuditResult":
    with console.status("Auditing"):
        return run_audit(
            shift,
            cohort,
            testset,
            models,
            seed=options.seed,
            max_drop=options.max_drop,
            cache=cache,
            device=options.device,
        )
