"""From a shift and a cohort to the tasks of a test set, and the count of who is left out and why."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import TypeAlias

from radbench.data.cohort import Cohort, Study
from radbench.data.images import array_digest
from radbench.errors import UsageError
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs.shift import Scenario, ShiftSpec
from radbench.testsets.convert import edit_settings
from radbench.testsets.inputs import edit_inputs
from radbench.testsets.selection import in_order, select
from radbench.testsets.store import LAYOUT_VERSION
from radbench.testsets.task import EditTask

EMPTY_EDIT_MASK = "empty edit mask"

_Pair: TypeAlias = tuple[Scenario, Study]


@dataclass(frozen=True)
class Plan:
    """The tasks of one test set.

    Attributes:
        shift: the declared shift.
        tasks: the edits, in an order that the seed alone decides.
        rejections: by key, why a task is rejected before any edit.
        eligible_ids: by scenario, the studies that its ``select`` leaves, in the order of editing.
        attrition: how many studies the cohort has, each clause removes, are eligible, are tasks.
        cohort_name: the cohort that the tasks are of.
        cohort_digest: its digest.
        seed: the user's seed.
    """

    shift: ShiftSpec
    tasks: tuple[EditTask, ...]
    rejections: Mapping[str, str]
    eligible_ids: Mapping[str, tuple[str, ...]]
    attrition: Mapping[str, int]
    cohort_name: str
    cohort_digest: str
    seed: int

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
            "tasks": [[task.key, task.study_id, task.patient_id, task.scenario] for task in self.tasks],
        }
        return sha256_bytes(canonical_json(body))


def make_plan(
    spec: ShiftSpec,
    cohort: Cohort,
    weights: Mapping[str, str],
    algorithm: int,
    *,
    limit: int | None = None,
    seed: int = 0,
) -> Plan:
    """Select the studies of every scenario and address their edits.

    Args:
        spec: the shift.
        cohort: what ``spec.source`` names.
        weights: SHA-256 of each component of the bundle that will edit.
        algorithm: the editor's ``algorithm_version``.
        limit: edit at most this many images. The first N of a larger limit are the same N.
        seed: decides the order of the studies and, through the keys, the noise.

    Raises:
        UsageError: a scenario selects on what no study has or leaves no study, a mask that it names is
            missing, or an image cannot be read.
    """
    if limit is not None and limit < 1:
        raise UsageError(f"The limit is {limit}; expected 1 or more images, or no limit.")
    selected = [(scenario, *select(scenario, cohort)) for scenario in spec.scenarios]
    queues = [[(scenario, study) for study in in_order(studies, seed)] for scenario, studies, _ in selected]
    chosen: list[_Pair] = [pair for turn in zip_longest(*queues) for pair in turn if pair is not None][:limit]
    tasks: list[EditTask] = []
    rejections: dict[str, str] = {}
    for scenario, study in chosen:
        task, is_empty = _task(spec, cohort, scenario, study, weights, algorithm, seed)
        tasks.append(task)
        if is_empty:
            rejections[task.key] = EMPTY_EDIT_MASK
    removed = {scenario.name: counts for scenario, _, counts in selected}
    return Plan(
        shift=spec,
        tasks=tuple(tasks),
        rejections=rejections,
        eligible_ids={queue[0][0].name: tuple(study.study_id for _, study in queue) for queue in queues},
        attrition=_attrition(len(cohort.studies), removed, sum(map(len, queues)), len(tasks)),
        cohort_name=cohort.name,
        cohort_digest=cohort.digest,
        seed=seed,
    )


def _attrition(
    cohort: int, removed: Mapping[str, Mapping[str, int]], eligible: int, tasks: int
) -> dict[str, int]:
    """Counts in the order of the funnel; the scenario is named where there are several."""
    counts = {"cohort": cohort}
    for scenario, clauses in removed.items():
        prefix = f"{scenario}: " if len(removed) > 1 else ""
        counts |= {f"{prefix}without {clause}": count for clause, count in clauses.items()}
    return counts | {"eligible": eligible, "beyond the limit": eligible - tasks, "tasks": tasks}


def _task(
    spec: ShiftSpec,
    cohort: Cohort,
    scenario: Scenario,
    study: Study,
    weights: Mapping[str, str],
    algorithm: int,
    seed: int,
) -> tuple[EditTask, bool]:
    """The task, and whether its edit mask is empty."""
    inputs = edit_inputs(cohort, scenario, study)
    task = EditTask(
        study_id=study.study_id,
        patient_id=study.patient_id,
        scenario=scenario.name,
        labels_after=dict(scenario.labels_after),
        source_sha256=array_digest(inputs.image),
        edit_mask_sha256=array_digest(inputs.edit_mask),
        keep_mask_sha256=None if inputs.keep_mask is None else array_digest(inputs.keep_mask),
        prompt=scenario.prompt,
        invert_prompt=scenario.invert_prompt,
        editor=spec.editor.name,
        settings=edit_settings(spec.editor),
        weights=dict(weights),
        algorithm=algorithm,
        seed=seed,
    )
    return task, not inputs.edit_mask.any()
