"""The edit where the finding is absent: how much it changes, as a share of what it changes where it is present."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from radbench.harness.arms import Case, Scene
from radbench.harness.result import Estimate, PlaceboResult
from radbench.metrics.bootstrap import Draws
from radbench.metrics.intervals import Mean, mean, ratio
from radbench.testsets.assessments import EFFECT

_NO_PLACEBO: Final = "no placebo edit could be measured"
_NO_STRESS: Final = "no stress edit changed anything"


def placebo_results(scene: Scene, draws: Draws) -> list[PlaceboResult]:
    """Return one result for each scenario that has a placebo, in the shift's order."""
    limit = scene.shift.controls.placebo_limit
    found = []
    for name, scenario in scene.scenarios.items():
        if scenario.placebo is None:
            continue
        share = _share(*(_change(scene, cases, name, draws) for cases in (scene.placebos, scene.cases)))
        passed = share.value is not None and share.value <= limit
        found.append(PlaceboResult(scenario=name, n=share.n, share=share, limit=limit, passed=passed))
    return found


def _share(placebo: Mean, stress: Mean) -> Estimate:
    if not placebo.n or not stress.n or stress.value <= 0:
        reason = _NO_STRESS if placebo.n else _NO_PLACEBO
        return Estimate(value=None, n=placebo.n, note=f"undefined: {reason}")
    low, high, note = ratio(placebo, stress)
    return Estimate(value=placebo.value / stress.value, low=low, high=high, n=placebo.n, note=note)


def _change(scene: Scene, cases: Sequence[Case], scenario: str, draws: Draws) -> Mean:
    known = [
        (scene.patient(case.study), case.record.measures[EFFECT])
        for case in cases
        if case.record.scenario == scenario and EFFECT in case.record.measures
    ]
    places = draws.places([patient for patient, _ in known])
    return mean(draws, places, np.array([change for _, change in known], np.float64))
