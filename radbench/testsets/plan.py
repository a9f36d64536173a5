"""From a shift and a cohort to the tasks of a test set, and the count of who is left out and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import zip_longest

from radbench.data.cohort import Cohort, Study
from radbench.errors import UsageError
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs.scenario import Scenario
from radbench.specs.shift import ShiftSpec
from radbench.testsets.arms import COVERED_EDIT_MASK, EMPTY_EDIT_MASK, EMPTY_PROMPT, TaskMaker
from radbench.testsets.known import measured_studies, unknown_target
from radbench.testsets.selection import in_order, select, select_placebo
from radbench.testsets.store import LAYOUT_VERSION
from radbench.testsets.task import EditTask

__all__ = ["COVERED_EDIT_MASK", "EMPTY_EDIT_MASK", "EMPTY_PROMPT", "Plan", "make_plan"]

DOSE_STUDIES = 16
"""Studies of each scenario that are edited with every dose."""


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

    Raises:
        UsageError: no study has the target's label, a scenario selects on what no study has or leaves no study, a
            mask that it names is missing, a prompt has a field that no study has, or an image cannot be read.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"The limit is {limit}; expected 1 or more images, or no limit.")
    known = measured_studies(spec, cohort)
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
    if len(known) < len(cohort.studies):
        start[unknown_target(spec)] = len(cohort.studies) - len(known)
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
