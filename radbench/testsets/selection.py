"""Who is measured and who is edited, in which order; what each clause removes is counted."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from radbench.data.cohort import Cohort, Study, has_value
from radbench.data.joined import DATASET, SPLIT
from radbench.errors import UsageError, did_you_mean
from radbench.runtime import canonical_json, sha256_bytes
from radbench.specs.scenario import Placebo, Scenario

if TYPE_CHECKING:
    from radbench.specs.shift import ShiftSpec


def knows_target(shift: "ShiftSpec", cohort: Cohort, study: Study) -> bool:
    """Whether a study has the target's label; of a segmentation, its mask.

    A cohort may say with ``has_mask(study, name) -> bool`` which masks a study has; one that does not has them all.
    """
    if shift.task == "segmentation":
        has_mask = getattr(cohort, "has_mask", None)
        return has_mask is None or bool(has_mask(study, shift.target))
    return study.labels.get(shift.target) is not None


def measured_studies(shift: "ShiftSpec", cohort: Cohort) -> list[Study]:
    """Return the studies whose truth is known, in the cohort's order; the others are left out of every arm.

    Raises:
        UsageError: no study has it, so nothing can be measured.
    """
    known = [study for study in cohort.studies if knows_target(shift, cohort, study)]
    if cohort.studies and not known:
        what = "mask" if shift.task == "segmentation" else "label"
        names = sorted({name for study in cohort.studies for name in study.labels})
        listed = "" if what == "mask" else f"; it has {', '.join(names) or 'none'}"
        raise UsageError(
            f"No study of cohort '{cohort.name}' has the {what} '{shift.target}', which shift '{shift.name}' "
            f"measures{listed}.{did_you_mean(shift.target, names)}"
        )
    return known


def is_edited(shift: "ShiftSpec", study: Study) -> bool:
    """Whether a study may be edited: it is of the first cohort, and of ``source.edit_split`` where that is said."""
    source = shift.source
    if source.also and study.attributes.get(DATASET) != source.names[0]:
        return False
    return source.edit_split is None or study.attributes.get(SPLIT) == source.edit_split


def is_real(shift: "ShiftSpec", study: Study) -> bool:
    """Whether a study is of the real set: all but those that are only there to be edited (``source.edit_split``)."""
    return shift.source.edit_split is None or not is_edited(shift, study)


def unknown_target(shift: "ShiftSpec") -> str:
    """Return why a study is left out, as the funnel says it: "without a label of 'pneumothorax'"."""
    return f"without a {'mask' if shift.task == 'segmentation' else 'label'} of '{shift.target}'"


def select(
    scenario: Scenario, cohort: Cohort, known: Sequence[Study] | None = None
) -> tuple[list[Study], dict[str, int]]:
    """The studies that every clause leaves, and how many each clause removes of those before it.

    Args:
        scenario: whose ``select``.
        cohort: whose studies.
        known: those of them that can be measured (``measured_studies``); None for all.

    Raises:
        UsageError: a clause names what no study has, or no study is left.
    """
    left, removed = _matching(cohort, scenario.select, f"Scenario {scenario.name!r}", known)
    if not left:
        clauses = ", ".join(f"{clause} removes {count}" for clause, count in removed.items())
        raise UsageError(
            f"Scenario {scenario.name!r} leaves none of the {len(cohort.studies if known is None else known)} "
            f"studies {'' if known is None else 'that can be measured '}of cohort "
            f"{cohort.name!r}{': ' if clauses else ''}{clauses}; relax its select or take another cohort."
        )
    return left, removed


def select_placebo(
    scenario: Scenario,
    placebo: Placebo,
    cohort: Cohort,
    eligible: Sequence[Study],
    known: Sequence[Study] | None = None,
) -> list[Study]:
    """The studies without the finding, which may be none; never one that the scenario edits.

    Raises:
        UsageError: a clause names what no study has.
    """
    edited = {study.study_id for study in eligible}
    left, _ = _matching(cohort, placebo.select, f"The placebo of scenario {scenario.name!r}", known)
    return [study for study in left if study.study_id not in edited]


def in_order(studies: Sequence[Study], seed: int) -> list[Study]:
    """Shuffle by a hash of seed and id, every patient's first study before any patient's second.

    A study's place does not depend on how many are taken, nor on the cohort's order.
    """
    shuffled = sorted(studies, key=lambda study: sha256_bytes(canonical_json([seed, study.study_id])))
    seen: dict[str, int] = {}
    rank = {}
    for study in shuffled:
        rank[study.study_id] = seen.get(study.patient_id, 0)
        seen[study.patient_id] = rank[study.study_id] + 1
    return sorted(shuffled, key=lambda study: rank[study.study_id])


def _matching(
    cohort: Cohort, clauses: Mapping[str, int | str], who: str, known: Sequence[Study] | None
) -> tuple[list[Study], dict[str, int]]:
    left = list(cohort.studies if known is None else known)
    removed: dict[str, int] = {}
    for name, wanted in clauses.items():
        _check_known(cohort, name, who)
        kept = [study for study in left if has_value(study, name, wanted)]
        removed[f"{name} = {wanted}"] = len(left) - len(kept)
        left = kept
    return left, removed


def _check_known(cohort: Cohort, name: str, who: str) -> None:
    known = {key for study in cohort.studies for key in (*study.labels, *study.attributes)}
    if cohort.studies and name not in known:
        raise UsageError(
            f"{who} selects on {name!r}, which no study of cohort {cohort.name!r} has; "
            f"it has {', '.join(sorted(known)) or 'nothing'}.{did_you_mean(name, known)}"
        )
