"""The cohort that a shift names: an embedded one, a folder, or a source that another package registers.

A source is an entry point of the group ``radbench.sources``: a function of a path and of ``image_size``, ``split``,
``size`` and ``seed`` that returns a ``radbench.data.cohort.Cohort``; a shift names it as ``cohort: NAME:PATH``.
"""

from collections.abc import Callable
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any, Final

from radbench.data.cohort import Cohort
from radbench.errors import UsageError, did_you_mean
from radbench.specs import LabelsSpec, ShiftSpec

if TYPE_CHECKING:
    from radbench.data.manifest import LabelRule

GROUP: Final = "radbench.sources"
_FOLDER = "folder"


def load_cohort(shift: ShiftSpec, bundle: Any = None) -> Cohort:
    """Return the cohort of a shift.

    Args:
        shift: The shift; a relative ``folder:`` path refers to its YAML file's folder.
        bundle: What will edit (``BundleRef``), for the size of the squares; None for the shift's own bundle.

    Raises:
        UsageError: There is no such cohort, its folder cannot be read, or the embedded cohort has another size.
    """
    source = shift.source
    kind, colon, path = source.cohort.partition(":")
    if colon:
        from radbench.api.bundles import find_bundle
        from radbench.data.folder import open_folder_cohort
        from radbench.diffusion.bundle_card import bundle_size

        size = source.image_size or bundle_size(find_bundle(shift, None) if bundle is None else bundle)
        drawn = {"image_size": size, "split": source.split, "size": source.size, "seed": source.seed}
        if kind != _FOLDER:
            found: Cohort = _source(kind)(shift.resolve(path), **drawn)
            return found
        told = {"labels": _rule(source.labels), "columns": source.columns}
        return open_folder_cohort(shift.resolve(path), **drawn, **told)  # type: ignore[arg-type]
    from radbench.phantom.cohort import build_cohort

    cohort = build_cohort(source.cohort, split=source.split, size=source.size, seed=source.seed)
    if source.image_size not in (None, cohort.pixels):
        raise UsageError(
            f"source.image_size is {source.image_size}, but the drawings of {source.cohort} have {cohort.pixels} "
            "pixels a side; leave image_size out."
        )
    return cohort


def source_names() -> list[str]:
    """Return what may stand before the colon of ``cohort``."""
    return sorted({_FOLDER, *(point.name for point in entry_points(group=GROUP))})


def _source(kind: str) -> Callable[..., Cohort]:
    for point in entry_points(group=GROUP):
        if point.name == kind:
            found: Callable[..., Cohort] = point.load()
            return found
    known = source_names()
    raise UsageError(
        f"There is no source of films '{kind}', expected one of {', '.join(f'{one}:PATH' for one in known)}, or "
        f"phantom/NAME.{did_you_mean(kind, known)}"
    )


def _rule(labels: LabelsSpec | None) -> "LabelRule | None":
    from radbench.data.manifest import LabelRule

    return None if labels is None else LabelRule(labels.uncertain, tuple(str(code) for code in labels.codes))
