"""How good the edits were, scenario by scenario, against the source and (where it is known) the truth."""

from collections.abc import Iterable, Sequence

import numpy as np

from radbench.harness.arms import Case, Scene
from radbench.harness.result import EditQuality
from radbench.quality.artefacts import contrast_retained, masked_error

MEASURES = (
    "edited_vs_truth",
    "source_vs_truth",
    "keep_vs_truth",
    "keep_vs_source",
    "outside_vs_source",
    "reconstruction_vs_source",
    "keep_contrast",
)
RECORDED = (
    "editing_score",
    "change_edit",
    "change_keep",
    "change_outside",
    "effect_edit",
    "seam",
    "saturation",
)
"""Measures that were taken when the edit was made, and that decided whether it was kept."""


def edit_quality(scene: Scene) -> list[EditQuality]:
    """Return one row a scenario that has usable edits, in the shift's order; see ``EditQuality``."""
    found = []
    for scenario in scene.shift.scenarios:
        cases = [case for case in scene.cases if case.record.scenario == scenario.name]
        if cases:
            measured = [_measure(scene, case) for case in cases]
            means = {name: _mean(row[name] for row in measured) for name in MEASURES}
            means |= {name: _mean(case.record.measures.get(name) for case in cases) for name in RECORDED}
            found.append(EditQuality(scenario=scenario.name, n=len(cases), **means))
    return found


def _measure(scene: Scene, case: Case) -> dict[str, float | None]:
    testset, record = scene.testset, case.record
    source, edited = scene.square(record.study_id), testset.image(record)
    edit, keep = testset.edit_mask(record), testset.keep_mask(record)
    everywhere = np.ones_like(edit)
    # The kept object is compared with how it truly looks after the edit, its surroundings being edited too.
    reference = source if case.truth is None else case.truth
    found: dict[str, float | None] = dict.fromkeys(MEASURES)
    found |= {
        "keep_vs_source": masked_error(edited, source, keep),
        "outside_vs_source": masked_error(edited, source, ~(edit | keep)),
        "reconstruction_vs_source": masked_error(testset.reconstruction(record), source, everywhere),
        "keep_contrast": contrast_retained(reference, edited, keep),
    }
    if case.truth is not None:
        found |= {
            "edited_vs_truth": masked_error(edited, case.truth, edit),
            "source_vs_truth": masked_error(source, case.truth, edit),
            "keep_vs_truth": masked_error(edited, case.truth, keep),
        }
    return found


def _mean(values: Iterable[float | None]) -> float | None:
    known: Sequence[float] = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
