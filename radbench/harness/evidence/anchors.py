"""Anchors: whether real films that show the shift agree with the synthetic ones, and one figure made of both."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final

import numpy as np

from radbench.harness.anchors import AnchorSet
from radbench.harness.arms import Scene, Shown
from radbench.harness.measure import Measure, of_mean, of_scenario
from radbench.harness.predict import Seen
from radbench.harness.result import PRIMARY, AnchorResult, Estimate, Primary
from radbench.metrics.anchored import Anchored, anchored, fall_to
from radbench.metrics.equivalence import Equivalence, compare
from radbench.metrics.intervals import Mean

UNPAIRED: Final = "anchors are other films than the real set's: nothing is paired"
NO_STRESS: Final = "no synthetic image could be measured"
_PLACES: Final[Mapping[Primary, int]] = {"accuracy": 2, "dice": 3}


def anchor_results(scene: Scene, seen: Mapping[Shown, Seen], measure: Measure) -> list[AnchorResult]:
    """Return a model's result on the anchors of each scenario that has some, in the shift's order."""
    if "anchor" not in seen:
        return []
    order = list(scene.scenarios)
    return [
        _result(scene, anchors, seen, measure)
        for anchors in sorted(scene.anchors, key=lambda one: order.index(one.scenario))
    ]


def _result(scene: Scene, anchors: AnchorSet, seen: Mapping[Shown, Seen], measure: Measure) -> AnchorResult:
    real, primary = measure.primary(seen["real"]), PRIMARY[scene.shift.task]
    own = of_scenario(seen["anchor"], anchors.scenario)
    edited = (
        of_scenario(seen["stress"], anchors.scenario) if "stress" in seen else own.take(np.zeros(0, np.int64))
    )
    anchor, stress = measure.primary(own), measure.primary(edited)
    found, same = anchored(anchor, stress), compare(stress, anchor, anchors.margin)
    combined = _combined(found, anchor.n + stress.n)
    drop = Estimate.undefined(combined.note, combined.n)
    if found.value is not None:
        drop = Estimate.of(real.value - found.value, fall_to(real, anchor, found), combined.n)
    return AnchorResult(
        scenario=anchors.scenario,
        n=anchor.n,
        patients=anchor.patients,
        margin=anchors.margin,
        anchor=of_mean(anchor),
        stress=of_mean(stress, NO_STRESS),
        difference=_difference(same, anchor.n),
        low_90=same.narrow.low,
        high_90=same.narrow.high,
        p=same.p,
        verdict=same.verdict,
        reason=_reason(same, anchors, anchor, primary),
        combined=combined,
        belief=found.belief,
        borrowed=found.borrowed,
        shared=int(stress.sizes[anchor.sizes > 0].sum()),
        drop=drop,
    )


def _combined(found: Anchored, n: int) -> Estimate:
    if found.value is None:
        return Estimate.undefined(found.note or "no anchor could be measured")
    return Estimate.of(found.value, found.interval, n)


def _difference(same: Equivalence, n: int) -> Estimate:
    return (
        Estimate.undefined(NO_STRESS, n) if same.value is None else Estimate.of(same.value, same.interval, n)
    )


def _reason(same: Equivalence, anchors: AnchorSet, anchor: Mean, primary: Primary) -> str:
    """Return what the comparison says, in one sentence."""
    films = f"{anchor.n} real films of {anchor.patients} patients that show '{anchors.scenario}'"
    if same.value is None or same.interval.low is None or same.narrow.low is None:
        why = NO_STRESS if same.value is None else same.interval.note or "there is no interval"
        return f"Not compared with the {films}: {why}."
    signed = partial(_signed, places=_PLACES[primary])
    told = f"{primary.capitalize()} on synthetic images differs by {signed(same.value)} from that on {films}"
    within = f"the margin of {anchors.margin:g}"
    if same.verdict == "agree":
        limits = f"{signed(same.narrow.low)} to {signed(same.narrow.high or 0.0)}"
        return f"{told}; the 90 % interval, {limits}, lies within {within}: they agree."
    limits = f"{signed(same.interval.low)} to {signed(same.interval.high or 0.0)}"
    if same.verdict == "disagree":
        return f"{told} (95 % interval {limits}), beyond {within} and not by chance: they disagree."
    return f"{told} (95 % interval {limits}): neither that they agree within {within} nor that they disagree is shown."


def _signed(value: float, places: int) -> str:
    """Return a difference with its sign; what rounds to nothing is +0, never -0."""
    return f"{round(value, places) + 0.0:+.{places}f}"


def disagreements(found: Sequence[AnchorResult]) -> list[str]:
    """Return a sentence for each scenario whose anchors say that its synthetic images are wrong."""
    return [
        f"{one.reason} The edits are not what they stand for." for one in found if one.verdict == "disagree"
    ]
