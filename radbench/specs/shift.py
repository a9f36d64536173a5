"""A dataset shift as an auditor declares it: whose images, which edits, which editor, what to measure.

Vocabulary and defaults follow RadEdit (Pérez-García et al. 2024, Sections 4 and 5): the edit mask is the
paper's ``m_edit``, the keep mask its ``m_keep``.
"""

from typing import Annotated, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, Field, model_validator

from radbench.specs.base import Base, Name, Text, repeated
from radbench.specs.scenario import EditorSpec, Scenario, checked_template
from radbench.specs.source import SourceSpec

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Task: TypeAlias = Literal["classification", "segmentation"]
ClassificationMetric: TypeAlias = Literal[
    "accuracy",
    "balanced_accuracy",
    "sensitivity",
    "specificity",
    "auroc",
    "auprc",
    "brier",
    "ece",
    "ppv",
    "npv",
]
SegmentationMetric: TypeAlias = Literal[
    "dice", "iou", "hausdorff_95", "average_surface_distance", "average_symmetric_surface_distance"
]
Metric: TypeAlias = Literal[ClassificationMetric, SegmentationMetric]
METRICS_OF: dict[str, tuple[str, ...]] = {
    "classification": get_args(ClassificationMetric),
    "segmentation": get_args(SegmentationMetric),
}
"""The metrics of each task."""


class FilterSpec(Base):
    """Limits on an edit's quality; an edit beyond one is rejected with the reason. None is not judged.

    Changes are mean absolute grey-value differences as a share of the grey range.

    Attributes:
        encoder: What scores the edit against the prompt: ``phantom`` (embedded), a folder, or a hub
            repository such as ``microsoft/BiomedVLP-BioViL-T``. None for no editing score.
        min_editing_score: Smallest directional cosine of the change in image and in text (Section 4.4).
        text_before: What the unedited image shows, in words, for that score; a template as a scenario's prompts
            are. The paper's are fixed (Appendices B and C: ``Opacities``, ``Pneumothorax``).
        max_change_outside: Largest change outside both masks.
        max_change_keep: Largest change in the keep mask.
        max_seam: Largest seam: gradient energy around the edit mask's border relative to the source's, 1 for
            no seam.
        max_saturation: Largest share of pixels newly black or white.
    """

    encoder: Text | None = "phantom"
    min_editing_score: Annotated[float, Field(ge=-1.0, le=1.0)] | None = 0.2
    text_before: Annotated[Text, AfterValidator(checked_template)] = "{report}"
    max_change_outside: Share | None = None
    max_change_keep: Share | None = None
    max_seam: Annotated[float, Field(gt=0.0)] | None = None
    max_saturation: Share | None = None


class ControlsSpec(Base):
    """Which controls run and from when on they say that a drop is the editor's and not the shift's.

    Attributes:
        sham: Edit every study once more with a prompt that keeps its findings.
        sham_tolerance: Largest drop of a model on sham edits, in units of the primary metric.
        placebo_limit: Largest change in the edit region of placebo edits, as a share of the stress edits'.
    """

    sham: bool = True
    sham_tolerance: Share = 0.05
    placebo_limit: Annotated[float, Field(ge=0.0)] = 0.25


class ShiftSpec(Base):
    """A dataset shift, complete: nothing else decides what the test set shows.

    Attributes:
        name: Name of the shift.
        title: One line for people.
        description: What fails in the world if a model is not robust to it.
        kind: Kind of the shift, after the paper's Section 3.
        task: What the models do.
        target: The label that the models predict; in a segmentation, the mask that they draw.
        source: The cohort.
        bundle: ``phantom`` for the embedded diffusion bundle, a bundle's folder, or the YAML of an assembly.
        composite: What the models see. ``native``: every film as it was stored, an edit put back into it at full size.
            ``square``: the squares that are edited, in every arm, as in the paper.
        scenarios: The edits.
        limit: Most images that are edited for the stress set, unless a run asks for another number; None for
            every study that a scenario selects. Controls come on top.
        editor: The editor and its settings; a scenario may have its own.
        filter: Which edits are good enough to measure on.
        controls: The controls that tell the shift from the editor.
        metrics: What is measured. ``ppv`` and ``npv`` are given at ``prevalence``, never at the test set's own.
        prevalence: Share of patients with the target where the model is to be used.
        max_drop: Largest fall of the primary metric that a model may have under this shift; a run's ``--max-drop``
            goes before it, and judging is by 0.1 where neither says anything.
        subgroups: Columns of the manifest (attributes of a study) whose values are reported one by one.
        models: Names of the models that run unless others are asked for.
        control_models: Names of models that are known to be robust to this shift. If one falls, the editor is
            to blame and no verdict is given.
    """

    name: Name
    title: Text
    description: Text
    kind: Literal["acquisition", "manifestation", "population"]
    task: Task = "classification"
    target: Name
    source: SourceSpec
    bundle: Text = "phantom"
    composite: Literal["native", "square"] = "native"
    scenarios: list[Scenario] = Field(min_length=1)
    limit: Annotated[int, Field(ge=1)] | None = None
    editor: EditorSpec = EditorSpec()
    filter: FilterSpec = FilterSpec(encoder=None)
    controls: ControlsSpec = ControlsSpec()
    metrics: list[Metric] = Field(min_length=1)
    prevalence: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    max_drop: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    subgroups: list[Text] = Field(default_factory=list)
    models: list[Text] = Field(default_factory=list)
    control_models: list[Text] = Field(default_factory=list)

    def editor_of(self, scenario: Scenario) -> EditorSpec:
        """The editor of a scenario: its own, or else the shift's."""
        return scenario.editor or self.editor

    def without_controls(self) -> Self:
        """Return the shift without doses, sham, placebo and anchors; its stress edits are the same to the pixel."""
        scenarios = [
            scenario.model_copy(
                update={
                    "editor": None if scenario.editor is None else scenario.editor.main,
                    "sham_prompt": None,
                    "placebo": None,
                    "anchor": None,
                }
            )
            for scenario in self.scenarios
        ]
        update = {
            "editor": self.editor.main,
            "scenarios": scenarios,
            "controls": self.controls.model_copy(update={"sham": False}),
        }
        return self.model_copy(update=update)

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        for field, names in (
            ("scenarios", [scenario.name for scenario in self.scenarios]),
            ("metrics", list(self.metrics)),
            ("subgroups", self.subgroups),
            ("models", self.models),
            ("control_models", self.control_models),
        ):
            twice = repeated(names)
            if twice is not None:
                raise ValueError(f"{field} names '{twice}' twice, expected each name once")
        both = [name for name in self.control_models if name in self.models]
        if both:
            raise ValueError(f"'{both[0]}' is in models and in control_models, expected it in one of them")
        return self

    @model_validator(mode="after")
    def _fits_the_task(self) -> Self:
        wrong = [name for name in self.metrics if name not in METRICS_OF[self.task]]
        if wrong:
            raise ValueError(
                f"metrics has '{wrong[0]}', which does not measure a {self.task}, expected some of "
                f"{', '.join(METRICS_OF[self.task])}"
            )
        asked = [name for name in ("ppv", "npv") if name in self.metrics]
        if asked and self.prevalence is None:
            raise ValueError(
                f"metrics has '{asked[0]}', which depends on how common the target is, expected 'prevalence' too"
            )
        for scenario in self.scenarios:
            if self.task == "classification" and self.target not in scenario.labels_after:
                raise ValueError(
                    f"labels_after of scenario '{scenario.name}' lacks the target '{self.target}', "
                    f"expected 0 or 1 for it after the edit"
                )
            if scenario.anchor is not None:
                after = scenario.labels_after.get(self.target)
                scenario.anchor.check(self.source, self.target, after, scenario.name)
        return self
