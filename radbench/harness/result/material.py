"""What was audited, in the result's own words: shift, cohort, test set, edits and where studies went."""

from pydantic import Field, JsonValue

from radbench.harness.result.figures import Estimate, Figure, Strict


class ScenarioSummary(Strict):
    """What one scenario asked for, in the words of the shift's YAML."""

    name: str
    prompt: str
    invert_prompt: str
    select: dict[str, JsonValue]
    edit_mask: dict[str, JsonValue]
    keep_mask: dict[str, JsonValue] | None
    labels_after: dict[str, int]
    attributes_after: dict[str, str] = Field(default_factory=dict)
    sham_prompt: str | None = None
    placebo: dict[str, JsonValue] | None = None
    editor: dict[str, JsonValue] | None = None


class ShiftSummary(Strict):
    """The declared shift; ``source``, ``against`` and ``reweight`` of a natural one only."""

    name: str
    title: str
    description: str
    kind: str
    target: str
    bundle: str
    editor: dict[str, JsonValue]
    scenarios: list[ScenarioSummary]
    filter: dict[str, JsonValue] = Field(default_factory=dict)
    controls: dict[str, JsonValue] = Field(default_factory=dict)
    published: list[dict[str, JsonValue]] = Field(default_factory=list)
    source: dict[str, JsonValue] = Field(default_factory=dict, exclude_if=lambda found: not found)
    against: dict[str, JsonValue] = Field(default_factory=dict, exclude_if=lambda found: not found)
    reweight: list[str] = Field(default_factory=list, exclude_if=lambda found: not found)

    @property
    def is_natural(self) -> bool:
        """Whether two real cohorts were compared and nothing was edited."""
        return self.kind == "natural"

    @property
    def asks_for_sham(self) -> bool:
        """Whether sham edits were to be made."""
        return bool(self.controls.get("sham")) and any(one.sham_prompt is not None for one in self.scenarios)


class CohortSummary(Strict):
    """The real test set.

    Attributes:
        studies: studies that are measured.
        patients: their patients; those who share a film, pixel by pixel, are one.
        positives: studies with the target; None for a segmentation, which has no label.
        unlabelled: further studies that are in no arm, as they have no label (or mask) of the target.
        warnings: what is odd about the films, one sentence each.
        films: what was done to the films' stored values when they were read, with the number of films.
    """

    name: str
    digest: str
    truth_known: bool
    studies: int
    patients: int
    positives: int | None
    unlabelled: int = 0
    warnings: list[str] = Field(default_factory=list)
    films: list[str] = Field(default_factory=list)


class TestSetSummary(Strict):
    """The synthetic test set: what was asked for, what came out, and where everything else went.

    ``records``, ``ok``, ``rejected`` and ``failed`` count stress edits; ``arms`` counts the records of
    every arm ("stress", "sham", "placebo", "dose"), usable or not.
    """

    __test__ = False  # not a pytest class

    key: str
    records: int
    ok: int
    rejected: int
    failed: int
    attrition: dict[str, int]
    provenance: dict[str, JsonValue]
    arms: dict[str, int] = Field(default_factory=dict)


class IntervalSummary(Strict):
    """How the intervals were made."""

    confidence: float = 0.95
    replicates: int
    method: str


class EditQuality(Strict):
    """How good a scenario's stress edits were: means over its usable images.

    Mean absolute pixel errors are fractions of the grey range, 0 to 1. ``edited_vs_truth`` and
    ``source_vs_truth`` are taken inside the edit mask, ``keep_vs_truth`` and ``keep_vs_source`` inside the
    keep mask, ``outside_vs_source`` outside both. ``keep_contrast`` is the share of the kept object's
    contrast that survived (1 = all). The rest is what was measured when the edits were made, and decided
    which were kept: ``editing_score`` (directional cosine, -1 to 1), ``change_edit``, ``change_keep`` and
    ``change_outside`` (mean absolute changes against the source), ``effect_edit`` (``change_edit`` against the
    edit's own reconstruction instead), ``seam`` (1 = none) and ``saturation`` (share of pixels newly at an end
    of the range). None: not known or not measured.
    """

    scenario: str
    n: int
    edited_vs_truth: Figure | None = None
    source_vs_truth: Figure | None = None
    keep_vs_truth: Figure | None = None
    keep_vs_source: Figure | None = None
    outside_vs_source: Figure | None = None
    reconstruction_vs_source: Figure | None = None
    keep_contrast: Figure | None = None
    editing_score: Figure | None = None
    change_edit: Figure | None = None
    change_keep: Figure | None = None
    change_outside: Figure | None = None
    effect_edit: Figure | None = None
    seam: Figure | None = None
    saturation: Figure | None = None


class AnchorSummary(Strict):
    """The real films that show a scenario's shift already.

    Attributes:
        scenario: name of the scenario.
        cohort: name of their cohort.
        digest: of it.
        select: what a film had to have.
        margin: largest difference of the primary metric between synthetic images and anchors that counts as none.
        studies: the anchors.
        patients: their patients; those who share a film, pixel by pixel, are one.
        unlabelled: further films that were selected and have no label (or mask) of the target.
        in_real: patients who are also in the real set.
        edited: patients of whom the scenario also edits a film; those edits are not borrowed.
    """

    scenario: str
    cohort: str
    digest: str
    select: dict[str, JsonValue]
    margin: float
    studies: int
    patients: int
    unlabelled: int = 0
    in_real: int = 0
    edited: int = 0


class AttritionRow(Strict):
    """Where the studies of one scenario went: ``eligible >= edited = failed + sum(rejected) + kept``.

    Attributes:
        scenario: name of the scenario.
        eligible: studies that the scenario's ``select`` allows; None where the test set does not say.
        edited: studies that were taken (a limit may leave some out) and came to an edit or a rejection.
        rejected: number of rejected edits by reason, with each image's own figure left out of the reason; an
            edit rejected for two reasons counts under both joined by "; ".
        failed: edits that raised an error.
        kept: edits that are measured.
    """

    scenario: str
    eligible: int | None
    edited: int
    rejected: dict[str, int]
    failed: int
    kept: int


class PlaceboResult(Strict):
    """The same edit where the finding is absent: it should change little.

    Attributes:
        scenario: name of the scenario.
        n: placebo images.
        share: mean absolute change inside the edit mask of the placebo edits, divided by that of the
            scenario's stress edits, each edit against its own reconstruction (0 = nothing changes).
        limit: the largest share allowed, the shift's ``controls.placebo_limit``.
        passed: whether ``share`` is within ``limit``; false where it could not be measured.
    """

    scenario: str
    n: int
    share: Estimate
    limit: float
    passed: bool
