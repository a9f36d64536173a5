"""The tasks of one study in one scenario: the stress edit and its controls, on the same masks and noise."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from radbench.data.cohort import Cohort, Study
from radbench.data.images import array_digest
from radbench.errors import UsageError
from radbench.specs.base import first
from radbench.specs.scenario import REPORT, EditorSpec, Scenario, fill
from radbench.specs.shift import ShiftSpec
from radbench.testsets.convert import edit_settings
from radbench.testsets.inputs import edit_inputs
from radbench.testsets.task import EditTask, TaskArm

EMPTY_EDIT_MASK = "empty edit mask"
COVERED_EDIT_MASK = "keep mask covers the whole edit mask"
EMPTY_PROMPT = "empty prompt"


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
            _framing(self.cohort, self._studies[study_id]),
        )


def _framing(cohort: Cohort, study: Study) -> dict[str, float]:
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
