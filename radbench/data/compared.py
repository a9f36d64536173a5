"""Two cohorts that are compared, as one: a view that reads nothing itself and knows which study is of which."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from radbench.data.cohort import Cohort, Study
from radbench.data.joined import JoinedCohort
from radbench.runtime import canonical_json, sha256_bytes

Side: TypeAlias = Literal["A", "B"]


class ComparedCohorts(JoinedCohort):
    """Cohort A, the reference, and cohort B, which is held against it.

    Study ids get ``A:`` or ``B:`` before them. So do patient ids, unless ``prefixes`` say that both cohorts name their
    patients alike: then a patient of both is one patient.

    Args:
        reference: cohort A.
        against: cohort B.
        prefixes: what stands before the patient ids of A and of B.
    """

    def __init__(self, reference: Cohort, against: Cohort, prefixes: Sequence[str] = ("A:", "B:")) -> None:
        self.parts = {"A": reference, "B": against}
        self.name = f"{reference.name} and {against.name}"
        self.truth_known = False  # nothing is edited, so there is no counterfactual to know
        self.digest = sha256_bytes(canonical_json([reference.digest, against.digest, list(prefixes)]))
        self._home = {}
        studies = []
        for (side, part), prefix in zip(self.parts.items(), prefixes, strict=True):
            for study in part.studies:
                patient = f"{prefix}{study.patient_id}"
                joined = replace(study, study_id=f"{side}:{study.study_id}", patient_id=patient)
                self._home[joined.study_id] = part, study
                studies.append(joined)
        self.studies = tuple(studies)


def side_of(study: Study) -> Side:
    """Return whether a study of ``ComparedCohorts`` is of cohort A or B."""
    return "A" if study.study_id.startswith("A:") else "B"
