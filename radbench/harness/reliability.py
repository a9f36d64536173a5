"""Tenths of the score, and how many of each have the target: the numbers of a reliability diagram."""

from collections.abc import Mapping
from typing import Final

import numpy as np

from radbench.harness.arms import Shown
from radbench.harness.predict import Seen
from radbench.harness.result import Arm, CalibrationBin
from radbench.metrics.calibration import reliability

SHOWN: Final[tuple[Arm, ...]] = ("real", "stress")


def calibration_bins(seen: Mapping[Shown, Seen]) -> list[CalibrationBin]:
    """Return ten bins an arm, of the real and the stress arm; none for a model whose scores are no probabilities."""
    return [found for arm in SHOWN if arm in seen for found in _bins(arm, seen[arm])]


def _bins(arm: Arm, seen: Seen) -> list[CalibrationBin]:
    if seen.scores is None or not seen.probable:
        return []
    known = ~np.isnan(seen.scores)
    return [
        CalibrationBin(arm=arm, **found._asdict())
        for found in reliability(seen.images.truths[known], seen.scores[known])
    ]
