"""What was audited, in the result's own words: shift, cohort, test set, where studies went, versions."""

import platform
from collections import Counter
from typing import TYPE_CHECKING, Final

from radbench.harness.arms import Scene
from radbench.harness.films import FilmNotes
from radbench.harness.result import AttritionRow, CohortSummary, ShiftSummary, TestSetSummary
from radbench.models.cache import versions
from radbench.specs import ShiftSpec
from radbench.testsets.records import rule
from radbench.version import __version__

if TYPE_CHECKING:
    from radbench.testsets.testset import TestSet

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
    """Return the declared shift."""
    repeated = set(ShiftSummary.model_fields)
    return ShiftSummary.model_validate(shift.model_dump(mode="json", include=repeated, exclude=_TOLD_APART))


def summarise_cohort(scene: Scene, told: FilmNotes = FilmNotes()) -> CohortSummary:  # noqa: B008 - immutable
    """Return the real test set's size and identity; ``told`` was found when it was read."""
    studies = scene.studies.values()
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
