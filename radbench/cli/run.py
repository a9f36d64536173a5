"""``radbench run``: from a shift's name to the report, one room after the other."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from rich.console import Console

from radbench.audit.films import film_notes
from radbench.audit.gates import with_unmet
from radbench.audit.ready import check_masks, check_ready
from radbench.audit.run import run_audit
from radbench.cli.bundles import BundleRef, find_bundle, uses_hub
from radbench.cli.cache import usable_cache
from radbench.cli.choices import Choice, choose_models
from radbench.cli.cohorts import load_cohort
from radbench.cli.coverage import refuse_foreign, refuse_uncovered
from radbench.cli.environment import prepare_environment
from radbench.cli.galleries import gallery, rejected_gallery
from radbench.cli.gated import Gate, ci_files, open_gate, print_gates
from radbench.cli.looks import Looks
from radbench.cli.preflights import preflights
from radbench.cli.progress import progress
from radbench.cli.summary import print_summary
from radbench.declared import shift_path
from radbench.diffusion.bundle_card import bundle_card
from radbench.diffusion.digests import bundle_digests
from radbench.diffusion.editors import algorithm_version
from radbench.models.isolation import open_model
from radbench.quality.encoders import EMBEDDED
from radbench.reporting.identity import deidentified
from radbench.reporting.outputs import check_writable, write_outputs
from radbench.runtime import DeviceName, resolve_device
from radbench.specs import ModelSpec, ShiftSpec, load_shift
from radbench.testsets.build import build_testset
from radbench.testsets.plan import Plan, make_plan
from radbench.testsets.testset import TestSet

if TYPE_CHECKING:
    from radbench.audit.result import AuditResult
    from radbench.data.cohort import Cohort
    from radbench.diffusion.bundle import Bundle
    from radbench.models.base import ModelUnderTest
    from radbench.models.finding import Finding

OUT = Path("radbench-out")
"""Where outputs go unless a folder is asked for."""


@dataclass(frozen=True)
class RunOptions:
    """What ``radbench run`` was asked for; see its help."""

    shift: str
    models: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    out: Path | None = None
    limit: int | None = None
    device: DeviceName = "auto"
    seed: int = 0
    max_drop: float | None = None
    batch_size: int = 8
    bundle: str | None = None
    gates: Path | None = None
    baseline: Path | None = None
    force: bool = False
    trust: bool = False
    identifiers: bool = False
    sidecar: bool = False


@dataclass(frozen=True)
class Job:
    """One shift as it is declared: what is run on it, with which bundle, and where the report goes."""

    shift: ShiftSpec
    choice: Choice
    bundle: BundleRef
    out: Path


@dataclass(frozen=True)
class Opened:
    """A job whose cohort and models were found and verified; ``close`` ends the models' processes.

    ``plan`` is that of its test set, once ``check_job`` has made it.
    """

    job: Job
    cohort: "Cohort"
    models: "list[ModelUnderTest]"
    control_models: "list[ModelUnderTest]"
    checkpoints: "dict[str, list[ModelUnderTest]]"
    plan: Plan | None = None

    def close(self) -> None:
        """Let go of every model's process."""
        further = [run for runs in self.checkpoints.values() for run in runs]
        for model in [*self.models, *self.control_models, *further]:
            close = getattr(model, "close", None)
            if close is not None:
                close()


@dataclass(frozen=True)
class Audited:
    """A shift that was measured, with what its report is made of."""

    opened: Opened
    testset: TestSet
    result: "AuditResult"


def run_shift(options: RunOptions, console: Console | None = None) -> int:
    """Audit models against a shift and write the report.

    Args:
        options: What to do.
        console: Where progress and the summary go; stdout if None.

    Returns:
        The exit code: 0 pass or no gate asked for, 1 a model could not run, 3 gate failed, 4 inconclusive or not run.

    Raises:
        UsageError: Something that the user can mend; found before the long work wherever that is possible.
    """
    console = console or Console()
    job = declare(options)
    gate = open_gate(options.gates, options.baseline, [job.shift])
    cache = settle([job], options)
    opened = open_job(job, options)
    try:
        with console.status("Planning"):
            ready = check_job(opened, options, gate)
        found = perform(ready, options, cache, console)
        result = with_unmet(gate.hold(found.result), gate.unmet([found.result]))
        report = write(replace(found, result=result), options, cache, console)
    finally:
        opened.close()
    print_summary(console, result)
    print_gates(console, result.gates)
    say(console, f"Report: {report}")
    return result.exit_code


def declare(options: RunOptions, *, fitting: bool = False) -> Job:
    """Read what a run of one shift is declared to be.

    Args:
        options: What to do.
        fitting: Leave out chosen models that answer another question, instead of refusing them.

    Raises:
        UsageError: A wrong name, file or option.
    """
    shift = load_shift(shift_path(options.shift))
    choice = choose_models(shift, options.models, options.controls, fitting=fitting)
    return Job(shift, choice, find_bundle(shift, options.bundle), options.out or OUT / shift.name)


def settle(jobs: Iterable[Job], options: RunOptions) -> Path:
    """Prepare the process for the jobs, before anything heavy is imported; return the cache's folder.

    Raises:
        UsageError: A folder that cannot be written to, or no GPU where one was asked for.
    """
    jobs = list(jobs)
    prepare_environment(hub=any(uses_hub(job.bundle) or _scores_from_hub(job.shift) for job in jobs))
    for job in jobs:
        check_writable(job.out)
    cache = usable_cache()
    if options.device == "cuda":
        resolve_device("cuda")  # without a GPU, say so now and not after the planning
    return cache


def _scores_from_hub(shift: ShiftSpec) -> bool:
    """Whether the encoder of the editing score is a repository of the hub: neither embedded nor a folder."""
    encoder = shift.filter.encoder
    return not (encoder is None or encoder == EMBEDDED or encoder[0] in "./~" or Path(encoder).is_dir())


def open_job(job: Job, options: RunOptions) -> Opened:
    """Find the cohort and verify the models' files; no model is started and no image drawn.

    Raises:
        UsageError: A cohort that cannot be read, or files that are not the declared ones.
    """
    everyone = [*job.choice.models, *job.choice.controls]

    def opened(spec: ModelSpec) -> "ModelUnderTest":
        return open_model(spec, options.device, trust=options.trust)

    return Opened(
        job,
        load_cohort(job.shift, job.bundle),
        [opened(spec) for spec in job.choice.models],
        [opened(spec) for spec in job.choice.controls],
        {
            spec.name: [opened(spec.at(checkpoint)) for checkpoint in spec.checkpoints]
            for spec in everyone
            if spec.checkpoints
        },
    )


def check_job(opened: Opened, options: RunOptions, gate: Gate) -> Opened:
    """Refuse what shift, cohort, models and rules alone can decide, before the first edit; no model is started.

    Returns:
        The job with its plan.

    Raises:
        UsageError: Anything that the audit would refuse after the long work.
    """
    shift, cohort = opened.job.shift, opened.cohort
    everyone = [*opened.models, *opened.control_models]
    check_ready(shift, cohort, everyone, opened.checkpoints)
    gate.check_cohort(shift, cohort.studies)
    check_masks(shift, cohort)
    refuse_foreign(everyone, shift, cohort)
    return replace(opened, plan=plan_of(opened, options))


def perform(opened: Opened, options: RunOptions, cache: Path, console: Console) -> Audited:
    """Build the test set and audit the models."""
    testset = build_set(opened, options, cache, console)
    refuse_uncovered([*opened.models, *opened.control_models], opened.job.shift, opened.cohort, testset)
    checked = preflights(opened, cache, console, options.device)
    return Audited(opened, testset, audit(opened, options, testset, cache, console, checked))


def write(found: Audited, options: RunOptions, cache: Path, console: Console) -> Path:
    """Write a shift's outputs; return the report's path."""
    opened, result = found.opened, found.result
    with console.status("Writing the report"):
        looks = Looks([*opened.models, *opened.control_models], cache)
        native = opened.job.shift.composite == "native"
        shown = gallery(result, opened.cohort, found.testset, looks, native=native)
        rejected = rejected_gallery(opened.cohort, found.testset)
        return write_outputs(
            result,
            shown,
            opened.job.out,
            rejected,
            identifiers=options.identifiers,
            sidecar=options.sidecar,
            beside=ci_files([result if options.identifiers else deidentified(result)]),
        )


def say(console: Console, line: str) -> None:
    """Print one line as it is, however long."""
    console.print(line, soft_wrap=True, highlight=False, markup=False)


def plan_of(opened: Opened, options: RunOptions) -> Plan:
    """Return the plan of a job's test set; no weight is loaded."""
    shift = opened.job.shift
    editors = [shift.editor_of(scenario).name for scenario in shift.scenarios]
    algorithms: dict[str, int] = {name: algorithm_version(name) for name in editors}
    weights = bundle_digests(opened.job.bundle)
    return make_plan(
        shift,
        opened.cohort,
        weights,
        algorithms,
        limit=options.limit,
        seed=options.seed,
        card=bundle_card(opened.job.bundle),
    )


def build_set(opened: Opened, options: RunOptions, cache: Path, console: Console) -> TestSet:
    """Plan and build the test set; the weights are loaded only if something has to be edited."""

    def load() -> "Bundle":
        from radbench.diffusion.bundle import load_bundle

        return load_bundle(opened.job.bundle, resolve_device(options.device))

    everyone = [*opened.models, *opened.control_models]
    check_ready(opened.job.shift, opened.cohort, everyone, opened.checkpoints)
    with console.status("Planning"):
        plan = opened.plan or plan_of(opened, options)
    with progress(console, "Editing") as report:
        testset = build_testset(
            plan, opened.cohort, load, cache=cache, batch_size=options.batch_size, progress=report
        )
    for name in testset.repaired:
        say(console, f"Damaged in the cache, rebuilt: {name}")
    return testset


def audit(
    opened: Opened,
    options: RunOptions,
    testset: TestSet,
    cache: Path,
    console: Console,
    checked: "Mapping[str, Sequence[Finding]]" = MappingProxyType({}),
) -> "AuditResult":
    """Run the models on the real and the synthetic test set; ``checked`` holds what a preflight found of them."""
    with console.status("Auditing"):
        return run_audit(
            opened.job.shift,
            opened.cohort,
            testset,
            opened.models,
            seed=options.seed,
            max_drop=options.max_drop,
            cache=cache,
            device=options.device,
            control_models=opened.control_models,
            checkpoints=opened.checkpoints,
            preflight=checked,
            forced=list(checked) if options.force else (),
            films=film_notes(opened.cohort, cache),
        )
