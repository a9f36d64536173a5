"""The typed, versioned outcome of an audit: the only source of the console, JSON, HTML and exit code.

Nothing in here holds a wall-clock time or a path of the cache: the same inputs give the same bytes.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import TYPE_CHECKING, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from radbench.errors import UsageError

if TYPE_CHECKING:
    from radbench.audit.rows import MetricRow

SCHEMA_VERSION: Final = 1
Arm = Literal["real", "reconstruction", "stress", "truth"]
ARMS: Final[tuple[Arm, ...]] = ("real", "reconstruction", "stress", "truth")
ALL_SCENARIOS: Final = "all"


class Verdict(StrEnum):
    """What an audit concludes; what was not measured never counts as a pass."""

    PASS = "PASS"  # noqa: S105 - a verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    NOT_RUN = "NOT_RUN"
    ERROR = "ERROR"

    @classmethod
    def overall(cls, verdicts: Iterable["Verdict"]) -> "Verdict":
        """Return the gravest of ``verdicts``; ``NOT_RUN`` when there are none."""
        found = set(verdicts)
        gravest_first = (cls.ERROR, cls.FAIL, cls.NOT_RUN, cls.INCONCLUSIVE, cls.PASS)
        return next((verdict for verdict in gravest_first if verdict in found), cls.NOT_RUN)


class Strict(BaseModel):
    """Frozen, no unknown keys, no NaN or infinity: what JSON cannot say is refused when it is made."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Estimate(Strict):
    """A figure with its 95 % interval.

    ``value`` is None where the metric is undefined (``note`` says why); ``low`` and ``high`` are None
    where no interval can be given. ``n`` counts the images behind the figure, ``note`` qualifies it.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: int
    note: str = ""

    @property
    def defined(self) -> bool:
        """Whether the figure exists."""
        return self.value is not None


class ArmResult(Strict):
    """One model on one set of images; ``metrics`` is keyed by name ("accuracy", "specificity", ...)."""

    n: int
    patients: int
    positives: int
    metrics: dict[str, Estimate]


class PairedResult(Strict):
    """An arm of edited studies against the real images.

    Attributes:
        flip_rate: share of the arm's images whose decision differs from the same study's real image.
        score_change: mean of (score in this arm - score of the same study's real image), in [-1, 1].
        drop: accuracy on the whole real test set minus accuracy in this arm; the stress arm's is judged.
        paired_drop: accuracy on the real images of the same studies minus accuracy in this arm.
        specificity_drop: specificity on the real negatives minus specificity in this arm.
        beyond_reconstruction: accuracy after encode-decode alone minus accuracy in this arm: the part of the
            drop that the editor's autoencoder does not explain (None for the reconstruction arm itself).
    """

    flip_rate: Estimate
    score_change: Estimate
    drop: Estimate
    paired_drop: Estimate
    specificity_drop: Estimate
    beyond_reconstruction: Estimate | None = None


class ScenarioResult(Strict):
    """The arms of one scenario of the shift (the real arm is shared by all scenarios and not repeated)."""

    arms: dict[Arm, ArmResult]
    paired: dict[Arm, PairedResult]


class ModelResult(Strict):
    """Everything that was measured of one model.

    ``arms`` and ``paired`` pool all scenarios; ``scenarios`` splits them. ``truth_gap`` is the stress
    accuracy minus the accuracy on the true counterfactuals (known for the phantom only). A model that could
    not be run has verdict ERROR, the reason in ``error`` and no arms.
    """

    name: str
    title: str = ""
    digest: str
    architecture: str = ""
    target: str
    operating_point: float
    operating_point_source: str
    verdict: Verdict
    reason: str
    arms: dict[Arm, ArmResult] = Field(default_factory=dict)
    paired: dict[Arm, PairedResult] = Field(default_factory=dict)
    scenarios: dict[str, ScenarioResult] = Field(default_factory=dict)
    truth_gap: Estimate | None = None
    error: str | None = None

    def metric(self, arm: Arm, name: str) -> Estimate | None:
        """Return one figure of one arm, or None where it was not measured."""
        result = self.arms.get(arm)
        return None if result is None else result.metrics.get(name)


class CaseRow(Strict):
    """One image seen by one model: its score (in [0, 1]; None if labels only) and the decision."""

    study_id: str
    patient_id: str
    model: str
    scenario: str
    arm: Arm
    label: int
    score: float | None
    decision: int


class EditQuality(Strict):
    """Mean absolute pixel errors of the edits (fractions of the grey range, 0 to 1), mean over the images.

    ``edited_vs_truth`` and ``source_vs_truth`` are taken inside the edit mask, ``keep_vs_truth`` and
    ``keep_vs_source`` inside the keep mask, ``outside_vs_source`` outside both.
    ``keep_contrast`` is the share of the kept object's contrast that survived (1 = all). None: not known.
    """

    scenario: str
    n: int
    edited_vs_truth: float | None = None
    source_vs_truth: float | None = None
    keep_vs_truth: float | None = None
    keep_vs_source: float | None = None
    outside_vs_source: float | None = None
    reconstruction_vs_source: float | None = None
    keep_contrast: float | None = None


class ScenarioSummary(Strict):
    """What one scenario asked for, in the words of the shift's YAML."""

    name: str
    prompt: str
    invert_prompt: str
    select: dict[str, JsonValue]
    edit_mask: dict[str, JsonValue]
    keep_mask: dict[str, JsonValue] | None
    labels_after: dict[str, int]


class ShiftSummary(Strict):
    """The declared shift."""

    name: str
    title: str
    description: str
    kind: str
    target: str
    bundle: str
    editor: dict[str, JsonValue]
    scenarios: list[ScenarioSummary]


class CohortSummary(Strict):
    """The real test set."""

    name: str
    digest: str
    truth_known: bool
    studies: int
    patients: int
    positives: int


class TestSetSummary(Strict):
    """The synthetic test set: what was asked for, what came out, and where everything else went."""

    __test__ = False  # not a pytest class

    key: str
    records: int
    ok: int
    rejected: int
    failed: int
    attrition: dict[str, int]
    provenance: dict[str, JsonValue]


class IntervalSummary(Strict):
    """How the intervals were made."""

    confidence: float = 0.95
    replicates: int
    method: str


class AuditResult(Strict):
    """One audit: one shift, one test set, any number of models. JSON round-trips without loss."""

    schema_version: Literal[1] = SCHEMA_VERSION
    tool: dict[str, str]
    shift: ShiftSummary
    cohort: CohortSummary
    testset: TestSetSummary
    seed: int
    intervals: IntervalSummary
    gate: bool
    max_drop: float
    verdict: Verdict
    models: list[ModelResult]
    edit_quality: list[EditQuality]
    cases: list[CaseRow]

    @property
    def exit_code(self) -> int:
        """0 passed or no gate asked for, 1 a model did not run, 3 gate failed, 4 inconclusive or not run."""
        if self.verdict is Verdict.ERROR:
            return 1
        if not self.gate or self.verdict is Verdict.PASS:
            return 0
        return 3 if self.verdict is Verdict.FAIL else 4

    def to_json(self) -> bytes:
        """Return the result as UTF-8 JSON with a stable layout (two spaces, fields in the order declared)."""
        return (self.model_dump_json(indent=2) + "\n").encode()

    @classmethod
    def from_json(cls, data: bytes | str, *, origin: str = "result.json") -> "AuditResult":
        """Read what ``to_json`` wrote.

        Raises:
            UsageError: not an audit result, or one of another schema version; ``origin`` names the file.
        """
        try:
            return cls.model_validate_json(data)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or "the document"
            raise UsageError(
                f"{origin}: {field}: {first['msg']}; expected an audit result of "
                f"schema version {SCHEMA_VERSION}."
            ) from None

    def to_rows(self) -> "list[MetricRow]":
        """Return the rows of ``metrics.csv``, by model, then scenario (pooled first), arm and metric."""
        from radbench.audit.rows import metric_rows

        return metric_rows(self)
