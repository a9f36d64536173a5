"""A dataset shift as an auditor declares it: whose images, which edits, which editor, what to measure.

Vocabulary and defaults follow RadEdit (Pérez-García et al. 2024, Sections 4 and 5): the edit mask is the
paper's ``m_edit``, the keep mask its ``m_keep``.
"""

from typing import Annotated, Final, Literal, Self, TypeAlias, get_args

from pydantic import AfterValidator, Field, model_validator

from radbench.specs.base import Base, Name, Text, repeated
from radbench.specs.scenario import EditorSpec, Precision, Scenario, checked_template
from radbench.specs.source import CohortSpec, SourceSpec

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
NATURAL: Final = "natural"
"""The kind of a shift that compares two real cohorts, without an edit."""
_OF_EDITS: Final = (
    "scenarios",
    "bundle",
    "composite",
    "limit",
    "editor",
    "filter",
    "controls",
    "control_models",
)
"""What says how films are edited, or checks the editor; a natural shift has none of it."""


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


class PublishedFigure(Base):
    """A figure that was published of this shift; it stands beside the measured one and is never judged.

    Attributes:
        model: What the publication calls the model.
        name: What the model is called here.
        arm: Of the real or of the edited images.
        metric: The metric.
        value: The figure, a share.
        sd: Its standard deviation over training runs.
        place: Where it stands: ``Table 1, row 2``.
    """

    model: Text
    name: Name
    arm: Literal["real", "stress"]
    metric: Metric
    value: float
    sd: Annotated[float, Field(ge=0.0)] | None = None
    place: Text


class ShiftSpec(Base):
    """A dataset shift, complete: nothing else decides what the test set shows.

    Attributes:
        name: Name of the shift.
        title: One line for people.
        description: What fails in the world if a model is not robust to it.
        kind: Kind of the shift, after the paper's Section 3; or ``natural``: two real cohorts are compared, nothing is
            edited, and all that is about edits (scenarios, bundle, editor, filter, controls, limit) is left out.
        task: What the models do.
        target: The label that the models predict; in a segmentation, the mask that they draw.
        source: The cohort; of a natural shift cohort A, the reference.
        against: Of a natural shift: cohort B, on which the models are held against cohort A.
        reweight: Of a natural shift: labels and attributes (``age_band``, not an age in years) whose mix in cohort B is
            brought to cohort A's by weights, so that what is left of a difference is not the case mix. Judged is then
            the reweighted difference; the one without weights is shown beside it.
        bundle: ``phantom`` for the embedded diffusion bundle, a bundle's folder, or the YAML of an assembly.
        composite: What the models see. ``native``: every film as it was stored, an edit put back into it at full size.
            ``square``: the squares that are edited, in every arm, as in the paper.
        scenarios: The edits, one at least (a natural shift has none).
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
        published: Figures that were published of this shift, for a report to show beside the measured ones.
        models: Names of the models that run unless others are asked for.
        control_models: Names of models that are known to be robust to this shift. If one falls, the editor is
            to blame and no verdict is given.
    """

    name: Name
    title: Text
    description: Text
    kind: Literal["acquisition", "manifestation", "population", "natural"]
    task: Task = "classification"
    target: Name
    source: SourceSpec
    against: CohortSpec | None = Field(default=None, exclude_if=lambda found: found is None)
    reweight: list[Text] = Field(default_factory=list, exclude_if=lambda found: not found)
    bundle: Text = "phantom"
    composite: Literal["native", "square"] = "native"
    scenarios: list[Scenario] = Field(default_factory=list)
    limit: Annotated[int, Field(ge=1)] | None = None
    editor: EditorSpec = EditorSpec()
    filter: FilterSpec = FilterSpec(encoder=None)
    controls: ControlsSpec = ControlsSpec()
    metrics: list[Metric] = Field(min_length=1)
    prevalence: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    max_drop: Annotated[float, Field(ge=0.0, le=1.0)] | None = None
    subgroups: list[Text] = Field(default_factory=list)
    published: list[PublishedFigure] = Field(default_factory=list)
    models: list[Text] = Field(default_factory=list)
    control_models: list[Text] = Field(default_factory=list)

    @property
    def is_natural(self) -> bool:
        """Whether two real cohorts are compared and nothing is edited."""
        return self.kind == NATURAL

    def editor_of(self, scenario: Scenario) -> EditorSpec:
        """The editor of a scenario: its own, or else the shift's."""
        return scenario.editor or self.editor

    def in_precision(self, precision: Precision) -> Self:
        """Return the shift with every editor in another precision."""
        scenarios = [
            scenario.model_copy(
                update={
                    "editor": None
                    if scenario.editor is None
                    else scenario.editor.model_copy(update={"precision": precision})
                }
            )
            for scenario in self.scenarios
        ]
        editor = self.editor.model_copy(update={"precision": precision})
        return self.model_copy(update={"editor": editor, "scenarios": scenarios})

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
    def _fits_its_kind(self) -> Self:
        if not self.is_natural:
            told = [name for name in ("against", "reweight") if getattr(self, name)]
            if told:
                raise ValueError(f"{told[0]} is for 'kind: natural' only, and kind is '{self.kind}'")
            if not self.scenarios:
                raise ValueError(f"scenarios is missing or empty, expected one edit for kind '{self.kind}'")
            return self
        if self.against is None:
            raise ValueError("kind is 'natural' and against is missing, expected the cohort to compare with")
        told = [name for name in _OF_EDITS if name in self.model_fields_set]
        told += [f"source.{name}" for name in ("edit_split", "image_size") if getattr(self.source, name)]
        if told:
            raise ValueError(
                f"{told[0]} is about edits, and kind is 'natural', which compares real films; take it out"
            )
        same = [getattr(self.source, name) == getattr(self.against, name) for name in CohortSpec.model_fields]
        if all(same) and not self.source.also:
            raise ValueError("source and against name the same films, expected two cohorts")
        return self

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        for field, names in (
            ("scenarios", [scenario.name for scenario in self.scenarios]),
            ("metrics", list(self.metrics)),
            ("subgroups", self.subgroups),
            ("reweight", self.reweight),
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
