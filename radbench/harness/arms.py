"""The sets of images that a model is shown: real, resized, reconstructed, sham, edited, truly rendered, anchors, doses.

With ``composite: native`` every arm shows films: the original as it was stored, and the same film with what the editor
changed put back into it. With ``composite: square`` every arm shows the editor's squares.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from radbench.data.cohort import Cohort, GrayImage, Mask, Pixels, Study
from radbench.errors import UsageError
from radbench.harness.anchors import AnchorSet, anchor_arm, anchor_film
from radbench.harness.films import Clusters, Spacing, all_known, find_clusters, spacing_of
from radbench.harness.result import ALL_SCENARIOS, Arm
from radbench.metrics.standard import Weighting
from radbench.specs import Scenario, ShiftSpec
from radbench.testsets.selection import is_real, measured_studies

if TYPE_CHECKING:
    from radbench.testsets.records import Record
    from radbench.testsets.testset import TestSet

Shown: TypeAlias = Arm | Literal["dose", "original"]
"""What a model is shown: the arms of the result, other strengths of the editor, and, where another split than the real
set is edited, the originals of the edited films."""


@dataclass(frozen=True)
class ArmImages:
    """One arm, before any model has seen it.

    Attributes:
        arm: which.
        study_ids: [N].
        patient_ids: [N], patients who share a film being one (``films.find_clusters``).
        scenarios: [N], "all" in the real arm.
        doses: [N], such as "guidance_scale=5"; "" outside the arm "dose".
        labels: int64 [N], the target's label in this arm, 0 or 1; None for a segmentation.
        load: image number -> uint8 or uint16 [H, W].
        mask: image number -> bool [H, W], the true mask; None for a classification.
        spacing: image number -> millimetres from row to row and from column to column of ``mask``; None unless it
            is known of every film of the cohort that is measured.
        weighting: the strata of the images, where they are brought to another set's case mix or are that other set.
    """

    arm: Shown
    study_ids: tuple[str, ...]
    patient_ids: tuple[str, ...]
    scenarios: tuple[str, ...]
    doses: tuple[str, ...]
    labels: NDArray[np.int64] | None
    load: Callable[[int], Pixels]
    mask: Callable[[int], Mask] | None = None
    spacing: Callable[[int], Spacing] | None = None
    weighting: Weighting | None = None

    def __len__(self) -> int:
        return len(self.study_ids)

    @property
    def truths(self) -> NDArray[np.int64]:
        """The labels, int64 [N], of a classification."""
        if self.labels is None:
            raise ValueError("A segmentation has masks and no labels.")
        return self.labels

    def take(self, numbers: Sequence[int]) -> "ArmImages":
        """Return only the images numbered ``numbers``, in that order."""

        def pick(values: Sequence[str]) -> tuple[str, ...]:
            return tuple(values[number] for number in numbers)

        load, mask, spacing = self.load, self.mask, self.spacing
        weighting = None if self.weighting is None else self.weighting.take(numbers)
        return replace(
            self,
            study_ids=pick(self.study_ids),
            patient_ids=pick(self.patient_ids),
            scenarios=pick(self.scenarios),
            doses=pick(self.doses),
            labels=None if self.labels is None else self.labels[np.asarray(numbers, np.int64)],
            load=lambda index: load(numbers[index]),
            mask=None if mask is None else lambda index: mask(numbers[index]),
            spacing=None if spacing is None else lambda index: spacing(numbers[index]),
            weighting=weighting,
        )


@dataclass(frozen=True)
class Case:
    """One usable edit with the study it came from and, where it is known, its true counterfactual."""

    record: "Record"
    study: Study
    truth: GrayImage | None = None


class Scene:
    """A shift's cohort and test set, joined study by study.

    Images and masks of the cohort are kept while they are likely to be wanted again (drawing one may be slow).

    Attributes:
        studies: the studies whose truth is known, by their id; the others are in no arm.
        real_studies: those of them that are the real set; the others are there to be edited.
        unlabelled: how many have no label (of a segmentation, no mask) of the target.
        clusters: who counts as one patient; ``patient_ids`` of every arm are of these.
        cases: the usable stress edits.
        shams: the usable sham edits.
        placebos: the usable edits of studies without the finding; no model sees them.
        anchors: the real films that show a scenario's shift already, one set a scenario that has some.
        doses: the usable edits at other strengths.

    Raises:
        UsageError: a record of a study that the cohort does not have, or that has no label of the target.
    """

    def __init__(
        self, shift: ShiftSpec, cohort: Cohort, testset: "TestSet", anchors: Sequence[AnchorSet] = ()
    ) -> None:
        self.shift = shift
        self.anchors = tuple(anchors)
        self.cohort = cohort
        self.testset = testset
        self.scenarios: Mapping[str, Scenario] = {scenario.name: scenario for scenario in shift.scenarios}
        known = measured_studies(shift, cohort)
        self.studies: Mapping[str, Study] = {study.study_id: study for study in known}
        self.real_studies = [study for study in known if is_real(shift, study)]
        self.unlabelled = len(cohort.studies) - len(known)
        self.native = shift.composite == "native"
        kept = 512 if not self._is_framed() else 4  # squares are small, films may have ten million pixels
        self.source = lru_cache(maxsize=kept)(self._source)
        self.outline = lru_cache(maxsize=kept)(self._outline)
        self.square: Callable[[str], GrayImage] = lru_cache(maxsize=512)(
            lambda study_id: self.cohort.image(self.studies[study_id])
        )
        self.cases = [Case(record, study, self._truth(record, study)) for record, study in self._of("stress")]
        self.shams = [Case(record, study) for record, study in self._of("sham")]
        self.placebos = [Case(record, study) for record, study in self._of("placebo")]
        self.doses = [Case(record, study) for record, study in self._of("dose")]

    def _is_framed(self) -> bool:
        """Whether the cohort's films are larger (or other) than the squares, judged by its first study."""
        first = next(iter(self.studies.values()), None)
        return self.native and first is not None and self.cohort.framing(first) is not None

    @cached_property
    def clusters(self) -> Clusters:
        """Who counts as one patient; reads every real film once."""
        target = None if self.segments else self.shift.target
        further = {
            study.study_id: (anchors, study)
            for anchors in self.anchors
            for study in anchors.studies
            if study.study_id not in self.studies
        }

        def film(study: Study) -> Pixels:
            if study.study_id in self.studies:
                return self.source(study.study_id)
            return anchor_film(further[study.study_id][0], study.study_id, native=self.native)

        everyone = [*self.studies.values(), *(study for _, study in further.values())]
        return find_clusters(everyone, film, target)

    def patient(self, study: Study) -> str:
        """Return what a study's patient counts as in every interval."""
        return self.clusters.of[study.patient_id]

    @property
    def segments(self) -> bool:
        """Whether the models draw masks."""
        return self.shift.task == "segmentation"

    def label(self, study: Study) -> int:
        """Return the study's real label of the target."""
        if self.shift.target not in study.labels:
            raise UsageError(
                f"Study '{study.study_id}' of cohort '{self.cohort.name}' has no label "
                f"'{self.shift.target}', which shift '{self.shift.name}' measures; it has "
                f"{', '.join(sorted(study.labels)) or 'none'}."
            )
        return int(study.labels[self.shift.target])

    def label_after(self, case: Case) -> int:
        """Return the target's label after the edit: as declared, or the real one if it is unchanged."""
        return int(case.record.labels_after.get(self.shift.target, self.label(case.study)))

    def arms(self) -> dict[Shown, ArmImages]:
        """Return the arms that can be shown; those of edited studies only if there are any."""
        edited, rebuilt = self.edited, self.rebuilt
        cases, shams, doses = self.cases, self.shams, self.doses
        framed = [case for case in cases if self.native and self.cohort.framing(case.study) is not None]
        known = [(case, case.truth) for case in cases if case.truth is not None]
        found = [
            self.unedited("real", self.real_studies),
            self.unedited("original", self._originals()),
            self._edited("geometry", framed, lambda index: self.resized(framed[index].study)),
            self._edited("reconstruction", cases, lambda index: rebuilt(cases[index].record)),
            self._edited("sham", shams, lambda index: edited(shams[index].record)),
            self._edited("stress", cases, lambda index: edited(cases[index].record)),
            self._edited("truth", [case for case, _ in known], lambda index: known[index][1]),
            anchor_arm(self),
            self._edited("dose", doses, lambda index: edited(doses[index].record)),
        ]
        return {images.arm: images for images in found if images.arm == "real" or len(images)}

    def _originals(self) -> list[Study]:
        """Return the edited studies that are not of the real set, each once."""
        real = {study.study_id for study in self.real_studies}
        edited = [*self.cases, *self.shams, *self.doses]
        return list(
            {case.study.study_id: case.study for case in edited if case.study.study_id not in real}.values()
        )

    def unedited(self, arm: Shown, studies: Sequence[Study]) -> ArmImages:
        """Return studies as they are, as the arm of that name."""
        n = len(studies)
        labels = (self.label(study) for study in studies)
        return self._arm(
            arm,
            studies,
            (ALL_SCENARIOS,) * n,
            ("",) * n,
            labels,
            lambda index: self.source(studies[index].study_id),
        )

    def _edited(self, arm: Shown, cases: Sequence[Case], load: Callable[[int], Pixels]) -> ArmImages:
        unchanged = arm in {"geometry", "reconstruction", "sham"}
        labels = (self.label(case.study) if unchanged else self.label_after(case) for case in cases)
        scenarios = tuple(case.record.scenario for case in cases)
        doses = tuple(case.record.dose for case in cases)
        return self._arm(arm, [case.study for case in cases], scenarios, doses, labels, load)

    def _arm(
        self,
        arm: Shown,
        studies: Sequence[Study],
        scenarios: tuple[str, ...],
        doses: tuple[str, ...],
        labels: Iterable[int],
        load: Callable[[int], Pixels],
    ) -> ArmImages:
        """Return an arm; ``labels`` are asked for in a classification only.

        The true masks are the real ones: an edit leaves the target's outline where it was (Section 5.4).
        """

        def spacing(index: int) -> Spacing:
            study = studies[index]
            height, width = self.outline(study.study_id).shape
            found = spacing_of(self.cohort, study, (height, width))
            if found is None:
                raise ValueError(f"The spacing of study {study.study_id} was known and is not any more.")
            return found

        return ArmImages(
            arm=arm,
            study_ids=tuple(study.study_id for study in studies),
            patient_ids=tuple(self.patient(study) for study in studies),
            scenarios=scenarios,
            doses=doses,
            labels=None if self.segments else np.array(list(labels), np.int64),
            load=load,
            mask=(lambda index: self.outline(studies[index].study_id)) if self.segments else None,
            spacing=spacing if self.millimetres else None,
        )

    def edited(self, record: "Record") -> Pixels:
        """Return what a model sees of an edit: the film with the edit in it, or the edited square."""
        return self._put_back(record, self.testset.image(record))

    def rebuilt(self, record: "Record") -> Pixels:
        """Return the same of the autoencoder alone, in the place where the edit acted."""
        return self._put_back(record, self.testset.reconstruction(record))

    def resized(self, study: Study) -> Pixels:
        """Return the film through the square and back, without autoencoder or edit: what the resizing alone does."""
        film, framing = self.cohort.film(study), self.cohort.framing(study)
        return film if framing is None else framing.undo(framing.square(film), film)

    def _put_back(self, record: "Record", square: GrayImage) -> Pixels:
        if not self.native:
            return square
        from radbench.testsets.composite import put_back

        return put_back(self.cohort, self.testset, self.studies[record.study_id], record, square)

    def _source(self, study_id: str) -> Pixels:
        study = self.studies[study_id]
        return self.cohort.film(study) if self.native else self.cohort.image(study)

    @cached_property
    def millimetres(self) -> bool:
        """Whether distances are also given in millimetres."""
        known = self.segments and all_known(self.cohort, list(self.studies.values()))
        return known and all(all_known(one.cohort, list(one.own.values())) for one in self.anchors)

    def _outline(self, study_id: str) -> Mask:
        study, target = self.studies[study_id], self.shift.target
        return self.cohort.native_mask(study, target) if self.native else self.cohort.mask(study, target)

    def _of(self, arm: str) -> list[tuple["Record", Study]]:
        usable = [record for record in self.testset.records if (record.arm, record.status) == (arm, "ok")]
        for record in usable:
            if record.study_id not in self.studies:
                raise UsageError(
                    f"The test set {self.testset.key[:12]} edits study '{record.study_id}', which cohort "
                    f"'{self.cohort.name}' does not have, or not with a label or mask of '{self.shift.target}'; build "
                    f"it from this cohort."
                )
        return [(record, self.studies[record.study_id]) for record in usable]

    def _truth(self, record: "Record", study: Study) -> GrayImage | None:
        if not self.cohort.truth_known:
            return None
        return self.cohort.counterfactual(study, record.labels_after, record.attributes_after)
