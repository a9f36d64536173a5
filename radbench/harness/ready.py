"""What shift, cohort, models and their preflight alone can decide, asked before the first edit is made."""

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from radbench.data.cohort import Cohort
from radbench.errors import UsageError
from radbench.harness.anchors import AnchorSet
from radbench.harness.evidence.subgroups import check_subgroups
from radbench.harness.natural import check_sites
from radbench.harness.predict import Outcome
from radbench.models.base import ModelUnderTest
from radbench.specs import ShiftSpec
from radbench.testsets.selection import measured_studies

if TYPE_CHECKING:
    from radbench.models.base import Finding


def check_ready(
    shift: ShiftSpec,
    cohort: Cohort,
    models: Sequence[ModelUnderTest],
    further: Mapping[str, Sequence[ModelUnderTest]],
) -> None:
    """Refuse what ``run_audit`` would refuse after the long work; no model is started, and no image is read.

    Args:
        shift: what is asked.
        cohort: the real studies.
        models: all that are shown the test set, control models among them.
        further: further training runs by a model's name.

    Raises:
        UsageError: a model of another target or task, two of one name, no study with a label of the target, or a
            column of subgroups that no study has; of a natural shift also cohorts that cannot be compared.
    """
    check_models(shift, models, further)
    if shift.is_natural:
        check_sites(shift, cohort)
    check_subgroups(shift, measured_studies(shift, cohort))


def check_masks(shift: ShiftSpec, cohort: Cohort) -> None:
    """Read the true mask of every study that is measured, so that a damaged one ends no audit after its edits.

    Only a segmentation has them, and masks that are drawn from a recipe cannot be damaged.

    Raises:
        UsageError: a mask that cannot be read, or is of another size than its image.
    """
    if shift.task == "segmentation" and not cohort.truth_known:
        for study in measured_studies(shift, cohort):
            cohort.mask(study, shift.target)


def check_anchor_masks(shift: ShiftSpec, anchors: Sequence[AnchorSet]) -> None:
    """Read the true mask of every anchor, as ``check_masks`` does of the real set; see there."""
    for one in anchors:
        if shift.task == "segmentation" and not one.cohort.truth_known:
            for study in one.own.values():
                one.cohort.mask(study, shift.target)


def check_models(
    shift: ShiftSpec, models: Sequence[ModelUnderTest], further: Mapping[str, Sequence[ModelUnderTest]]
) -> None:
    """Refuse models that answer another question, and two of one name.

    Args:
        shift: what is asked.
        models: all that are shown the test set.
        further: further training runs by a model's name.

    Raises:
        UsageError: such a model, or runs of a model that is not there.
    """
    names = [model.spec.name for model in models]
    unknown = [name for name in further if name not in names]
    twice = [name for name in names if names.count(name) > 1]
    if unknown or twice:
        said = (
            f"checkpoints names '{unknown[0]}', which" if unknown else f"Two models are called '{twice[0]}',"
        )
        wanted = "is none of the models" if unknown else "expected a name for each"
        raise UsageError(f"{said} {wanted}; the models are {', '.join(names)}.")
    for model in [*models, *(run for runs in further.values() for run in runs)]:
        spec = model.spec
        if spec.target != shift.target:
            raise UsageError(
                f"Model '{spec.name}' predicts '{spec.target}', expected '{shift.target}', which "
                f"shift '{shift.name}' measures; choose a model with that target."
            )
        if not spec.answers(shift.task):
            raise UsageError(
                f"Model '{spec.name}' has task '{spec.task}', expected one that answers a {shift.task}, which "
                f"shift '{shift.name}' measures; choose a model with such a task."
            )


def refusals(
    preflight: Mapping[str, Sequence["Finding"]], names: Sequence[str], forced: Collection[str]
) -> dict[str, Outcome]:
    """Return, by name, the models that fail their own contract and are not forced, with the reason in one sentence."""
    found = {}
    for name in names:
        failed = [one for one in preflight.get(name, ()) if one.level == "failure"]
        if failed and name not in forced:
            checks = ", ".join(one.check for one in failed)
            causes = " ".join(
                f"{one.check.capitalize()}: declared {one.declared.strip().rstrip('.')}, observed "
                f"{one.observed.strip().rstrip('.')}.{f' {one.meaning}' if one.meaning else ''}"
                for one in failed
            )
            found[name] = Outcome(
                {},
                f"The preflight found that the model breaks its own contract ({checks}), so it was not audited; mend "
                f"its declaration, or force it. {causes}",
                "refused",
            )
    return found
