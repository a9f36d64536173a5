"""What a result says beyond point figures: instrument, doses, findings, claims, tests, subgroups, gates."""

from typing import Literal

from pydantic import Field

from radbench.harness.result.figures import Arm, Estimate, Figure, Strict, Verdict


class Instrument(Strict):
    """Whether the audit's own instrument, the editor, can be believed.

    Attributes:
        verdict: PASS within tolerance; INCONCLUSIVE where an edit that should change nothing moves a model
            by more, where a control model falls, or where anchors disagree; NOT_RUN without a sham arm.
        reason: one sentence of why.
        tolerance: largest sham effect allowed in absolute value, the shift's ``controls.sham_tolerance``.
    """

    verdict: Verdict
    reason: str
    tolerance: float


class AnchorResult(Strict):
    """One model on the anchors of one scenario, real films that show the shift already, beside its synthetic images.

    Attributes:
        scenario: name of the scenario.
        n: anchors, of ``patients`` patients.
        margin: largest difference that counts as none.
        anchor: the primary metric on the anchors.
        stress: the primary metric on the scenario's synthetic images.
        difference: ``stress - anchor``, with its 95 % interval.
        low_90: lower limit of its 90 % interval, ``high_90`` the upper one; None for none.
        p: of two one-sided tests of "they differ by ``margin`` or more", the larger one.
        verdict: "agree": the 90 % interval lies within the margin; "disagree": the 95 % interval leaves out 0 and the
            difference is beyond the margin; "cannot tell": neither; "not measured": no interval.
        reason: one sentence.
        combined: the anchored estimate of the primary metric under the shift (``radbench.metrics.anchored``).
        belief: in [0, 1], that the synthetic images show the anchors' figure; one half before the anchors are seen.
        borrowed: as many independent synthetic images as ``combined`` borrows.
        shared: synthetic images of patients who have an anchor; they are not borrowed.
        drop: primary metric on the whole real set minus ``combined``.
    """

    scenario: str
    n: int
    patients: int
    margin: float
    anchor: Estimate
    stress: Estimate
    difference: Estimate
    low_90: Figure | None = None
    high_90: Figure | None = None
    p: Figure | None = None
    verdict: Literal["agree", "disagree", "cannot tell", "not measured"]
    reason: str
    combined: Estimate
    belief: Figure = 0.0
    borrowed: Figure = 0.0
    shared: int = 0
    drop: Estimate


class DoseRow(Strict):
    """One model at one strength of one setting of the editor.

    Attributes:
        scenario: name of the scenario.
        factor: the setting, e.g. "guidance_scale".
        value: its value; all other settings are the main ones.
        main: whether this is the main setting, on the same studies as the factor's other rows.
        n: images.
        primary: the primary metric.
        score_change: as in ``PairedResult``; None for a segmentation.
        change_edit: mean absolute change inside the edit mask against the edit's own reconstruction (fraction of
            the grey range); None: unknown.
    """

    scenario: str
    factor: str
    value: float
    main: bool = False
    n: int
    primary: Estimate
    score_change: Estimate | None = None
    change_edit: Figure | None = None


class Finding(Strict):
    """One thing that a preflight declared and observed.

    Attributes:
        check: Name of the check, such as "output range" or "inverted film".
        level: "ok"; "note" (nothing wrong, worth knowing); "warning"; "failure" (the model breaks its own contract).
        declared: What the declaration says.
        observed: What was seen.
        meaning: What follows, and how to mend it; "" for ok.
    """

    check: str
    level: Literal["ok", "note", "warning", "failure"]
    declared: str
    observed: str
    meaning: str = ""


class ClaimResult(Strict):
    """A vendor's claim beside what was measured on the real test set.

    Attributes:
        metric: Name of the metric.
        claimed: The claimed value; ``claimed_low`` and ``claimed_high`` its interval, if there is one.
        population: On whom the vendor measured it.
        measured: On the real arm; None where it was not measured.
        verdict: "supported": the measured interval holds the claim or lies on the better side of it;
            "not supported": the whole interval is on the worse side; "cannot tell": no interval.
        reason: One sentence.
    """

    metric: str
    claimed: float
    claimed_low: float | None = None
    claimed_high: float | None = None
    population: str
    measured: Estimate | None
    verdict: Literal["supported", "not supported", "cannot tell", "not measured"]
    reason: str


class TestResult(Strict):
    """A test of "nothing changed" between the real and the stress images of the same studies, or between two cohorts.

    Attributes:
        test: "mcnemar" (exact, on right and wrong decisions; every patient has one vote) or "paired bootstrap" (of the
            primary metric; patients are resampled). Between cohorts "unpaired bootstrap", of the difference that is
            judged.
        scenario: Name of the scenario, "all" for all pooled.
        subgroup: ``column=value``, "" for everyone.
        n: Pairs; between cohorts, images of cohort B.
        p: Two-sided; None where undefined.
        p_holm: After Holm's correction over the family.
        family: How many tests of this kind of one model were corrected together, over shifts, scenarios, subgroups.
        note: What qualifies it.
    """

    __test__ = False  # not a pytest class

    test: Literal["mcnemar", "paired bootstrap", "unpaired bootstrap"]
    scenario: str
    subgroup: str = ""
    n: int
    p: float | None
    p_holm: float | None = None
    family: int = 0
    note: str = ""


class Power(Strict):
    """The smallest true drop that a test set of this size shows with 80 % power at the two-sided 5 % level.

    Attributes:
        n: Pairs of real and stress images; between cohorts, images of cohort B.
        patients: Their patients.
        detectable: That drop; None where it cannot be said.
        line: One sentence, such as "With n = 60 a drop under 0.11 cannot be seen."
    """

    n: int
    patients: int
    detectable: Figure | None
    line: str


class SubgroupResult(Strict):
    """One value of one column of the manifest; between cohorts, ``stress`` is cohort B in the arm that is judged.

    Attributes:
        column: The column (attribute), "age_band" for example.
        value: Its value, "unknown" for studies that have none (which are never tested).
        n: Stress images.
        patients: Their patients; between cohorts, of the one that has fewer.
        small: Fewer patients than can be judged (20, in either cohort): shown, and never a verdict of its own.
        real: Primary metric on the subgroup's real images.
        stress: Primary metric on its stress images.
        drop: ``real - stress``.
        p: Two-sided bootstrap (paired, but between cohorts), ``p_holm`` after Holm's correction over shifts' subgroups.
    """

    column: str
    value: str
    n: int
    patients: int
    small: bool
    real: Estimate
    stress: Estimate
    drop: Estimate
    p: float | None = None
    p_holm: float | None = None


class CalibrationBin(Strict):
    """Scores of one tenth of [0, 1] in one arm.

    Attributes:
        arm: Which images.
        low: Lower end of the bin (inclusive; the last bin holds 1 as well), ``high`` its upper end.
        n: Images in it.
        score: Their mean score; None for none.
        positive: Share of them that have the target; None for none.
    """

    arm: Arm
    low: float
    high: float
    n: int
    score: Figure | None
    positive: Figure | None


class ModelComparison(Strict):
    """Two models on the same images, resampled together.

    Attributes:
        first: The model that is better on the stress set (of equals, the first in the audit).
        second: The other one.
        difference: Primary metric of ``first`` on the stress arm minus that of ``second``.
        drop_difference: Drop of ``second`` minus drop of ``first``.
        p: Two-sided paired bootstrap of ``difference``; ``p_holm`` over all pairs.
    """

    first: str
    second: str
    difference: Estimate
    drop_difference: Estimate
    p: float | None = None
    p_holm: float | None = None


class GateResult(Strict):
    """One rule of the gates, judged for one shift and one model.

    Attributes:
        rule: The rule in words, such as "specificity in stress at least 0.80".
        shift: Name of the shift.
        model: Name of the model, "" where the rule is about the test set.
        estimate: The figure that was judged.
        limit: The limit, ``sense`` on which side of it the figure has to be.
        verdict: PASS, FAIL, INCONCLUSIVE (the interval holds the limit), NOT_RUN or ERROR.
        reason: One sentence.
        why: The team's reason for the rule.
        left_out: What the verdict leaves out or counts in a way of its own, one sentence each.
    """

    rule: str
    shift: str
    model: str = ""
    estimate: Estimate | None
    limit: float
    sense: Literal["min", "max"]
    verdict: Verdict
    reason: str
    why: str = ""
    left_out: list[str] = Field(default_factory=list)


class Baseline(Strict):
    """The earlier result that this one was compared with.

    Attributes:
        sha256: Of the earlier result's file.
        tool: Its tool versions.
        same_testset: Whether both were measured on the same test set (by its key).
        note: What qualifies the comparison.
    """

    sha256: str
    tool: dict[str, str]
    same_testset: bool
    note: str = ""
