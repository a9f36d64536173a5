"""The cohort that a shift names: an embedded one, a dataset, a folder, or a source that another package registers.

A source is an entry point of the group ``radbench.sources``: a function of a path and of ``image_size``, ``split``,
``size`` and ``seed`` that returns a ``radbench.data.cohort.Cohort``; a shift names it as ``cohort: NAME:PATH``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from radbench.data.cohort import Cohort, Study, has_value
from radbench.data.compared import ComparedCohorts
from radbench.data.joined import JoinedCohort, StudiesOf
from radbench.errors import UsageError, did_you_mean
from radbench.specs import CohortSpec, LabelsSpec, ShiftSpec
from radbench.specs.scenario import REFERENCE_SIZE
from radbench.specs.source import PHANTOM

if TYPE_CHECKING:
    from radbench.data.manifest import LabelRule

GROUP: Final = "radbench.sources"
_FOLDER = "folder"


def load_cohort(shift: ShiftSpec, bundle: Any = None) -> Cohort:
    """Return the cohort of a shift, with the cohorts that join it; of a natural shift both that are compared.

    Args:
        shift: The shift; a relative ``folder:`` path refers to its YAML file's folder.
        bundle: What will edit (``BundleRef``), for the size of the squares; None for the shift's own bundle.

    Raises:
        UsageError: There is no such cohort, its folder cannot be read, or the embedded cohort has another size.
    """
    source = shift.source
    size = square_size(shift, bundle)
    further = () if source.edit_split is None else (source.edit_split,)
    first = load_part(source, shift.resolve, size, further=further)
    others = [load_part(part, shift.resolve, size) for part in source.also]
    everyone = [*source.parts, *([] if shift.against is None else [shift.against])]
    _tell(first, shared_films([part.cohort for part in everyone if part.is_dataset]))
    whole = JoinedCohort(dict(zip(source.names, (first, *others), strict=True))) if others else first
    if shift.against is None:
        return whole
    against = load_part(shift.against, shift.resolve, size)
    names = source.names if others else (first.name,)
    return cast("Cohort", ComparedCohorts(whole, against, _prefixes(shift, shift.against, names)))


def shared_films(datasets: Sequence[str]) -> list[str]:
    """Return a sentence for every two datasets of one run that hold some of the same films or patients."""
    from radbench.data.sources import get_source

    pairs = {tuple(sorted((name, other))) for name in set(datasets) for other in get_source(name).overlaps}
    return [
        f"{one} and {other} hold some of the same films or patients: what is measured on both is not independent."
        for one, other in sorted(pairs)
        if one in datasets and other in datasets
    ]


def _prefixes(shift: ShiftSpec, against: CohortSpec, names: Sequence[str]) -> tuple[str, str]:
    """Return what is put before the patients of the cohorts that are compared; equal where they name them alike.

    Args:
        shift: A natural shift.
        against: Its cohort B.
        names: Of the parts of its source; several stand before the patients of theirs already.
    """
    several, people = len(names) > 1, _whose_patients(against, shift.resolve)
    for part, name in zip(shift.source.parts, names, strict=True):
        if _whose_patients(part, shift.resolve) == people:
            return ("", f"{name}:") if several else ("", "")
    return ("", "B:") if several else ("A:", "B:")


def _whose_patients(part: CohortSpec, resolve: Callable[[str], Path]) -> str:
    """Return what decides who a patient id is: all drawn cohorts draw the same people."""
    if part.is_phantom:
        return PHANTOM
    kind, colon, path = part.cohort.partition(":")
    return f"{kind}:{resolve(path).resolve()}" if colon else part.cohort


def square_size(shift: ShiftSpec, bundle: Any = None) -> int | None:
    """Return the side of the squares that are edited; None for an embedded cohort's own. See ``load_cohort``."""
    size = shift.source.image_size
    if size is None and not shift.source.is_phantom and not shift.is_natural:
        from radbench.api.bundles import find_bundle
        from radbench.diffusion.bundle_card import bundle_size

        size = bundle_size(find_bundle(shift, None) if bundle is None else bundle)
    return size


def part_names(shift: ShiftSpec, cohort: Cohort) -> list[str]:
    """Return what stands before the ids of each cohort that belongs to the real set; its own name where it is alone."""
    return [*cohort.parts] if isinstance(cohort, JoinedCohort) else [cohort.name for _ in shift.source.parts]


def _tell(cohort: Cohort, sentences: Sequence[str]) -> None:
    """Add sentences to those that a report says of a folder's or dataset's films."""
    whole = getattr(cohort, "whole", cohort)
    if sentences and hasattr(whole, "notes"):
        whole.notes = (*whole.notes, *sentences)


def load_part(
    part: CohortSpec,
    resolve: Callable[[str], Path],
    image_size: int | None = None,
    *,
    further: Sequence[str] = (),
) -> Cohort:
    """Return one declared cohort.

    Args:
        part: What is declared of it.
        resolve: Where a relative path leads.
        image_size: Side of the squares in pixels; None for an embedded cohort's own, or 512.
        further: Of a dataset: splits that are taken beside the declared one.

    Raises:
        UsageError: There is no such cohort, its folder cannot be read, or the embedded cohort has another size.
    """
    whole = _whole(part, resolve, image_size, further)
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


def _whole(
    part: CohortSpec, resolve: Callable[[str], Path], image_size: int | None, further: Sequence[str]
) -> Cohort:
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

        return open_dataset(part, resolve, side, further=further)
    drawn = {"image_size": side, "split": part.split, "size": part.size, "seed": part.seed}
    if kind != _FOLDER:
        found: Cohort = _source(kind)(resolve(path), **drawn)
        return found
    from radbench.data.folder import open_folder_cohort

    told = {"labels": _rule(part.labels), "columns": part.columns}
    return open_folder_cohort(resolve(path), **drawn, **told)  # type: ignore[arg-type]


def require_data(shift: ShiftSpec) -> None:
    """Refuse a shift whose datasets are not on this machine, before anything else is asked of the user.

    Raises:
        UsageError: Every dataset that is missing, with what to download from where, and how to say where it is.
    """
    from radbench.data.sources import get_source
    from radbench.data.sources.roots import root_of, variable

    lacking: dict[str, str] = {}
    anchors = [scenario.anchor for scenario in shift.scenarios if scenario.anchor and scenario.anchor.cohort]
    for part in [*shift.source.parts, *([] if shift.against is None else [shift.against]), *anchors]:
        for name in [part.cohort, *part.masks_from] if part.is_dataset else []:
            source = get_source(name)
            declared = shift.resolve(part.root) if part.root is not None and name == part.cohort else None
            if root_of(name, declared) is None:
                download = "; ".join(source.download)
                lacking[name] = f"{name} ({source.title}) from {source.url}, {source.licence}: {download}"
    if lacking:
        commands = " and ".join(f"'radbench data add {name} PATH'" for name in lacking)
        variables = ", ".join(variable(name) for name in lacking)
        raise UsageError(
            f"The shift '{shift.name}' needs what is not known to be on this machine. {'. '.join(lacking.values())}. "
            f"Then run {commands} (or set {variables})."
        )


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
