"""One shift from its name to its audit: declared, opened, checked, edited, audited, written. One function a step."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, TypeAlias, get_args

from radbench.api.anchors import open_anchors
from radbench.api.answers_match import refuse_foreign, refuse_uncovered
from radbench.api.bundles import BundleRef, find_bundle, uses_hub
from radbench.api.choices import Choice, ModelName, choose_models
from radbench.api.cohorts import load_cohort, require_data
from radbench.api.datasets import index_named
from radbench.api.environment import prepare_environment, usable_cache
from radbench.api.gates import Gate
from radbench.api.preflights import preflights
from radbench.api.progress import Progress
from radbench.declared import shift_path
from radbench.diffusion.assembly import bundle_digests
from radbench.diffusion.bundle_card import bundle_card
from radbench.diffusion.editors import algorithm_version
from radbench.errors import UsageError
from radbench.harness.films import film_notes
from radbench.harness.ready import check_anchor_masks, check_masks, check_ready
from radbench.harness.run import run_audit
from radbench.harness.summary import nothing_edited
from radbench.models.isolation import open_model
from radbench.quality.encoders import EMBEDDED
from radbench.report.outputs import check_writable
from radbench.runtime import DeviceName, resolve_device
from radbench.specs import GatesSpec, ModelSpec, ShiftSpec, load_shift
from radbench.specs.scenario import Precision
from radbench.testsets.build import build_testset
from radbench.testsets.plan import Plan, make_plan
from radbench.testsets.testset import TestSet

if TYPE_CHECKING:
    from radbench.data.cohort import Cohort
    from radbench.diffusion.bundle import Bundle
    from radbench.harness.anchors import AnchorSet
    from radbench.harness.result import AuditResult
    from radbench.models.base import Finding, ModelUnderTest
    from radbench.testsets.executor import Shard

ShiftName: TypeAlias = str | Path | ShiftSpec
"""A declared shift's name, its YAML file, or the shift itself."""

OUT = Path("radbench-out")
"""Where outputs go unless a folder is asked for."""


@dataclass(frozen=True)
class RunOptions:
    """What a run is asked for; see ``radbench.audit`` and the help of ``radbench run``."""

    shift: ShiftName
    models: tuple[ModelName, ...] = ()
    controls: tuple[ModelName, ...] = ()
    out: Path | None = None
    limit: int | None = None
    device: DeviceName = "auto"
    seed: int = 0
    max_drop: float | None = None
    batch_size: int = 8
    bundle: str | None = None
    gates: Path | GatesSpec | None = None
    baseline: Path | None = None
    force: bool = False
    trust: bool = False
    identifiers: bool = False
    sidecar: bool = False
    figures: bool = False
    workers: int = 1
    precision: Precision | None = None

    def __post_init__(self) -> None:
        if self.device not in {"auto", "cpu", "cuda"}:
            raise UsageError(f"device is '{self.device}', expected auto, cpu or cuda.")
        if self.precision not in {None, *get_args(Precision)}:
            raise UsageError(
                f"precision is '{self.precision}', expected one of {', '.join(get_args(Precision))}."
            )
        for name, least in (("limit", 1), ("seed", 0), ("batch_size", 1), ("workers", 1)):
            found = getattr(self, name)
            if found is not None and (not isinstance(found, int) or found < least):
                raise UsageError(f"{name} is {found!r}, expected a whole number from {least} on.")


@dataclass(frozen=True)
class Job:
    """One shift as it is declared: what is run on it, with which bundle, and where its files go (None: nowhere).

    ``own`` are models that the user holds in Python.
    """

    shift: ShiftSpec
    choice: Choice
    bundle: BundleRef
    out: Path | None = None
    own: "tuple[ModelUnderTest, ...]" = ()


@dataclass(frozen=True)
class Opened:
    """A job whose cohort and models were found and verified; ``close`` ends the models' processes.

    ``anchors`` are the real films that its scenarios name; ``plan`` is that of its test set, once ``check_job`` has
    made it.
    """

    job: Job
    cohort: "Cohort"
    models: "list[ModelUnderTest]"
    control_models: "list[ModelUnderTest]"
    checkpoints: "dict[str, list[ModelUnderTest]]"
    plan: Plan | None = None
    anchors: "tuple[AnchorSet, ...]" = ()

    @property
    def everyone(self) -> "list[ModelUnderTest]":
        """The models under test and the control models."""
        return [*self.models, *self.control_models]

    def close(self) -> None:
        """Let go of every model's process."""
        further = [run for runs in self.checkpoints.values() for run in runs]
        for model in [*self.everyone, *further]:
            close = getattr(model, "close", None)
            if close is not None:
                close()


@dataclass(frozen=True)
class Audited:
    """A shift that was measured, with what its report is made of."""

    opened: Opened
    testset: TestSet
    result: "AuditResult"


def read_shift(shift: ShiftName) -> ShiftSpec:
    """Return the shift of a name or a YAML file, or the shift itself.

    Raises:
        UsageError: There is none of that name, or its file is not as shifts are declared.
    """
    if isinstance(shift, ShiftSpec):
        return shift
    if not isinstance(shift, (str, Path)):
        raise UsageError(
            f"The shift is a {type(shift).__name__}, expected a name, a YAML file or a ShiftSpec."
        )
    return load_shift(shift_path(shift))


def needed_shift(shift: ShiftName, precision: Precision | None = None) -> ShiftSpec:
    """Return a shift to run; what data it lacks is said before anything else is asked of the user.

    Args:
        shift: What it is called.
        precision: Of the editor instead of the declared one.

    Raises:
        UsageError: As ``read_shift``, or a dataset that is not on this machine.
    """
    found = read_shift(shift)
    require_data(found)
    return found if precision is None else found.in_precision(precision)


def declare(options: RunOptions, *, fitting: bool = False) -> Job:
    """Read what a run of one shift is declared to be.

    Args:
        options: What to do.
        fitting: Leave out chosen models that answer another question, instead of refusing them.

    Raises:
        UsageError: A wrong name, file or option.
    """
    shift = needed_shift(options.shift, options.precision)
    choice = choose_models(shift, options.models, options.controls, fitting=fitting)
    return Job(shift, choice, find_bundle(shift, options.bundle), options.out or OUT / shift.name)


def settle(jobs: Iterable[Job], options: RunOptions) -> Path:
    """Prepare the process for the jobs, before anything heavy is imported; return the cache's folder.

    Raises:
        UsageError: A folder that cannot be written to, or no GPU where one was asked for.
    """
    jobs = list(jobs)
    if jobs and all(job.shift.is_natural for job in jobs):
        asked = [name for name in ("limit", "bundle") if getattr(options, name) is not None]
        if asked:
            raise UsageError(
                f"{asked[0]} is about edits, and the shift '{jobs[0].shift.name}' compares real films; leave it out."
            )
    prepare_environment(hub=any(uses_hub(job.bundle) or _scores_from_hub(job.shift) for job in jobs))
    for job in jobs:
        if job.out is not None:
            check_writable(job.out)
    cache = usable_cache()
    if options.device == "cuda":
        resolve_device("cuda")  # without a GPU, say so now and not after the planning
    return cache


def _scores_from_hub(shift: ShiftSpec) -> bool:
    """Whether the encoder of the editing score is a repository of the hub: neither embedded nor a folder."""
    encoder = shift.filter.encoder
    return not (encoder is None or encoder == EMBEDDED or encoder[0] in "./~" or Path(encoder).is_dir())


def open_job(job: Job, options: RunOptions, progress: Progress | None = None) -> Opened:
    """Find the cohort and verify the models' files; no model is started and no image drawn.

    Args:
        job: What is run.
        options: How.
        progress: Told how far the index of a dataset is, where one has to be made.

    Raises:
        UsageError: A cohort that cannot be read, or files that are not the declared ones.
    """
    everyone = [*job.choice.models, *job.choice.controls]

    def opened(spec: ModelSpec) -> "ModelUnderTest":
        return open_model(spec, options.device, trust=options.trust)

    index_named(job.shift, progress or Progress())
    cohort = load_cohort(job.shift, job.bundle)
    return Opened(
        job,
        cohort,
        [*(opened(spec) for spec in job.choice.models), *job.own],
        [opened(spec) for spec in job.choice.controls],
        {
            spec.name: [opened(spec.at(checkpoint)) for checkpoint in spec.checkpoints]
            for spec in everyone
            if spec.checkpoints
        },
        anchors=open_anchors(job.shift, cohort, job.bundle),
    )


def check_job(opened: Opened, options: RunOptions, gate: Gate) -> Opened:
    """Refuse what shift, cohort, models and rules alone can decide, before the first edit; no model is started.

    Returns:
        The job with its plan; a natural shift has none.

    Raises:
        UsageError: Anything that the audit would refuse after the long work.
    """
    shift, cohort = opened.job.shift, opened.cohort
    check_ready(shift, cohort, opened.everyone, opened.checkpoints)
    gate.check_cohort(shift, cohort.studies)
    check_masks(shift, cohort)
    check_anchor_masks(shift, opened.anchors)
    refuse_foreign(opened.everyone, shift, cohort, opened.anchors)
    if shift.is_natural:
        return opened
    return replace(opened, plan=plan_of(opened, options))


def perform(opened: Opened, options: RunOptions, cache: Path, progress: Progress) -> Audited:
    """Build the test set (of two real cohorts: none), check the models against their declarations, and audit them."""
    shift, cohort = opened.job.shift, opened.cohort
    testset = (
        nothing_edited(shift, cohort) if shift.is_natural else build_set(opened, options, cache, progress)
    )
    refuse_uncovered(opened.everyone, shift, cohort, testset, opened.anchors)
    checked = preflights(opened.everyone, opened.cohort, cache, options.device, progress)
    return Audited(opened, testset, audit_set(opened, options, testset, cache, progress, checked))


def plan_of(opened: Opened, options: RunOptions) -> Plan:
    """Return the plan of a job's test set; no weight is loaded."""
    shift = opened.job.shift
    if shift.is_natural:
        raise UsageError(
            f"The shift '{shift.name}' compares two real cohorts and edits nothing, so it has no test set to build; "
            "use radbench run, or choose a shift of another kind."
        )
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


def edit_part(options: RunOptions, shard: "Shard", progress: Progress) -> int:
    """Edit one process's part of a shift's test set and store it; return how many edits could not be made.

    Raises:
        UsageError: as ``declare``, ``settle`` and ``open_job``.
    """
    from radbench.testsets.build import edit_shard

    shift = needed_shift(options.shift, options.precision)
    job = Job(shift, Choice(()), find_bundle(shift, options.bundle))
    cache = settle([job], options)
    opened = open_job(job, options, progress)
    with progress.doing("Planning"):
        plan = plan_of(opened, options)
    with progress.loop("Editing") as report:
        return edit_shard(
            plan,
            opened.cohort,
            lambda: _loaded(job, options),
            shard,
            cache=cache,
            batch_size=options.batch_size,
            progress=report,
        )


def _loaded(job: Job, options: RunOptions) -> "Bundle":
    from radbench.diffusion.bundle import load_bundle

    return load_bundle(job.bundle, resolve_device(options.device))


def build_set(opened: Opened, options: RunOptions, cache: Path, progress: Progress) -> TestSet:
    """Plan and build the test set; the weights are loaded only if something has to be edited."""
    check_ready(opened.job.shift, opened.cohort, opened.everyone, opened.checkpoints)
    with progress.doing("Planning"):
        plan = opened.plan or plan_of(opened, options)
    if options.workers > 1:
        from radbench.api.workers import run_workers

        run_workers(options, plan, cache, options.workers, progress)
    with progress.loop("Editing") as report:
        testset = build_testset(
            plan,
            opened.cohort,
            lambda: _loaded(opened.job, options),
            cache=cache,
            batch_size=options.batch_size,
            progress=report,
        )
    for name in testset.repaired:
        progress.note(f"Damaged in the cache, rebuilt: {name}")
    return testset


def audit_set(
    opened: Opened,
    options: RunOptions,
    testset: TestSet,
    cache: Path,
    progress: Progress,
    checked: "Mapping[str, Sequence[Finding]]" = MappingProxyType({}),
) -> "AuditResult":
    """Run the models on the real and the synthetic test set; ``checked`` holds what a preflight found of them."""
    with progress.doing("Auditing"):
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
            anchors=opened.anchors,
        )
