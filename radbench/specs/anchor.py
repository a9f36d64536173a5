"""Real films that already show what a scenario's edit makes: the anchors beside its synthetic images."""

from typing import Annotated

from pydantic import Field, ValidationError

from radbench.specs.source import CohortName, CohortSpec, Selected, SourceSpec

SAME = ""
"""The cohort of the shift's own source."""


class AnchorSpec(CohortSpec):
    """A cohort and which of its films are anchors; see ``CohortSpec`` for the fields that are not told here.

    Attributes:
        cohort: As in ``source``. Left out: the shift's own cohort, with everything that its ``source`` says and is not
            said here; its own ``select`` holds too, but for what is selected otherwise here.
        select: Labels or attributes that a film must have to be an anchor. The target's label must be that of
            ``labels_after``.
        size: Anchors at most, drawn by ``seed``, every patient's first film before any patient's second; None for all.
            For an embedded cohort the number of studies that are drawn, before ``select``.
        margin: Largest difference of the primary metric between synthetic images and anchors that counts as none.
    """

    cohort: CohortName = SAME
    select: Selected = Field(min_length=1)
    margin: Annotated[float, Field(gt=0.0, le=1.0)] = 0.1

    def of(self, source: SourceSpec) -> CohortSpec:
        """Return the cohort of the anchors, complete.

        Args:
            source: The shift's own.

        Raises:
            ValueError: What is said does not fit the shift's cohort.
        """
        fields = set(CohortSpec.model_fields)
        told = {name: getattr(self, name) for name in self.model_fields_set & fields}
        if self.cohort == SAME:
            left_out = {"select"} if source.is_phantom else {"select", "size"}
            same = {name: getattr(source, name) for name in (source.model_fields_set & fields) - left_out}
            told = {**same, **told, "cohort": source.cohort, "select": {**source.select, **self.select}}
        try:
            return CohortSpec(**told)
        except ValidationError as error:
            raise ValueError(str(error.errors()[0]["msg"]).removeprefix("Value error, ")) from None

    def check(self, source: SourceSpec, target: str, after: int | None, scenario: str) -> None:
        """Refuse what can be told from the declaration alone.

        Args:
            source: The shift's own.
            target: The shift's target.
            after: The target's label after the edit; None in a segmentation.
            scenario: Name of the scenario.

        Raises:
            ValueError: The anchor does not fit the source, or selects another label than the edit makes.
        """
        try:
            self.of(source)
        except ValueError as error:
            raise ValueError(f"the anchor of scenario '{scenario}': {error}") from None
        if self.cohort != SAME and self.is_phantom != source.is_phantom:
            raise ValueError(
                f"the anchor of scenario '{scenario}' is of '{self.cohort}' and the source of '{source.cohort}'; drawn "
                f"and real films are never held against each other"
            )
        wanted = self.select.get(target)
        if (
            after is not None
            and wanted is not None
            and str(wanted) in {"0", "1"}
            and str(wanted) != str(after)
        ):
            raise ValueError(
                f"the anchor of scenario '{scenario}' selects {target}: {wanted}, expected {after}, which the edit "
                f"makes (labels_after)"
            )
