"""A cohort as a part of another one, and several cohorts as one: views that read nothing themselves."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from radbench.data.cohort import Cohort, GrayImage, Mask, Pixels, Study
from radbench.runtime import canonical_json, sha256_bytes

DATASET: Final = "dataset"
"""The attribute that says which of several cohorts a study is from."""
SPLIT: Final = "split"
"""The attribute that says which split of a dataset a study is from."""


class StudiesOf:
    """Some studies of a cohort, each perhaps described otherwise; pixels and masks are the cohort's own.

    Args:
        cohort: the whole cohort.
        change: what becomes of each study; None leaves it out. The id must stay.
        what: says what ``change`` does; part of the digest.
    """

    def __init__(self, cohort: Cohort, change: Callable[[Study], Study | None], what: object) -> None:
        self.whole = cohort
        changed = (change(study) for study in cohort.studies)
        self.studies: Sequence[Study] = tuple(study for study in changed if study is not None)
        self.digest = sha256_bytes(canonical_json([cohort.digest, what]))

    def __getattr__(self, name: str) -> Any:
        """Everything else is the cohort's own: pixels and masks are found by a study's id."""
        return getattr(self.whole, name)


class JoinedCohort:
    """Several cohorts as one. Study and patient ids get the cohort's name before them, for two may use the same.

    Every study has the attribute ``dataset``, the name of its cohort.
    """

    def __init__(self, parts: Mapping[str, Cohort]) -> None:
        self.parts = dict(parts)
        self.name = " + ".join(parts)
        self.truth_known = all(part.truth_known for part in parts.values())
        self.digest = sha256_bytes(canonical_json([[name, part.digest] for name, part in parts.items()]))
        self._home: dict[str, tuple[Cohort, Study]] = {}
        studies = []
        for name, part in parts.items():
            for study in part.studies:
                joined = replace(
                    study,
                    study_id=f"{name}:{study.study_id}",
                    patient_id=f"{name}:{study.patient_id}",
                    attributes={**study.attributes, DATASET: name},
                )
                self._home[joined.study_id] = part, study
                studies.append(joined)
        self.studies: Sequence[Study] = tuple(studies)

    def image(self, study: Study) -> GrayImage:
        """The study's square, ``uint8 [S, S]``."""
        part, own = self._home[study.study_id]
        return part.image(own)

    def mask(self, study: Study, name: str) -> Mask:
        """The named mask of the square; errors as in the study's own cohort."""
        part, own = self._home[study.study_id]
        return part.mask(own, name)

    def film(self, study: Study) -> Pixels:
        """The study's film at its own size and bit depth."""
        part, own = self._home[study.study_id]
        return part.film(own)

    def native_mask(self, study: Study, name: str) -> Mask:
        """The named mask at the film's size."""
        part, own = self._home[study.study_id]
        return part.native_mask(own, name)

    def has_mask(self, study: Study, name: str) -> bool:
        """Whether the study's own cohort has such a mask of it."""
        part, own = self._home[study.study_id]
        has = getattr(part, "has_mask", None)
        return has is None or bool(has(own, name))

    def framing(self, study: Study) -> Any:
        """The way from the film to the square and back."""
        part, own = self._home[study.study_id]
        return part.framing(own)

    def spacing(self, study: Study) -> tuple[float, float] | None:
        """Millimetres a pixel of the film."""
        part, own = self._home[study.study_id]
        return part.spacing(own)

    def counterfactual(
        self, study: Study, labels: Mapping[str, int], attributes: Mapping[str, str] | None = None
    ) -> GrayImage | None:
        """As in the study's own cohort."""
        part, own = self._home[study.study_id]
        return part.counterfactual(own, labels, attributes)
