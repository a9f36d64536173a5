"""What every audit result is made of: arms, verdicts, figures with intervals, and the figures of an arm."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SCHEMA_VERSION: Final = 3
Task = Literal["classification", "segmentation"]
Primary = Literal["accuracy", "dice"]
Role = Literal["model", "control"]
Arm = Literal[
    "real",
    "geometry",
    "reconstruction",
    "sham",
    "stress",
    "truth",
    "anchor",
    "natural",
    "common",
    "reweighted",
]
ARMS: Final[tuple[Arm, ...]] = (
    *("real", "geometry", "reconstruction", "sham", "stress", "truth", "anchor"),
    *("natural", "common", "reweighted"),
)
"""The last three are of two cohorts that are compared: cohort B (cohort A is "real"); cohort A cut down to the strata
that B has too, where that leaves some of it out; and cohort B weighted to the case mix of that."""


def judged_arm(kind: str, reweight: Sequence[str]) -> Arm:
    """Return the arm whose drop is judged, by the shift's kind and what it brings to the same mix."""
    return "stress" if kind != "natural" else "reweighted" if reweight else "natural"


PRIMARY: Final[dict[Task, Primary]] = {"classification": "accuracy", "segmentation": "dice"}
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


def rounded(value: float) -> float:
    """Return a measured figure with ``DECIMALS`` decimals; what rounds to nothing is 0, never -0."""
    return round(value, DECIMALS) + 0.0


DECIMALS: Final = 6
"""Decimals of every measured figure: two machines differ in the ninth, and write the same result all the same."""

Figure = Annotated[float, AfterValidator(rounded)]
"""A measured figure, rounded once, when it enters a result: verdicts, JSON, tables and report have the same number.
What a user declared (limits, tolerances, the operating point) is a plain ``float`` and kept as it was declared."""


class Extreme(Strict):
    """A figure at one end of what it can be, with its 95 % interval (None: none can be given)."""

    value: Figure
    low: Figure | None = None
    high: Figure | None = None


class Withheld(Strict):
    """What a figure would be, had the model also answered for the images that it gave no answer for.

    Attributes:
        n: images without an answer.
        of: all images, with and without an answer.
        worst: with the answers that make the figure worst; see ``radbench.metrics.withheld``.
        best: with those that make it best.
    """

    n: int
    of: int
    worst: Extreme
    best: Extreme


class Estimate(Strict):
    """A figure with its 95 % interval.

    ``value`` is None where the metric is undefined (``note`` says why); ``low`` and ``high`` are None
    where no interval can be given. ``n`` counts the images behind the figure, ``note`` qualifies it.
    ``withheld`` is given where the figure leaves out images that the model gave no answer for.
    """

    value: Figure | None
    low: Figure | None = None
    high: Figure | None = None
    n: int
    note: str = ""
    withheld: Withheld | None = Field(default=None, exclude_if=lambda found: found is None)

    @property
    def defined(self) -> bool:
        """Whether the figure exists."""
        return self.value is not None

    @classmethod
    def of(cls, value: float, interval: tuple[float | None, float | None, str], n: int) -> "Estimate":
        """Return a figure with an interval: its limits and what qualifies them."""
        low, high, note = interval
        return cls(value=value, low=low, high=high, n=n, note=note)

    @classmethod
    def undefined(cls, note: str, n: int = 0) -> "Estimate":
        """Return that there is no figure, and why."""
        return cls(value=None, n=n, note=note)

    def noted(self, *notes: str, first: bool = False) -> "Estimate":
        """Return the figure with further notes (those that are not ""), behind its own or ``first``."""
        said = [*notes, self.note] if first else [self.note, *notes]
        return self.model_copy(update={"note": "; ".join(filter(None, said))})


class ArmResult(Strict):
    """One model on one set of images.

    Attributes:
        n: images.
        patients: their patients.
        positives: images with the target's label 1; None for a segmentation.
        empty: images in which the model marked nothing at all; None for a classification.
        missed: images in which the model marked nothing where there was something, or the reverse: Dice 0, and the
            image's diagonal for every distance; None for a classification (and in results of before).
        indeterminate: images that the model gave no answer for. Each counts as wrong in accuracy, sensitivity and
            specificity, and has no part in figures of the scores.
        metrics: keyed by name ("accuracy", "specificity", ... or "dice", "hausdorff_95", ...).
    """

    n: int
    patients: int
    positives: int | None = None
    empty: int | None = None
    missed: int | None = None
    indeterminate: int = 0
    metrics: dict[str, Estimate]


class PairedResult(Strict):
    """An arm of edited studies against the real images; or of two cohorts, cohort B against cohort A.

    Attributes:
        flip_rate: share of the arm's images whose decision differs from the same study's real image.
        score_change: mean of (score in this arm - score of the same study's real image), in [-1, 1].
        drop: primary metric on the whole real test set minus in this arm; the stress arm's is judged. Of the arm
            "reweighted", on cohort A in the strata that B has too.
        paired_drop: primary metric on the real images of the same studies minus in this arm; None between cohorts.
        specificity_drop: specificity on the real negatives minus specificity in this arm.
        beyond_reconstruction: primary metric after encode-decode alone minus in this arm: the part of the
            drop that the editor's autoencoder does not explain (None outside the stress arm).
        changes: for a segmentation, every metric's mean of (this arm - the same study's real image), over the
            images where both are defined; distances are in pixels, and more of them is worse. Between cohorts, of
            either task, every metric of this arm minus that of cohort A.

    ``flip_rate``, ``score_change`` and ``specificity_drop`` are None for a segmentation, and between cohorts.
    """

    flip_rate: Estimate | None = None
    score_change: Estimate | None = None
    drop: Estimate
    paired_drop: Estimate | None = None
    specificity_drop: Estimate | None = None
    beyond_reconstruction: Estimate | None = None
    changes: dict[str, Estimate] = Field(default_factory=dict)


class ScenarioResult(Strict):
    """The arms of one scenario of the shift (the real arm is shared by all scenarios and not repeated)."""

    arms: dict[Arm, ArmResult]
    paired: dict[Arm, PairedResult]
    sham_effect: Estimate | None = None
    shift_effect: Estimate | None = None
    truth_gap: Estimate | None = None


class Spread(Strict):
    """Mean and sample standard deviation (``n - 1`` in the denominator) of ``n >= 2`` runs."""

    mean: Figure
    sd: Figure
    n: int


class CheckpointSummary(Strict):
    """Several training runs of one model, as the paper's "mean and standard deviation across five runs".

    Attributes:
        n: runs that could be run, the main weights among them.
        failed: runs that raised an error.
        digests: one a run, the main weights first.
        arms: arm -> metric -> spread over the runs in which it is defined; those defined in fewer than two
            runs are left out.
        drop: the stress arm's drop.
    """

    n: int
    failed: int = 0
    digests: list[str]
    arms: dict[Arm, dict[str, Spread]]
    drop: Spread | None = None
