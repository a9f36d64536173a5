"""Who is in two cohorts that are compared: label prevalence, sex, age band, view, before and after reweighting."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from radbench.data.cohort import UNKNOWN, Study
from radbench.harness.evidence.subgroups import MOST_VALUES
from radbench.harness.natural import Cell, Sites, distinct, held_value
from radbench.harness.result import CaseMix, MixRow, Reweighting, Stratum
from radbench.metrics.standard import kish

USUAL: Final = ("sex", "age_band", "view")
"""Attributes that are shown wherever a study has them, beside the target, the reweighted columns and the subgroups."""


def case_mix(scene: Sites) -> CaseMix:
    """Return how common every value is in both cohorts, and of a reweighted shift in the weighted one."""
    found = _reweighting(scene) if scene.shift.reweight else None
    weights = (
        {}
        if found is None
        else {tuple(one.values.values()): one.weight for one in found.strata if one.weight}
    )
    rows = [row for column in _columns(scene) for row in _rows(scene, column, weights)]
    return CaseMix(rows=rows, reweighting=found)


def _columns(scene: Sites) -> list[str]:
    shift = scene.shift
    asked = [*([] if scene.segments else [shift.target]), *shift.reweight, *shift.subgroups, *USUAL]
    everyone = [*scene.sides["A"], *scene.sides["B"]]
    found = []
    for column in dict.fromkeys(asked):
        values = set(distinct(everyone, column))
        if values - {UNKNOWN} and len(values) <= MOST_VALUES:
            found.append(column)
    return found


def _rows(scene: Sites, column: str, weights: Mapping[Cell, float]) -> list[MixRow]:
    sides = scene.sides["A"], scene.sides["B"]
    values = distinct([*sides[0], *sides[1]], column)
    counts = [Counter(held_value(study, column) for study in side) for side in sides]
    after = _after(scene, column, weights)
    rows = []
    for value in values:
        shares = [count[value] / max(1, count.total()) for count in counts]
        more: dict[str, float | None] = {}
        if weights:
            common, weighted = (sums.get(value, 0.0) / sum(sums.values()) for sums in after)
            more = {
                "common_share": common,
                "reweighted_share": weighted,
                "difference_after": standardised(common, weighted, *shares),
            }
        rows.append(
            MixRow(
                column=column,
                value=value,
                reference=counts[0][value],
                against=counts[1][value],
                reference_share=shares[0],
                against_share=shares[1],
                difference=standardised(*shares, *shares),
                **more,
            )
        )
    return rows


def _after(
    scene: Sites, column: str, weights: Mapping[Cell, float]
) -> tuple[dict[str, float], dict[str, float]]:
    """Return by value the images of cohort A in common strata, and the weights of cohort B's."""
    found: tuple[dict[str, float], dict[str, float]] = ({}, {})
    for sums, side in zip(found, ("A", "B"), strict=True):
        for study in scene.sides["A" if side == "A" else "B"]:
            weight = weights.get(scene.cells[study.study_id] or (), 0.0)
            value = held_value(study, column)
            sums[value] = sums.get(value, 0.0) + (weight if side == "B" else float(weight > 0))
    return found


def standardised(first: float, second: float, before: float, other: float) -> float | None:
    """Return the standardised difference ``second - first`` of two shares (Austin 2009, doi:10.1002/sim.3697).

    Args:
        first: a share.
        second: another one.
        before: the first share before any weighting; both give the standard deviation, so that the figures before and
            after can be compared.
        other: the second share before any weighting.

    Returns:
        None where nothing varies and the two differ all the same.
    """
    spread = math.sqrt((before * (1 - before) + other * (1 - other)) / 2)
    if spread > 0:
        return (second - first) / spread
    return 0.0 if abs(second - first) < 1e-12 else None


def _reweighting(scene: Sites) -> Reweighting:
    sides = scene.sides["A"], scene.sides["B"]
    counts = [Counter(cell for study in side if (cell := scene.cells[study.study_id])) for side in sides]
    totals = [sum(count[cell] for cell in scene.common) for count in counts]
    weights = {cell: counts[0][cell] / totals[0] / (counts[1][cell] / totals[1]) for cell in scene.common}
    own = np.array([counts[1][cell] for cell in scene.common], np.float64)
    return Reweighting(
        columns=list(scene.shift.reweight),
        strata=[
            Stratum(
                values=dict(zip(scene.shift.reweight, cell, strict=True)),
                reference=counts[0][cell],
                against=counts[1][cell],
                weight=weights.get(cell, 0.0),
            )
            for cell in sorted({*counts[0], *counts[1]})
        ],
        reference=totals[0],
        reference_total=len(sides[0]),
        against=totals[1],
        against_total=len(sides[1]),
        unknown_reference=_unknown(scene, sides[0]),
        unknown_against=_unknown(scene, sides[1]),
        covered=totals[0] / len(sides[0]),
        effective=kish(np.array([weights[cell] for cell in scene.common], np.float64), own),
        largest=max(weights.values()),
    )


def _unknown(scene: Sites, studies: Sequence[Study]) -> int:
    return sum(scene.cells[study.study_id] is None for study in studies)
