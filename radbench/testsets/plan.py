"""From a shift and a cohort to the tasks of a test set, and the count of who is left out and why.

A study's tasks are the stress edit and its controls (sham, doses, placebo), on the same masks and noise.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import zip_longest

from radbench.data.cohort import Cohort, Study
from radbench.data.images import array_digest
from radbench.diffusion.bundle_card import BundleCard
from radbench.errors import UsageError
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs.base import first
from radbench.specs.scenario import REPORT, EditorSpec, Scenario, fill
from radbench.specs.shift import ShiftSpec
from radbench.testsets.selection import (
    in_order,
    is_edited,
    measured_studies,
    select,
    select_placebo,
    unknown_target,
)
from radbench.testsets.store import LAYOUT_VERSION
from radbench.testsets.task import EditTask, TaskArm, edit_inputs, edit_settings

EMPTY_EDIT_MASK = "empty edit mask"
COVERED_EDIT_MASK = "keep mask covers the whole edit mask"
EMPTY_PROMPT = "empty prompt"
NEVER_EDITED = "of the real set only"
"""Studies of a cohort that joins the real set, or of another split than the edited one."""
DOSE_STUDIES = 16
"""Studies of each scenario that are edited with every dose."""


@dataclass(frozen=True)
class _Sources:
    """Digests of what an edit starts from, and why it cannot start; ``reason`` is empty where it can."""

    image: str
    edit_mask: str
    keep_mask: str | None
    reason: str
    framing: Mapping[str, float]


class TaskMaker:
    """Makes the tasks of a shift; ``rejections`` collects by key why one is rejected before any edit.

    Args:
        spec: the shift.
        cohort: whose studies.
        weights: SHA-256 of each component of the bundle.
        algorithm: the editor's ``algorithm_version``, or that of each editor by name.
        seed: the user's seed.
    """

    def __init__(
        self,
        spec: ShiftSpec,
        cohort: Cohort,
        weights: Mapping[str, str],
        algorithm: int | Mapping[str, int],
        seed: int,
    ) -> None:
        self.spec, self.cohort, self.weights = spec, cohort, dict(weights)
        self.algorithm, self.seed = algorithm, seed
        self.rejections: dict[str, str] = {}
        self._studies = {study.study_id: study for study in cohort.studies}
        self._scenarios = {scenario.name: scenario for scenario in spec.scenarios}
        self._sources = lru_cache(maxsize=8)(self._read)

    def of_study(self, scenario: Scenario, study: Study, *, doses: bool) -> list[EditTask]:
        """The stress edit, its sham if the shift has one, and its doses if they are wanted."""
        editor = self.spec.editor_of(scenario)
        tasks = [self._task("stress", scenario, study, editor.main)]
        if self.spec.controls.sham and scenario.sham_prompt is not None:
            tasks.append(self._task("sham", scenario, study, editor.main))
        if doses:
            tasks += [
                self._task("dose", scenario, study, dosed, dose=f"{factor}={value:g}")
                for factor, value, dosed in editor.doses()
            ]
        return tasks

    def placebo(self, scenario: Scenario, study: Study, owner: Study) -> EditTask:
        """The edit of ``owner`` (its masks and its prompt), done to ``study``."""
        editor = self.spec.editor_of(scenario)
        return self._task("placebo", scenario, study, editor.main, owner=owner)

    def _task(
        self,
        arm: TaskArm,
        scenario: Scenario,
        study: Study,
        editor: EditorSpec,
        *,
        dose: str = "",
        owner: Study | None = None,
    ) -> EditTask:
        masks_of = owner.study_id if owner else ""
        growth = float(first(editor.mask_growth))
        sources = self._sources(study.study_id, masks_of, scenario.name, growth)
        changes = arm in {"stress", "dose"}
        task = EditTask(
            study_id=study.study_id,
            patient_id=study.patient_id,
            scenario=scenario.name,
            arm=arm,
            dose=dose,
            masks_of=masks_of,
            mask_growth=growth,
            labels_after=dict(scenario.labels_after) if changes else {},
            attributes_after=dict(scenario.attributes_after) if changes else {},
            framing=sources.framing,
            source_sha256=sources.image,
            edit_mask_sha256=sources.edit_mask,
            keep_mask_sha256=sources.keep_mask,
            prompt=_prompt(arm, scenario, owner or study),
            invert_prompt=fill(scenario.invert_prompt, words(study), _place("invert_prompt", scenario)),
            editor=editor.name,
            settings=edit_settings(editor),
            weights=self.weights,
            dtype=editor.precision,
            algorithm=self._version(editor.name),
            seed=self.seed,
        )
        reason = sources.reason or ("" if task.prompt.strip() else EMPTY_PROMPT)
        if reason:
            self.rejections[task.key] = reason
        return task

    def _version(self, editor: str) -> int:
        if isinstance(self.algorithm, int):
            return self.algorithm
        if editor not in self.algorithm:
            raise UsageError(f"No algorithm version is known for the editor {editor!r} of this shift.")
        return self.algorithm[editor]

    def _read(self, study_id: str, masks_of: str, scenario: str, growth: float) -> _Sources:
        inputs = edit_inputs(
            self.cohort,
            self._scenarios[scenario],
            self._studies[study_id],
            masks_of=self._studies.get(masks_of),
            growth=growth,
        )
        edit, keep = inputs.edit_mask, inputs.keep_mask
        reason = ""
        if not edit.any():
            reason = EMPTY_EDIT_MASK
        elif keep is not None and not (edit & ~keep).any():
            reason = COVERED_EDIT_MASK
        return _Sources(
            array_digest(inputs.image),
            array_digest(edit),
            None if keep is None else array_digest(keep),
            reason,
            _framing_of(self.cohort, self._studies[study_id]),
        )


def _framing_of(cohort: Cohort, study: Study) -> dict[str, float]:
    """Return what has to be known to put an edit back into the study's film; nothing where that is the square."""
    framing = cohort.framing(study)
    if framing is None:
        return {}
    geometry = framing.geometry
    return {"height": geometry.height, "width": geometry.width, "low": framing.low, "high": framing.high}


def words(study: Study) -> dict[str, object]:
    """What the fields of a prompt stand for: the study's report and its attributes."""
    return {**study.attributes, REPORT: study.report}


def _prompt(arm: TaskArm, scenario: Scenario, study: Study) -> str:
    """The sham's prompt speaks of the study as it is, every other one of the study as it should become."""
    if arm == "sham":
        return fill(scenario.sham_prompt or "", words(study), _place("sham_prompt", scenario))
    return fill(scenario.prompt, words(study) | scenario.attributes_after, _place("prompt", scenario))


def _place(field: str, scenario: Scenario) -> str:
    return f"The {field} of scenario {scenario.name!r}"


@dataclass(frozen=True)
class Plan:
    """The tasks of one test set.

    Attributes:
        shift: the declared shift.
        tasks: the edits of every arm, in an order that the seed alone decides: each stress edit with its sham
            and its doses behind it, then the placebos.
        rejections: by key, why a task is rejected before any edit.
        eligible_ids: by scenario, the studies that its ``select`` leaves, in the order of editing.
        attrition: how many studies the cohort has, have no label (or mask) of the target, each clause removes, are
            eligible, are stress tasks.
        cohort_name: the cohort that the tasks are of.
        cohort_digest: its digest.
        seed: the user's seed.
        attrition_by_scenario: the same funnel, of each scenario alone.
        card: what the bundle that will edit declares of itself.
    """

    shift: ShiftSpec
    tasks: tuple[EditTask, ...]
    rejections: Mapping[str, str]
    eligible_ids: Mapping[str, tuple[str, ...]]
    attrition: Mapping[str, int]
    cohort_name: str
    cohort_digest: str
    seed: int
    attrition_by_scenario: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    card: BundleCard = field(default_factory=BundleCard)

    @cached_property
    def shift_digest(self) -> str:
        """SHA-256 of the declared shift."""
        return sha256_bytes(canonical_json(self.shift.model_dump(mode="json")))

    @cached_property
    def set_key(self) -> str:
        """SHA-256 of everything that decides the test set's folder: shift, cohort, tasks and their order."""
        body = {
            "layout": LAYOUT_VERSION,
            "shift": self.shift_digest,
            "cohort": [self.cohort_name, self.cohort_digest],
            "seed": self.seed,
            "attrition": list(self.attrition.items()),
            "tasks": [
                [task.key, task.study_id, task.patient_id, task.scenario, task.arm, task.dose, task.masks_of]
                for task in self.tasks
            ],
        }
        return sha256_bytes(canonical_json(body))


@dataclass(frozen=True)
class _Queue:
    """A scenario with its studies in the order of editing, and how many each clause removed."""

    scenario: Scenario
    studies: Sequence[Study]
    removed: Mapping[str, int]


def make_plan(
    spec: ShiftSpec,
    cohort: Cohort,
    weights: Mapping[str, str],
    algorithm: int | Mapping[str, int],
    *,
    limit: int | None = None,
    seed: int = 0,
    card: BundleCard = BundleCard(),  # noqa: B008 - immutable
) -> Plan:
    """Select the studies of every scenario and address their edits.

    A study without the target's label (of a segmentation, its mask) is left out of every arm, and counted.
    Scenarios take turns. Each stress edit is followed by its sham, and on a scenario's first ``DOSE_STUDIES``
    studies by its doses. A scenario has at most as many placebos as stress edits; the first one borrows the masks
    of the first study edited, and so on.

    Args:
        spec: the shift.
        cohort: what ``spec.source`` names.
        weights: SHA-256 of each component of the bundle that will edit.
        algorithm: the editor's ``algorithm_version``; by name where scenarios have editors of their own.
        limit: at most this many stress edits, instead of the shift's own limit; controls are not counted. The
            first N of a larger limit are the same N.
        seed: decides the order of the studies and, through the keys, the noise.
        card: what the bundle that will edit declares of itself.

    Raises:
        UsageError: no study has the target's label, a scenario selects on what no study has or leaves no study, a
            mask that it names is missing, a prompt has a field that no study has, or an image cannot be read.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"The limit is {limit}; expected 1 or more images, or no limit.")
    measured = measured_studies(spec, cohort)
    known = [study for study in measured if is_edited(spec, study)]
    queues = [_queue(scenario, cohort, known, seed) for scenario in spec.scenarios]
    turns = zip_longest(*([(queue.scenario, study) for study in queue.studies] for queue in queues))
    chosen = [pair for turn in turns for pair in turn if pair is not None]
    chosen = chosen[: spec.limit if limit is None else limit]
    maker = TaskMaker(spec, cohort, weights, algorithm, seed)
    tasks: list[EditTask] = []
    taken: Counter[str] = Counter()
    for scenario, study in chosen:
        tasks += maker.of_study(scenario, study, doses=taken[scenario.name] < DOSE_STUDIES)
        taken[scenario.name] += 1
    for queue in queues:
        tasks += _placebos(maker, queue, queue.studies[: taken[queue.scenario.name]], known)
    start = {"cohort": len(cohort.studies)}
    if len(measured) < len(cohort.studies):
        start[unknown_target(spec)] = len(cohort.studies) - len(measured)
    if len(known) < len(measured):
        start[NEVER_EDITED] = len(measured) - len(known)
    return Plan(
        shift=spec,
        tasks=tuple(tasks),
        rejections=maker.rejections,
        eligible_ids={q.scenario.name: tuple(study.study_id for study in q.studies) for q in queues},
        attrition=_attrition(start, queues, taken),
        cohort_name=cohort.name,
        cohort_digest=cohort.digest,
        seed=seed,
        attrition_by_scenario={q.scenario.name: _attrition(start, [q], taken) for q in queues},
        card=card,
    )


def _queue(scenario: Scenario, cohort: Cohort, known: Sequence[Study], seed: int) -> _Queue:
    studies, removed = select(scenario, cohort, known)
    return _Queue(scenario, in_order(studies, seed), removed)


def _placebos(
    maker: TaskMaker, queue: _Queue, edited: Sequence[Study], known: Sequence[Study]
) -> list[EditTask]:
    placebo = queue.scenario.placebo
    if placebo is None:
        return []
    found = select_placebo(queue.scenario, placebo, maker.cohort, queue.studies, known)
    without = in_order(found, maker.seed)[: placebo.size]
    return [maker.placebo(queue.scenario, *pair) for pair in zip(without, edited, strict=False)]


def _attrition(
    start: Mapping[str, int], queues: Sequence[_Queue], taken: Mapping[str, int]
) -> dict[str, int]:
    """Counts in the order of the funnel; the scenario is named where there are several."""
    counts = dict(start)
    for queue in queues:
        prefix = f"{queue.scenario.name}: " if len(queues) > 1 else ""
        counts |= {f"{prefix}without {clause}": count for clause, count in queue.removed.items()}
    eligible = sum(len(queue.studies) for queue in queues)
    tasks = sum(taken[queue.scenario.name] for queue in queues)
    return counts | {"eligible": eligible, "beyond the limit": eligible - tasks, "tasks": tasks}
