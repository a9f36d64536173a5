"""The cohort that a shift names: an embedded one, or a folder."""

from typing import TYPE_CHECKING

from radbench.data.cohort import Cohort
from radbench.specs import LabelsSpec, ShiftSpec

if TYPE_CHECKING:
    from radbench.data.columns import LabelRule

_FOLDER = "folder:"


def load_cohort(shift: ShiftSpec) -> Cohort:
    """Return the cohort of a shift.

    Args:
        shift: The shift; a relative ``folder:`` path refers to its YAML file's folder.

    Raises:
        UsageError: There is no such cohort, or its folder cannot be read.
    """
    source = shift.source
    if source.cohort.startswith(_FOLDER):
        from radbench.data.folder import open_folder_cohort

        folder = shift.resolve(source.cohort.removeprefix(_FOLDER))
        return open_folder_cohort(
            folder,
            split=source.split,
            size=source.size,
            seed=source.seed,
            labels=_rule(source.labels),
            columns=source.columns,
        )
    from radbench.phantom.cohort import build_cohort

    return build_cohort(source.cohort, split=source.split, size=source.size, seed=source.seed)


def _rule(labels: LabelsSpec | None) -> "LabelRule | None":
    from radbench.data.columns import LabelRule

    return None if labels is None else LabelRule(labels.uncertain, tuple(str(code) for code in labels.codes))
