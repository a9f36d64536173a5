"""The cohort that a shift names: an embedded one, or a folder."""

from typing import TYPE_CHECKING, Any

from radbench.data.cohort import Cohort
from radbench.errors import UsageError
from radbench.specs import LabelsSpec, ShiftSpec

if TYPE_CHECKING:
    from radbench.data.manifest import LabelRule

_FOLDER = "folder:"


def load_cohort(shift: ShiftSpec, bundle: Any = None) -> Cohort:
    """Return the cohort of a shift.

    Args:
        shift: The shift; a relative ``folder:`` path refers to its YAML file's folder.
        bundle: What will edit (``BundleRef``), for the size of the squares; None for the shift's own bundle.

    Raises:
        UsageError: There is no such cohort, its folder cannot be read, or the embedded cohort has another size.
    """
    source = shift.source
    size = source.image_size
    if source.cohort.startswith(_FOLDER):
        from radbench.api.bundles import find_bundle
        from radbench.data.folder import open_folder_cohort
        from radbench.diffusion.bundle_card import bundle_size

        if size is None:
            size = bundle_size(find_bundle(shift, None) if bundle is None else bundle)
        folder = shift.resolve(source.cohort.removeprefix(_FOLDER))
        return open_folder_cohort(
            folder,
            image_size=size,
            split=source.split,
            size=source.size,
            seed=source.seed,
            labels=_rule(source.labels),
            columns=source.columns,
        )
    from radbench.phantom.cohort import build_cohort

    cohort = build_cohort(source.cohort, split=source.split, size=source.size, seed=source.seed)
    if size not in (None, cohort.pixels):
        raise UsageError(
            f"source.image_size is {size}, but the drawings of {source.cohort} have {cohort.pixels} pixels a side; "
            "leave image_size out."
        )
    return cohort


def _rule(labels: LabelsSpec | None) -> "LabelRule | None":
    from radbench.data.manifest import LabelRule

    return None if labels is None else LabelRule(labels.uncertain, tuple(str(code) for code in labels.codes))
