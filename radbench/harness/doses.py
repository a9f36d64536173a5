"""How a model answers to the editor's strength: one row a scenario, setting and value."""

from collections.abc import Mapping

import numpy as np

from radbench.harness.arms import Case, Scene, Shown
from radbench.harness.measure import Measure, partner_of
from radbench.harness.predict import Seen
from radbench.harness.result import DoseRow
from radbench.testsets.assessments import EFFECT


def dose_rows(scene: Scene, seen: Mapping[Shown, Seen], measure: Measure) -> list[DoseRow]:
    """Return the rows of every setting that the shift lists, its main value among them, by rising value.

    The main value's row holds the stress edits of the studies that were edited at another value of the setting.
    """
    if "dose" not in seen:
        return []
    images = seen["dose"].images
    marks = list(dict.fromkeys(zip(images.scenarios, images.doses, strict=True)))
    rows = [_row(scene, scenario, dose, _only(seen["dose"], scenario, dose), seen, measure)
            for scenario, dose in marks]  # fmt: skip
    for scenario, factor in dict.fromkeys((row.scenario, row.factor) for row in rows):
        main = _main_row(scene, scenario, factor, seen, measure)
        if main is not None:
            rows.append(main)
    order = {scenario: place for place, scenario in enumerate(scene.scenarios)}
    return sorted(rows, key=lambda row: (order[row.scenario], row.factor, row.value))


def split(dose: str) -> tuple[str, float]:
    """Return setting and value of a dose such as "guidance_scale=5"."""
    factor, _, value = dose.partition("=")
    return factor, float(value)


def _row(
    scene: Scene, scenario: str, dose: str, some: Seen, seen: Mapping[Shown, Seen], measure: Measure
) -> DoseRow:
    factor, value = split(dose)
    cases = [case for case in scene.doses if (case.record.scenario, case.record.dose) == (scenario, dose)]
    return DoseRow(
        scenario=scenario,
        factor=factor,
        value=value,
        n=len(some.images),
        primary=measure.value(some),
        score_change=measure.score_change(partner_of(seen["real"], some), some),
        change_edit=_change(cases),
    )


def _main_row(
    scene: Scene, scenario: str, factor: str, seen: Mapping[Shown, Seen], measure: Measure
) -> DoseRow | None:
    if "stress" not in seen:
        return None
    dosed = {
        case.record.study_id
        for case in scene.doses
        if case.record.scenario == scenario and split(case.record.dose)[0] == factor
    }
    stress = seen["stress"]
    keys = zip(stress.images.study_ids, stress.images.scenarios, strict=True)
    some = stress.take(np.flatnonzero([study in dosed and name == scenario for study, name in keys]))
    if not len(some.images):
        return None
    cases = [
        case for case in scene.cases if case.record.scenario == scenario and case.record.study_id in dosed
    ]
    editor = scene.shift.editor_of(scene.scenarios[scenario]).main
    return DoseRow(
        scenario=scenario,
        factor=factor,
        value=float(editor.model_dump()[factor]),
        main=True,
        n=len(some.images),
        primary=measure.value(some),
        score_change=measure.score_change(partner_of(seen["real"], some), some),
        change_edit=_change(cases),
    )


def _only(seen: Seen, scenario: str, dose: str) -> Seen:
    keys = zip(seen.images.scenarios, seen.images.doses, strict=True)
    return seen.take(np.flatnonzero([key == (scenario, dose) for key in keys]))


def _change(cases: list[Case]) -> float | None:
    known = [case.record.measures[EFFECT] for case in cases if EFFECT in case.record.measures]
    return float(np.mean(known)) if known else None
