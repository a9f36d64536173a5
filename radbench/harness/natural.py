"""Two real cohorts that are compared: what the models are shown, and cohort B brought to the case mix of cohort A.

Models see every film once, in the arms "real" (cohort A) and "natural" (cohort B). Two more arms are made of what they
said: "common", cohort A in the strata that cohort B has too, and "reweighted", cohort B in those strata with weights.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

import numpy as np

from radbench.data.cohort import UNKNOWN, Cohort, Study, value_text
from radbench.data.compared import ComparedCohorts, Side, side_of
from radbench.errors import UsageError, did_you_mean
from radbench.harness.anchors import AnchorSet
from radbench.harness.arms import ArmImages, Scene, Shown
from radbench.harness.evidence.subgroups import MOST_VALUES, values_among
from radbench.harness.predict import Outcome, Seen
from radbench.harness.result import Arm
from radbench.metrics.bootstrap import Draws
from radbench.metrics.standard import Standard, Weighting
from radbench.specs import ShiftSpec
from radbench.testsets.selection import measured_studies

if TYPE_CHECKING:
    from radbench.testsets.testset import TestSet

Cell = tuple[str, ...]
"""A stratum: one value a column."""
MOST_STRATA: Final = 500
"""Most cells that have an image; more of them leave no stratum with enough to weight."""


class Sites(Scene):
    """The studies of both cohorts, as a ``Scene`` without edits.

    Attributes:
        parts: cohort "A" and cohort "B".
        sides: their studies whose truth is known.
        cells: by study, its cell of the reweighted columns; None where a value is not known.
        common: the cells that both cohorts have, sorted.
    """

    def __init__(self, shift: ShiftSpec, cohort: Cohort, testset: "TestSet") -> None:
        super().__init__(shift, cohort, testset)
        sides: dict[Side, list[Study]] = {"A": [], "B": []}
        for study in self.studies.values():
            sides[side_of(study)].append(study)
        self.parts = cast("ComparedCohorts", cohort).parts
        self.sides: Mapping[Side, Sequence[Study]] = sides
        self.cells = {name: cell_of(study, shift.reweight) for name, study in self.studies.items()}
        held = [{self.cells[study.study_id] for study in sides[side]} - {None} for side in ("A", "B")]
        self.common: Sequence[Cell] = sorted(cell for cell in held[0] & held[1] if cell is not None)

    def arms(self) -> dict[Shown, ArmImages]:
        """Return both cohorts."""
        return {
            "real": self.unedited("real", self.sides["A"]),
            "natural": self.unedited("natural", self.sides["B"]),
        }

    @cached_property
    def notes(self) -> list[str]:
        """What is odd about two cohorts: patients and films that are in both, one sentence each."""
        patients = [{self.patient(study) for study in self.sides[side]} for side in ("A", "B")]
        both = len(patients[0] & patients[1])
        own = [{self._own(study) for study in self.sides[side]} for side in ("A", "B")]
        films = len(own[0] & own[1])
        if not both:
            return []
        said = f"{both} patient{'s are' if both > 1 else ' is'} in both cohorts, and drawn for both at once"
        if films:
            said += f"; of them {films} film{'s are' if films > 1 else ' is'} the very same in both"
        return [f"{said}: the cohorts are not independent."]

    def _own(self, study: Study) -> tuple[str, str]:
        """Return what a film is, whichever cohort it stands in: its patient and its own study id."""
        return study.patient_id, study.study_id.partition(":")[2]

    def compared(self, outcome: Outcome, draws: Draws) -> Outcome:
        """Return what a model said with the arms "common" and "reweighted", where the shift brings the mix together."""
        if not self.shift.reweight or outcome.error is not None or not self.common:
            return outcome
        sets = [self._in_common(outcome.seen[arm]) for arm in ("real", "natural")]
        places = [draws.places(seen.images.patient_ids) for seen, _ in sets]
        counts = [np.zeros((len(draws.patients), len(self.common))) for _ in sets]
        for table, place, (_, strata) in zip(counts, places, sets, strict=True):
            np.add.at(table, (place, strata), 1.0)
        standard = Standard(draws, *counts)
        arms: tuple[Arm, Arm] = ("common", "reweighted")
        more: dict[Shown, Seen] = {
            arm: replace(
                seen,
                images=replace(
                    seen.images, arm=arm, weighting=Weighting(standard, strata, weighted=arm == "reweighted")
                ),
            )
            for arm, (seen, strata) in zip(arms, sets, strict=True)
        }
        return replace(outcome, seen={**outcome.seen, **more})

    def _in_common(self, seen: Seen) -> "tuple[Seen, np.ndarray[tuple[int], np.dtype[np.int64]]]":
        """Return the images in common cells, and the number of each one's cell."""
        number: dict[Cell | None, int] = {cell: place for place, cell in enumerate(self.common)}
        cells = [number.get(self.cells[study], -1) for study in seen.images.study_ids]
        strata = np.array(cells, np.int64)
        return seen.take(np.flatnonzero(strata >= 0)), strata[strata >= 0]


def scene_of(
    shift: ShiftSpec, cohort: Cohort, testset: "TestSet", anchors: Sequence[AnchorSet] = ()
) -> Scene:
    """Return what an audit shows: a cohort with its edits and perhaps anchors, or two cohorts."""
    return Sites(shift, cohort, testset) if shift.is_natural else Scene(shift, cohort, testset, anchors)


def cell_of(study: Study, columns: Sequence[str]) -> Cell | None:
    """Return a study's values of some labels and attributes; None where one is not known."""
    cell = tuple(held_value(study, column) for column in columns)
    return None if UNKNOWN in cell else cell


def held_value(study: Study, column: str) -> str:
    """Return a study's label or attribute as text, "unknown" for none."""
    return value_text(study.labels[column] if column in study.labels else study.attributes.get(column))


def check_sites(shift: ShiftSpec, cohort: Cohort) -> None:
    """Refuse what can never be compared, before a model is started.

    Raises:
        UsageError: a cohort without a study of known target; a column of ``reweight`` that a cohort does not have, or
            with more than ``MOST_VALUES`` values; or cohorts that have no stratum in common.
    """
    both = cast("ComparedCohorts", cohort)
    sides: dict[Side, list[Study]] = {"A": [], "B": []}
    for side, part in both.parts.items():
        known = {study.study_id for study in measured_studies(shift, part)}
        sides["A" if side == "A" else "B"] = [study for study in part.studies if study.study_id in known]
    for column in shift.reweight:
        for (side, studies), part in zip(sides.items(), both.parts.values(), strict=True):
            _check_column(shift, column, f"cohort {side} ({part.name})", studies)
    cells = [{cell_of(study, shift.reweight) for study in studies} for studies in sides.values()]
    if shift.reweight and not (cells[0] & cells[1]) - {None}:
        names = " x ".join(shift.reweight)
        told = " and ".join(f"{side} has {_few(found)}" for side, found in zip(sides, cells, strict=True))
        raise UsageError(
            f"reweight of shift '{shift.name}': the cohorts have no stratum of {names} in common ({told}), so neither "
            f"can be brought to the other's mix; name fewer columns, or take reweight out."
        )
    if max(map(len, cells)) > MOST_STRATA:
        raise UsageError(
            f"reweight of shift '{shift.name}' makes {max(map(len, cells))} strata, expected at most {MOST_STRATA}; "
            "name fewer columns, or wider bands."
        )


def _few(cells: "set[Cell | None]") -> str:
    known = sorted(cell for cell in cells if cell is not None)
    listed = ", ".join("/".join(cell) for cell in known[:4])
    return f"{listed or 'no study of which all values are known'}{' ...' if len(known) > 4 else ''}"


def _check_column(shift: ShiftSpec, column: str, where: str, studies: Sequence[Study]) -> None:
    found = {held_value(study, column) for study in studies} - {UNKNOWN}
    if not found:
        names = sorted({name for study in studies for name in (*study.labels, *study.attributes)})
        raise UsageError(
            f"reweight of shift '{shift.name}' has '{column}', of which no study of {where} has a value, expected some "
            f"of {', '.join(names) or 'nothing'}.{did_you_mean(column, names)}"
        )
    if len(found) > MOST_VALUES:
        raise UsageError(
            f"reweight of shift '{shift.name}' has '{column}', which has {len(found)} values in {where}, expected at "
            f"most {MOST_VALUES}; put them into bands in a column of their own, such as age_band."
        )


def distinct(studies: Sequence[Study], column: str) -> list[str]:
    """Return the distinct values of a label or attribute, "unknown" last."""
    return values_among(held_value(study, column) for study in studies)
