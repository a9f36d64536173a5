"""What was audited, in the result's own words: shift, cohort, test set, where studies went, versions."""

import platform
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from radbench.data.cohort import Cohort
from radbench.harness.arms import Scene
from radbench.harness.films import NAMED, FilmNotes
from radbench.harness.natural import Sites
from radbench.harness.result import AttritionRow, CohortSummary, ShiftSummary, TestSetSummary
from radbench.models.cache import versions
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs import ShiftSpec
from radbench.testsets.records import rule
from radbench.version import __version__

if TYPE_CHECKING:
    from radbench.testsets.testset import TestSet

OF_EDITS = {"bundle", "editor", "scenarios", "filter", "controls"}
"""Of a shift: what a natural one does not have."""
PACKAGES = (
    "torch",
    "diffusers",
    "transformers",
    "timm",
    "segmentation-models-pytorch",
    "torchmetrics",
    "monai",
    "numpy",
    "scipy",
)


_TOLD_APART: Final = {"scenarios": {"__all__": {"anchor"}}}
"""Anchors have a summary of their own, without the place where their films lie."""


def tool_versions() -> dict[str, str]:
    """Return the versions of radbench, Python and the packages that decide a figure."""
    return {"radbench": __version__, "python": platform.python_version()} | versions(PACKAGES)


def summarise_shift(shift: ShiftSpec) -> ShiftSummary:
    """Return the declared shift; of a natural one its cohorts, and nothing about edits."""
    repeated = set(ShiftSummary.model_fields)
    if shift.is_natural:
        told = shift.model_dump(mode="json", include=repeated - OF_EDITS, exclude_none=True)
        told |= {name: _declared(told[name]) for name in ("source", "against")}
        return ShiftSummary.model_validate(told | {"bundle": "", "editor": {}, "scenarios": []})
    repeated -= {"source"}
    return ShiftSummary.model_validate(shift.model_dump(mode="json", include=repeated, exclude=_TOLD_APART))


def _declared(cohort: dict[str, Any]) -> dict[str, Any]:
    """Return what was declared of a cohort, without where it lies on this machine."""
    kind, colon, path = cohort["cohort"].partition(":")
    told = {name: value for name, value in cohort.items() if value not in ({}, []) and name != "root"}
    return told | {"cohort": f"{kind}{colon}{Path(path).name}", **_several(told)}


def _several(told: dict[str, Any]) -> dict[str, Any]:
    return {"also": [_declared(part) for part in told["also"]]} if "also" in told else {}


def summarise_sides(scene: Sites, told: FilmNotes) -> tuple[CohortSummary, CohortSummary]:
    """Return cohort A and cohort B; what is odd about films, and in both cohorts, stands with cohort A."""
    parts = scene.parts
    first, second = (
        CohortSummary(
            name=parts[side].name,
            digest=parts[side].digest,
            truth_known=False,
            studies=len(studies),
            patients=len({scene.patient(study) for study in studies}),
            positives=None if scene.segments else sum(scene.label(study) for study in studies),
            unlabelled=len(parts[side].studies) - len(studies),
        )
        for side, studies in scene.sides.items()
    )
    twins = list(scene.clusters.warnings)
    if len(twins) > NAMED:  # one archive may be in the other
        more = len(twins) - NAMED
        twins[NAMED:] = [
            f"{more} more film{'s stand' if more > 1 else ' stands'} in several studies likewise."
        ]
    warnings = [*scene.notes, *told.warnings, *twins]
    return first.model_copy(update={"warnings": warnings, "films": list(told.done)}), second


def summarise_cohort(scene: Scene, told: FilmNotes = FilmNotes()) -> CohortSummary:  # noqa: B008 - immutable
    """Return the real test set's size and identity; ``told`` was found when it was read."""
    studies = scene.real_studies
    return CohortSummary(
        name=scene.cohort.name,
        digest=scene.cohort.digest,
        truth_known=scene.cohort.truth_known,
        studies=len(studies),
        patients=len({scene.patient(study) for study in studies}),
        positives=None if scene.segments else sum(scene.label(study) for study in studies),
        unlabelled=scene.unlabelled,
        warnings=[*told.warnings, *scene.clusters.warnings],
        films=list(told.done),
    )


def nothing_edited(shift: ShiftSpec, cohort: Cohort) -> "TestSet":
    """Return the empty test set of a natural shift; its key says which films are compared, and how."""
    from radbench.testsets.testset import TestSet

    key = sha256_bytes(canonical_json(["natural", cohort.digest, shift.target, list(shift.reweight)]))
    return TestSet(key=key, path=Path(), records=[], attrition={}, provenance={})


def summarise_testset(testset: "TestSet") -> TestSetSummary:
    """Return the synthetic test set's size and identity, and where everything else went."""
    stress = [record for record in testset.records if record.arm == "stress"]
    status = Counter(record.status for record in stress)
    return TestSetSummary(
        key=testset.key,
        records=len(stress),
        ok=status["ok"],
        rejected=status["rejected"],
        failed=status["failed"],
        attrition=dict(testset.attrition),
        provenance=dict(testset.provenance),
        arms=dict(Counter(record.arm for record in testset.records)),
    )


def attrition_rows(scene: Scene) -> list[AttritionRow]:
    """Return one row a scenario, in the shift's order; stress edits only, for the controls follow them."""
    rows = []
    for name in scene.scenarios:
        stress = [one for one in scene.testset.records if (one.arm, one.scenario) == ("stress", name)]
        status = Counter(record.status for record in stress)
        reasons = Counter(rule(record.reason) for record in stress if record.status == "rejected")
        rows.append(
            AttritionRow(
                scenario=name,
                eligible=scene.testset.attrition_by_scenario.get(name, {}).get("eligible"),
                edited=len(stress),
                rejected=dict(sorted(reasons.items())),
                failed=status["failed"],
                kept=status["ok"],
            )
        )
    return rows
