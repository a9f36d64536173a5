"""The cohort that a shift names: an embedded one, a dataset, a folder, or a source that another package registers.

A source is an entry point of the group ``radbench.sources``: a function of a path and of ``image_size``, ``split``,
``size`` and ``seed`` that returns a ``radbench.data.cohort.Cohort``; a shift names it as ``cohort: NAME:PATH``.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from radbench.data.cohort import Cohort, Study, has_value
from radbench.data.joined import JoinedCohort, StudiesOf
from radbench.errors import UsageError, did_you_mean
from radbench.specs import CohortSpec, LabelsSpec, ShiftSpec
from radbench.specs.base import repeated
from radbench.specs.scenario import REFERENCE_SIZE

if TYPE_CHECKING:
    from radbench.data.manifest import LabelRule

GROUP: Final = "radbench.sources"
_FOLDER = "folder"


def load_cohort(shift: ShiftSpec, bundle: Any = None) -> Cohort:
    """Return the cohort of a shift, with the cohorts that join it.

    Args:
        shift: The shift; a relative ``folder:`` path refers to its YAML file's folder.
        bundle: What will edit (``BundleRef``), for the size of the squares; None for the shift's own bundle.

    Raises:
        UsageError: There is no such cohort, its folder cannot be read, or the embedded cohort has another size.
    """
    size = square_size(shift, bundle)
    cohorts = [load_part(part, shift.resolve, size) for part in shift.source.parts]
    if len(cohorts) == 1:
        return cohorts[0]
    names = [
        part.cohort.partition(":")[0] if part.is_dataset else cohort.name
        for part, cohort in zip(shift.source.parts, cohorts, strict=True)
    ]
    twice = repeated(names)
    if twice is not None:
        names = [f"{name}-{number}" for number, name in enumerate(names, 1)]
    return JoinedCohort(dict(zip(names, cohorts, strict=True)))


def square_size(shift: ShiftSpec, bundle: Any = None) -> int | None:
    """Return the side of the squares that are edited; None for an embedded cohort's own. See ``load_cohort``."""
    size = shift.source.image_size
    if size is None and not shift.source.is_phantom:
        from radbench.api.bundles import find_bundle
        from radbench.diffusion.bundle_card import bundle_size

        size = bundle_size(find_bundle(shift, None) if bundle is None else bundle)
    return size


def part_names(shift: ShiftSpec, cohort: Cohort) -> list[str]:
    """Return what stands before the ids of each cohort that belongs to the real set; its own name where it is alone."""
    return [*cohort.parts] if isinstance(cohort, JoinedCohort) else [cohort.name for _ in shift.source.parts]


def load_part(part: CohortSpec, resolve: Callable[[str], Path], image_size: int | None = None) -> Cohort:
    """Return one declared cohort.

    Args:
        part: What is declared of it.
        resolve: Where a relative path leads.
        image_size: Side of the squares in pixels; None for an embedded cohort's own, or 512.

    Raises:
        UsageError: There is no such cohort, its folder cannot be read, or the embedded cohort has another size.
    """
    whole = _whole(part, resolve, image_size)
    if not part.set_labels and (not part.select or part.is_dataset):
        return whole
    clauses = {} if part.is_dataset else part.select
    _check_known(whole, clauses)

    def change(study: Study) -> Study | None:
        if not all(has_value(study, name, wanted) for name, wanted in clauses.items()):
            return None
        return replace(study, labels={**study.labels, **part.set_labels}) if part.set_labels else study

    found = StudiesOf(whole, change, [dict(clauses), dict(part.set_labels)])
    if not found.studies:
        told = ", ".join(f"{name} = {wanted}" for name, wanted in clauses.items())
        raise UsageError(
            f"None of the {len(whole.studies)} studies of cohort '{whole.name}' has {told}; relax select."
        )
    return cast("Cohort", found)


def _check_known(cohort: Cohort, clauses: Mapping[str, object]) -> None:
    known = {name for study in cohort.studies for name in (*study.labels, *study.attributes)}
    for name in clauses:
        if name not in known:
            raise UsageError(
                f"select names '{name}', which no study of cohort '{cohort.name}' has; it has "
                f"{', '.join(sorted(known)) or 'nothing'}.{did_you_mean(name, known)}"
            )


def _whole(part: CohortSpec, resolve: Callable[[str], Path], image_size: int | None) -> Cohort:
    kind, colon, path = part.cohort.partition(":")
    if part.is_phantom:
        from radbench.phantom.cohort import build_cohort

        cohort = build_cohort(part.cohort, split=part.split, size=part.size or 1, seed=part.seed)
        if image_size not in (None, cohort.pixels):
            raise UsageError(
                f"source.image_size is {image_size}, but the drawings of {part.cohort} have {cohort.pixels} "
                "pixels a side; leave image_size out."
            )
        return cohort
    side = REFERENCE_SIZE if image_size is None else image_size
    if not colon:
        from radbench.data.sources.cohort import open_dataset

        return open_dataset(part, resolve, side)
    drawn = {"image_size": side, "split": part.split, "size": part.size, "seed": part.seed}
    if kind != _FOLDER:
        found: Cohort = _source(kind)(resolve(path), **drawn)
        return found
    from radbench.data.folder import open_folder_cohort

    told = {"labels": _rule(part.labels), "columns": part.columns}
    return open_folder_cohort(resolve(path), **drawn, **told)  # type: ignore[arg-type]


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
