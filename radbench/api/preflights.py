"""The preflight: every model against its own declaration, before it is audited, and the images it is made with.

They are of the shift that fits the model, and of known truth where possible.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache, partial
from itertools import chain, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Final

from radbench.api.cohorts import load_cohort
from radbench.api.progress import Progress
from radbench.declared import names_in, shift_path, shifts_dir
from radbench.errors import UsageError
from radbench.models.registry import device_kind
from radbench.runtime import DeviceName, canonical_json, sha256_bytes
from radbench.specs import ModelSpec, ShiftSpec, load_shift

if TYPE_CHECKING:
    from radbench.data.cohort import Cohort, Study
    from radbench.models.base import Finding, ModelUnderTest
    from radbench.models.preflight import Probe, ProbePlan

STUDIES: Final = 48
"""Most images of known class; half as many of each."""

_OUTLINED: Final = 24
_UNKNOWN: Final = 16
_FALLBACK: Final = "manifestation"
"""Its cohort's images are shown to a model that fits no declared shift."""


def preflights(
    models: "Sequence[ModelUnderTest]",
    cohort: "Cohort",
    cache_root: Path,
    device: DeviceName,
    progress: Progress,
) -> "Mapping[str, Sequence[Finding]]":
    """Return what was declared and observed of each model, by its name; from the cache where it is known.

    Args:
        models: The models.
        cohort: Whose images they are shown.
        cache_root: The cache's root.
        device: Where the models run.
        progress: What is told which model is checked.

    Raises:
        UsageError: The cache cannot be written.
    """
    from radbench.models.preflight import cached_preflight

    found, kind = {}, device_kind(device)
    for model in models:
        with progress.doing(f"Checking the model {model.spec.name}"):
            plan = probe_plan(cohort, model.spec)
            found[model.spec.name] = cached_preflight(model, plan, cache_root, device=kind)
    return found


def fitting(spec: ModelSpec) -> "tuple[ShiftSpec, Cohort]":
    """Return the first declared shift, by name, that asks what the model answers, with its cohort.

    If there is none, the phantom's own images are taken: they show at least whether the model answers steadily.
    """
    for shift in _declared():
        if shift.target == spec.target and spec.answers(shift.task):
            with suppress(UsageError):  # a cohort that is not on this machine
                return shift, load_cohort(shift)
    shift = load_shift(shift_path(_FALLBACK))
    return shift, load_cohort(shift)


def _declared() -> Iterator[ShiftSpec]:
    for name in names_in((Path("shifts"), shifts_dir())):
        with suppress(UsageError):  # another shift's mistake is no business of this model
            yield load_shift(shift_path(name))


def probe_plan(cohort: "Cohort", spec: ModelSpec) -> "ProbePlan":
    """Return which of a cohort's images a model is checked with; none is drawn yet.

    At most 48, each of another patient: of both classes alternately where the target's label is known; for a
    segmentation 24 images with the target's mask; otherwise 16 of which nothing is known.

    Args:
        cohort: the studies; their order decides which are taken.
        spec: the declaration, narrowed to one task.
    """
    from radbench.models.preflight import ProbePlan

    segments = spec.task == "segmentation"
    known = () if segments else labelled(_patients(cohort.studies), spec.target)
    studies = known or tuple(_patients(cohort.studies))[: _OUTLINED if segments else _UNKNOWN]
    target = spec.target if known or segments else ""
    key = [cohort.digest, [study.study_id for study in studies], spec.target, segments]
    drawn = cache(partial(draw, cohort, studies, target, segments=segments))
    return ProbePlan(sha256_bytes(canonical_json(key)), drawn)


def labelled(studies: "Sequence[Study]", target: str) -> "tuple[Study, ...]":
    """Return up to 24 studies of each class in turn, without those whose label is not known."""
    half = STUDIES // 2
    classes = [[study for study in studies if study.labels.get(target) == label][:half] for label in (1, 0)]
    return tuple(study for study in chain.from_iterable(zip_longest(*classes)) if study is not None)


def draw(cohort: "Cohort", studies: "Sequence[Study]", target: str, *, segments: bool) -> "Probe":
    """Return the studies' images with the labels or masks of ``target``; without, where it is "" or has no mask."""
    import numpy as np

    from radbench.models.preflight import Probe

    images = [cohort.film(study) for study in studies]
    if not segments:
        labels = np.array([study.labels[target] for study in studies], np.int64) if target else None
        return Probe(images, labels)
    try:
        if len({image.shape for image in images}) > 1:  # masks of several sizes are not compared
            images = [cohort.image(study) for study in studies]
            return Probe(images, masks=np.stack([cohort.mask(study, target) for study in studies]))
        return Probe(images, masks=np.stack([cohort.native_mask(study, target) for study in studies]))
    except UsageError:
        return Probe(images)


def _patients(studies: "Sequence[Study]") -> "list[Study]":
    """Return the first study of every patient."""
    first: dict[str, Study] = {}
    for study in studies:
        first.setdefault(study.patient_id, study)
    return list(first.values())
