"""The typed, versioned outcome of an audit: the only source of the console, JSON, HTML and exit code.

Nothing in here holds a wall-clock time or a path of the cache: the same inputs give the same bytes.

Every audit has a primary metric, which is a mean over images: ``accuracy`` (each image 0 or 1) for a
classification, ``dice`` (each image in [0, 1]) for a segmentation. Everything called a drop, an effect or a gap
is a difference of that metric, and a positive one always means that the model does worse.
"""

from typing import Any, Literal

from pydantic import Field, ValidationError

from radbench.errors import UsageError
from radbench.harness.result.evidence import (
    AnchorResult,
    Baseline,
    CalibrationBin,
    ClaimResult,
    DoseRow,
    Finding,
    GateResult,
    Instrument,
    ModelComparison,
    Power,
    SubgroupResult,
    TestResult,
)
from radbench.harness.result.figures import (
    ALL_SCENARIOS,
    ARMS,
    PRIMARY,
    SCHEMA_VERSION,
    Arm,
    ArmResult,
    CheckpointSummary,
    Estimate,
    Extreme,
    Figure,
    PairedResult,
    Primary,
    Role,
    ScenarioResult,
    Spread,
    Strict,
    Task,
    Verdict,
    Withheld,
    judged_arm,
    rounded,
)
from radbench.harness.result.material import (
    AnchorSummary,
    AttritionRow,
    CohortSummary,
    EditQuality,
    IntervalSummary,
    PlaceboResult,
    ScenarioSummary,
    ShiftSummary,
    TestSetSummary,
)
from radbench.harness.result.mix import CaseMix, MixRow, Reweighting, Stratum

__all__ = [
    "ALL_SCENARIOS",
    "ARMS",
    "PRIMARY",
    "SCHEMA_VERSION",
    "AnchorResult",
    "AnchorSummary",
    "Arm",
    "ArmResult",
    "AttritionRow",
    "AuditResult",
    "Baseline",
    "CalibrationBin",
    "CaseMix",
    "CaseRow",
    "CheckpointSummary",
    "ClaimResult",
    "CohortSummary",
    "DoseRow",
    "EditQuality",
    "Estimate",
    "Extreme",
    "Figure",
    "Finding",
    "GateResult",
    "Instrument",
    "IntervalSummary",
    "MixRow",
    "ModelComparison",
    "ModelResult",
    "PairedResult",
    "PlaceboResult",
    "Power",
    "Primary",
    "Reweighting",
    "Role",
    "ScenarioResult",
    "ScenarioSummary",
    "ShiftSummary",
    "Spread",
    "Stratum",
    "Strict",
    "SubgroupResult",
    "Task",
    "TestResult",
    "TestSetSummary",
    "Verdict",
    "Withheld",
    "judged_arm",
    "rounded",
]  # fmt: skip


class ModelResult(Strict):
    """Everything that was measured of one model.

    Attributes:
        role: "model" is judged; a "control" is a model known to be sound, which only judges the instrument.
        verdict: judged on the drop in the arm that ``AuditResult.judged`` names, and INCONCLUSIVE where the instrument
            is not believed.
        arms: by arm, all scenarios pooled; empty where the model could not be run (see ``error``).
        paired: likewise, for every arm but the real one; of the anchors, which are other films, the drop alone.
        scenarios: arms and paired by scenario.
        sham_effect: primary metric on the real images minus on the sham edits of the same studies.
        shift_effect: primary metric on the sham edits minus on the stress edits of the same studies: what is
            left of the drop when the editor's own part is taken away.
        truth_gap: primary metric on the stress edits minus on the true counterfactuals of the same studies
            (known for the phantom only).
        instrument: whether this model's verdict can be believed; None where nothing was measured.
        anchors: the model on real films that show the shift already, scenario by scenario.
        dose: the editor's settings that the shift lists, scenario by scenario.
        checkpoints: further runs of the model, if it has any.
        format: how the model was delivered; ``source`` its file name or address, ``pinned`` whether a SHA-256 was
            declared for it, ``output`` what its values mean.
        intended_use: what the vendor says that the model is for.
        claims: the vendor's claims beside what was measured on the real arm.
        preflight: what was declared and observed before the audit; empty where no preflight was run.
        forced: whether the model was audited although it fails its own contract.
        tests: tests of "nothing changed", corrected over the family of shifts and subgroups.
        power: what a test set of this size can show.
        subgroups: columns of the manifest, value by value.
        calibration: tenths of the score in the real and the stress arm, of a model that gives probabilities.
        failure: what kind of failure ``error`` is: "crash", "timeout", "memory", "output" or "refused".
    """

    name: str
    title: str = ""
    role: Role = "model"
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
    sham_effect: Estimate | None = None
    shift_effect: Estimate | None = None
    truth_gap: Estimate | None = None
    instrument: Instrument | None = None
    anchors: list[AnchorResult] = Field(default_factory=list)
    dose: list[DoseRow] = Field(default_factory=list)
    checkpoints: CheckpointSummary | None = None
    format: str = ""
    source: str = ""
    pinned: bool = True
    output: str = ""
    intended_use: str = ""
    claims: list[ClaimResult] = Field(default_factory=list)
    preflight: list[Finding] = Field(default_factory=list)
    forced: bool = False
    tests: list[TestResult] = Field(default_factory=list)
    power: Power | None = None
    subgroups: list[SubgroupResult] = Field(default_factory=list)
    calibration: list[CalibrationBin] = Field(default_factory=list)
    error: str | None = None
    failure: str | None = None

    def metric(self, arm: Arm, name: str) -> Estimate | None:
        """Return one figure of one arm, or None where it was not measured."""
        result = self.arms.get(arm)
        return None if result is None else result.metrics.get(name)


def _is_none(found: object) -> bool:
    return found is None


def _correct(data: dict[str, Any]) -> float:
    return float(data["decision"] == data["label"])


class CaseRow(Strict):
    """One image seen by one model.

    Attributes:
        label: the target's label in this arm; None for a segmentation.
        score: in [0, 1]; None for a segmentation, for a model that gives labels only, and for no answer.
        decision: 0 or 1 at the locked operating point, -1 for no answer; None for a segmentation.
        value: the image's part in the primary metric: 0 or 1 (right), or its Dice.
        figures: for a segmentation, the image's other metrics; None where undefined.
        weight: where cohort B was reweighted: an image's weight in it, 1 for one of cohort A, and 0 for one that is
            left out of the reweighted comparison.
    """

    study_id: str
    patient_id: str
    model: str
    scenario: str
    arm: Arm
    label: int | None
    score: Figure | None
    decision: int | None
    value: Figure = Field(default_factory=_correct)
    figures: dict[str, Figure | None] = Field(default_factory=dict)
    weight: Figure | None = Field(default=None, exclude_if=_is_none)


class AuditResult(Strict):
    """One audit: one shift, one test set, any number of models. JSON round-trips without loss.

    ``verdict`` is the gravest of the models with role "model", and of ``gates`` where rules were declared (then
    these alone decide, beside the models' errors). ``instrument`` speaks for the whole audit:
    the gravest of the models', and INCONCLUSIVE where a control model falls. ``out_of_domain`` says why the bundle
    cannot speak of such films ("" where nothing says so); then no verdict rests on its edits. ``originals`` are the
    unedited films of edited studies where another split than the real set is edited; they are in no arm.

    Of a natural shift ``cohort`` is cohort A and ``against`` cohort B; there are no edits, so that ``testset`` counts
    none and there is no ``instrument``.
    """

    schema_version: Literal[3] = SCHEMA_VERSION
    tool: dict[str, str]
    task: Task = "classification"
    primary: Primary = "accuracy"
    shift: ShiftSummary
    cohort: CohortSummary
    testset: TestSetSummary
    seed: int
    intervals: IntervalSummary
    gate: bool
    max_drop: float
    verdict: Verdict
    instrument: Instrument | None = None
    out_of_domain: str = ""
    models: list[ModelResult]
    edit_quality: list[EditQuality]
    placebo: list[PlaceboResult] = Field(default_factory=list)
    anchors: list[AnchorSummary] = Field(default_factory=list)
    attrition: list[AttritionRow] = Field(default_factory=list)
    comparisons: list[ModelComparison] = Field(default_factory=list)
    gates: list[GateResult] = Field(default_factory=list)
    baseline: Baseline | None = None
    prevalence: float | None = None
    against: CohortSummary | None = Field(default=None, exclude_if=_is_none)
    case_mix: CaseMix | None = Field(default=None, exclude_if=_is_none)
    cases: list[CaseRow]
    originals: list[CaseRow] = Field(default_factory=list, exclude_if=lambda found: not found)

    @property
    def unedited(self) -> list[CaseRow]:
        """The answers to unedited films: the real arm, and the originals of edited films that are not in it."""
        return [*(case for case in self.cases if case.arm == "real"), *self.originals]

    @property
    def is_natural(self) -> bool:
        """Whether two real cohorts were compared and nothing was edited."""
        return self.shift.is_natural

    @property
    def judged(self) -> Arm:
        """The arm whose drop is judged."""
        return judged_arm(self.shift.kind, self.shift.reweight)

    @property
    def held_against(self) -> Arm:
        """The arm that the judged one is held against: cohort A in the strata that both have, where some are cut."""
        cut = self.judged == "reweighted" and any("common" in model.arms for model in self.models)
        return "common" if cut else "real"

    @property
    def exit_code(self) -> int:
        """0 passed or no gate asked for, 1 a model broke, 3 gate failed, 4 inconclusive or not run.

        What was not run is 4 whether a gate was asked for or not: a model that was refused because it breaks its own
        contract, or a test set of which no edit could be measured.
        """
        if self.verdict is Verdict.ERROR:
            return 1
        if self.gate and self.verdict is not Verdict.PASS:
            return 3 if self.verdict is Verdict.FAIL else 4
        judged = [self.verdict, *(model.verdict for model in self.models if model.role == "model")]
        return 4 if Verdict.NOT_RUN in judged else 0

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
