"""Release gates as a team declares them: what a model must still do, shift by shift.

Every rule is judged on the bound of its 95 % interval: a ``min`` holds if even the lower limit is at least that, a
``max`` if even the upper limit is at most that. What was not measured never counts as a pass.
"""

from typing import Final, Literal, Self

from pydantic import Field, model_validator

from radbench.specs.base import Base, Name, Text

Measured = Literal[
    "metric",
    "drop",
    "paired_drop",
    "shift_effect",
    "sham_effect",
    "flip_rate",
    "kept",
    "indeterminate",
    "placebo_share",
    "worse_than_baseline",
]
MEASURED: Final[dict[str, str]] = {
    "metric": "the figure called 'metric' in 'arm'",
    "drop": "primary metric on the whole real set minus in the arm",
    "paired_drop": "primary metric on the real images of the same studies minus in the arm",
    "shift_effect": "primary metric on the sham edits minus on the stress edits",
    "sham_effect": "absolute change of the primary metric on the sham edits",
    "flip_rate": "share of decisions that differ from the same study's real image",
    "kept": "edited images that are measured",
    "indeterminate": "share of images that the model gave no answer for",
    "placebo_share": "what placebo edits change, as a share of the stress edits' change",
    "worse_than_baseline": "primary metric in the arm in the baseline's result minus now",
}
"""What a rule may limit, in words."""


class GateRule(Base):
    """One rule.

    Attributes:
        measure: What is limited.
        metric: Name of the metric, for ``measure: metric``.
        shift: Name of the shift; None for every shift that is run.
        model: Name of the model; None for every model with role "model".
        scenario: One scenario of the shift; None for all pooled.
        subgroup: ``column=value`` for a subgroup's figure (metric and drop only); None for everyone.
        arm: Which images; left out: ``stress``, and of a natural shift the arm that is judged (``natural``, or
            ``reweighted`` where the shift says so).
        min: Lowest value that passes.
        max: Highest value that passes.
        why: The reason for the limit, for the report.
    """

    measure: Measured
    metric: Name | None = None
    shift: Name | None = None
    model: Name | None = None
    scenario: Name | None = None
    subgroup: Text | None = None
    arm: Literal[
        "real", "geometry", "reconstruction", "sham", "stress", "truth", "anchor", "natural", "reweighted"
    ] = "stress"
    min: float | None = None
    max: float | None = None
    why: Text | None = None

    @model_validator(mode="after")
    def _judges_something(self) -> Self:
        if (self.min is None) == (self.max is None):
            raise ValueError("a rule needs 'min' or 'max', found both or none, expected one of them")
        if (self.measure == "metric") != (self.metric is not None):
            raise ValueError(
                "'metric' is given with 'measure: metric' and only there, found the one without the other"
            )
        if self.subgroup is not None and self.measure not in {"metric", "drop"}:
            raise ValueError(f"a subgroup has no '{self.measure}', expected 'metric' or 'drop'")
        return self


class GatesSpec(Base):
    """All rules of a release.

    Attributes:
        name: Name of the gate.
        title: One line for people.
        rules: Each is judged for each shift and model that it speaks of.
    """

    name: Name
    title: Text = "Release gate"
    rules: list[GateRule] = Field(min_length=1)
