"""What a model said about each image: the rows behind every figure."""

import math
from collections.abc import Mapping

from radbench.harness.arms import Shown
from radbench.harness.predict import Seen
from radbench.harness.result import ARMS, Arm, CaseRow


def case_rows(model: str, seen: Mapping[Shown, Seen]) -> list[CaseRow]:
    """Return one row an image, arm by arm."""
    return [
        _row(model, arm, seen[arm], index) for arm in ARMS if arm in seen for index in _numbers(seen[arm])
    ]


def _numbers(seen: Seen) -> range:
    return range(len(seen.images))


def _row(model: str, arm: Arm, seen: Seen, index: int) -> CaseRow:
    images = seen.images
    return CaseRow(
        study_id=images.study_ids[index],
        patient_id=images.patient_ids[index],
        model=model,
        scenario=images.scenarios[index],
        arm=arm,
        label=None if images.labels is None else int(images.labels[index]),
        score=None if seen.scores is None else _known(float(seen.scores[index])),
        decision=None if seen.decisions is None else int(seen.decisions[index]),
        value=float(seen.values[index]),
        figures={name: _known(float(values[index])) for name, values in seen.figures.items()},
    )


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
