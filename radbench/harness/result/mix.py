"""The case mix of two cohorts that are compared, and what became of it by reweighting."""

from pydantic import Field

from radbench.harness.result.figures import Figure, Strict


class MixRow(Strict):
    """One value of one column: how common it is in both cohorts.

    A standardised difference is the difference of two shares divided by sqrt((p(1 - p) + q(1 - q)) / 2) of the shares p
    and q before any weighting (Austin 2009, doi:10.1002/sim.3697); beyond 0.1 either way is commonly called an
    imbalance.

    Attributes:
        column: a label or attribute; ``value`` its value, "unknown" for none.
        reference: images of cohort A with it; ``against`` those of cohort B.
        reference_share: share of cohort A's images; ``against_share`` of cohort B's.
        difference: standardised difference, B minus A; None where the one cohort has it always and the other never.
        common_share: share of cohort A's images in the strata that B has too; None without reweighting.
        reweighted_share: weighted share of cohort B's images in those strata.
        difference_after: standardised difference after the weighting.
    """

    column: str
    value: str
    reference: int
    against: int
    reference_share: Figure
    against_share: Figure
    difference: Figure | None
    common_share: Figure | None = None
    reweighted_share: Figure | None = None
    difference_after: Figure | None = None


class Stratum(Strict):
    """One cell of the cross of the reweighted columns: images of both cohorts, and the weight of each of cohort B's.

    ``weight`` is 0 where a cohort has no image in it, and the stratum is left out of the reweighted comparison.
    """

    values: dict[str, str]
    reference: int
    against: int
    weight: Figure


class Reweighting(Strict):
    """How cohort B was brought to the case mix of cohort A.

    Attributes:
        columns: the labels and attributes whose cross is held.
        strata: every cell that has an image, in the order of the values.
        reference: images of cohort A in the strata that B has too, of ``reference_total``.
        against: images of cohort B in the strata that A has too, of ``against_total``.
        unknown_reference: images of cohort A without a value of some column; they are in no stratum.
        unknown_against: likewise of cohort B.
        covered: share of cohort A's images that the reweighted comparison speaks of.
        effective: Kish's effective number of cohort B's images.
        largest: the largest weight; 1 is the mean.
    """

    columns: list[str]
    strata: list[Stratum]
    reference: int
    reference_total: int
    against: int
    against_total: int
    unknown_reference: int
    unknown_against: int
    covered: Figure
    effective: Figure
    largest: Figure

    @property
    def is_whole(self) -> bool:
        """Whether no image of cohort A is left out."""
        return self.reference == self.reference_total


class CaseMix(Strict):
    """Who is in the two cohorts, value by value, and how one was brought to the other's mix (None: it was not)."""

    rows: list[MixRow] = Field(default_factory=list)
    reweighting: Reweighting | None = None
