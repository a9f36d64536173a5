"""Whether a table of answers is about this test set at all, told before an audit counts every image as unanswered.

An edited image is known by its pixels: another seed, limit, bundle or kind of device makes other images, and a table
of theirs would silently answer nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from radbench.data.cohort import Cohort
from radbench.errors import UsageError
from radbench.harness.anchors import AnchorSet
from radbench.harness.arms import ArmImages
from radbench.harness.natural import scene_of
from radbench.models.adapters.table import PredictionTable
from radbench.models.base import ModelUnderTest
from radbench.specs import ShiftSpec
from radbench.testsets.testset import TestSet


def refuse_uncovered(
    models: Iterable[ModelUnderTest],
    shift: ShiftSpec,
    cohort: Cohort,
    testset: TestSet,
    anchors: Sequence[AnchorSet] = (),
) -> None:
    """Refuse a table that names not one image of an arm; of other models nothing is asked.

    A table that leaves out some images is fine: those have no answer, and are counted.

    Args:
        models: the models of an audit, of any format.
        shift: its shift.
        cohort: its cohort.
        testset: its test set.
        anchors: its anchors.

    Raises:
        UsageError: such a table, with the arm and how to mend it.
    """
    tables = [model for model in models if isinstance(model, PredictionTable)]
    if tables:
        arms = scene_of(shift, cohort, testset, anchors).arms()
        for table in tables:
            refuse_strange_table(table, arms)


def refuse_foreign(
    models: Iterable[ModelUnderTest], shift: ShiftSpec, cohort: Cohort, anchors: Sequence[AnchorSet] = ()
) -> None:
    """Refuse, before anything is edited, a table that names none of the real images, or of the anchors.

    See ``refuse_uncovered``.

    Raises:
        UsageError: such a table.
    """
    nothing = TestSet(key="not built yet", path=Path(), records=[], attrition={}, provenance={})
    refuse_uncovered(models, shift, cohort, nothing, anchors)


def refuse_strange_table(table: PredictionTable, arms: Mapping[Any, ArmImages]) -> None:
    """Refuse a table that names not one image of an arm; reads an arm's images until it finds one that is named.

    Raises:
        UsageError: there is such an arm.
    """
    for arm, images in arms.items():
        if len(images) and all(table.missing([images.load(number)]) for number in range(len(images))):
            raise UsageError(
                f"Model '{table.spec.name}': {table.spec.source_path} names none of the {len(images)} images of the "
                f"arm '{arm}', so it answers another test set; run with the limit, seed, bundle and device that it was "
                "exported with, or export the test set again and ask the vendor anew."
            )
