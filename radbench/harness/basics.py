"""What every part of an audit result is made of: arms, verdicts, figures with intervals."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

SCHEMA_VERSION: Final = 3
Task = Literal["classification", "segmentation"]
Primary = Literal["accuracy", "dice"]
Role = Literal["model", "control"]
Arm = Literal["real", "geometry", "reconstruction", "sham", "stress", "truth"]
ARMS: Final[tuple[Arm, ...]] = ("real", "geometry", "reconstruction", "sham", "stress", "truth")
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
