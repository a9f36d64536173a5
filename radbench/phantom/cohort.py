"""Embedded cohorts: seeded phantom patients with labels, attributes, masks, reports and true counterfactuals."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from radbench.data.cohort import GrayImage, Mask, SquareFilms, Study, unknown_mask
from radbench.errors import UsageError, did_you_mean
from radbench.phantom.canvas import Stream
from radbench.phantom.findings import FINDING_NAMES, Finding
from radbench.phantom.prompts import report
from radbench.phantom.recipes import Draw, recipe
from radbench.phantom.render import PHANTOM_VERSION, Hospital, Radiograph, render

SPLITS = {"train": 0, "val": 1, "test": 2}
"""Splits by name; patients of different splits never share a seed."""

_SPLIT_STRIDE, _SEED_STRIDE = 1_000_000, 10_000_000
_DRAW_STREAM, _REPORT_STREAM, _PERSON_STREAM = 101, 102, 103
_ONE_SIDED = ("pneumothorax", "drain", "consolidation")
_CHANGEABLE = {"side": ("left", "right"), "hospital": ("A", "B")}


class PhantomCohort(SquareFilms):
    """A cohort of phantom patients, rendered on demand.

    Studies have the attributes ``hospital``, ``side`` and ``severity`` of what is drawn, and ``sex`` ("F", "M"),
    ``age_band`` ("18-39", "40-64", "65+") and ``view`` ("PA", "AP"), which are drawn from a stream of their own and
    change no pixel, label or report: a difference between such subgroups is chance.

    Args:
        recipe_name: which embedded cohort, e.g. ``manifestation``.
        split: ``train``, ``val`` or ``test``; patients are disjoint.
        size: number of studies, one a patient.
        seed: another seed gives other patients.
        pixels: side of the images.
    """

    truth_known = True

    def __init__(self, recipe_name: str, split: str, size: int, seed: int = 0, pixels: int = 128) -> None:
        if split not in SPLITS:
            raise UsageError(
                f"Unknown split '{split}' of phantom/{recipe_name}; expected one of {', '.join(SPLITS)}."
                + did_you_mean(split, SPLITS)
            )
        if not 0 < size <= _SPLIT_STRIDE:
            raise UsageError(
                f"The size of phantom/{recipe_name} is {size}; expected 1 to {_SPLIT_STRIDE} studies."
            )
        self._draw = recipe(recipe_name)
        self._first = seed * _SEED_STRIDE + SPLITS[split] * _SPLIT_STRIDE
        self.name, self.split, self.size = f"phantom/{recipe_name}", split, size
        self.seed, self.pixels = seed, pixels
        self._render = lru_cache(maxsize=8)(self._render_study)

    @property
    def digest(self) -> str:
        """SHA-256 of the recipe that draws this cohort."""
        text = f"{self.name}|{self.split}|{self.size}|{self.seed}|{self.pixels}|{PHANTOM_VERSION}"
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def studies(self) -> Sequence[Study]:
        """The studies in order of their patients' seeds."""
        return tuple(self._study(self._first + index) for index in range(self.size))

    def image(self, study: Study) -> GrayImage:
        """The study's pixels, uint8 [pixels, pixels]."""
        return self._render(int(study.patient_id)).image

    def mask(self, study: Study, name: str) -> Mask:
        """The named mask, bool [pixels, pixels].

        Raises:
            UsageError: this study has no such mask.
        """
        masks = self._render(int(study.patient_id)).masks
        if name not in masks:
            raise unknown_mask(self.name, study.study_id, name, sorted(masks))
        return masks[name]

    def counterfactual(
        self, study: Study, labels: Mapping[str, int], attributes: Mapping[str, str] | None = None
    ) -> GrayImage:
        """Render the same patient with findings added (1) or removed (0); all else is pixel for pixel the same.

        Args:
            study: the patient.
            labels: the findings to change.
            attributes: ``side`` of the findings that are added ("left" or "right", where they have one; the
                study's own side if not given), ``hospital`` that takes the picture ("A" or "B").

        Raises:
            UsageError: another attribute, or another value of these.
        """
        changed = _changeable(attributes or {})
        patient = int(study.patient_id)
        drawn = self._drawn(patient)
        kept = tuple(finding for finding in drawn.findings if labels.get(finding.name, 1))
        have = {finding.name for finding in drawn.findings}
        side = changed.get("side") or str(study.attributes.get("side") or "left")
        added = tuple(
            _default_finding(name, side) for name, value in labels.items() if value and name not in have
        )
        hospital: Hospital = "B" if changed.get("hospital", drawn.hospital) == "B" else "A"
        return render(patient, kept + added, hospital, self.pixels).image

    def _render_study(self, patient: int) -> Radiograph:
        drawn = self._drawn(patient)
        return render(patient, drawn.findings, drawn.hospital, self.pixels)

    def _drawn(self, patient: int) -> Draw:
        return self._draw(Stream(patient, _DRAW_STREAM))

    def _study(self, patient: int) -> Study:
        drawn = self._drawn(patient)
        present = {finding.name: finding for finding in drawn.findings}
        main = drawn.findings[0] if drawn.findings else Finding("", "", 0.0)
        return Study(
            study_id=f"phantom-{patient:08d}",
            patient_id=f"{patient:08d}",
            labels={name: int(name in present) for name in FINDING_NAMES},
            attributes={
                "hospital": drawn.hospital,
                "side": main.side,
                "severity": round(main.severity, 4),
                **_person(Stream(patient, _PERSON_STREAM)),
            },
            report=report(drawn.findings, Stream(patient, _REPORT_STREAM)),
        )


def build_cohort(name: str, split: str = "test", size: int = 160, seed: int = 0) -> PhantomCohort:
    """Return the embedded cohort with this name, e.g. ``phantom/manifestation``.

    Raises:
        UsageError: unknown cohort or split, or an impossible size.
    """
    return PhantomCohort(name.removeprefix("phantom/"), split, size, seed)


def _person(rng: Stream) -> dict[str, str]:
    """Return what a manifest says of a patient beside the findings; nothing of it is seen in the image."""
    sex, age, view = rng.uniform(), rng.uniform(), rng.uniform()
    return {
        "sex": "F" if sex < 0.5 else "M",
        "age_band": "18-39" if age < 0.25 else "40-64" if age < 0.6 else "65+",
        "view": "PA" if view < 0.6 else "AP",
    }


def _changeable(attributes: Mapping[str, str]) -> Mapping[str, str]:
    for name, value in attributes.items():
        if name not in _CHANGEABLE:
            raise UsageError(
                f"The phantom cannot change the attribute '{name}' of a patient; it changes "
                f"{', '.join(_CHANGEABLE)}." + did_you_mean(name, _CHANGEABLE)
            )
        if value not in _CHANGEABLE[name]:
            raise UsageError(
                f"The phantom cannot change the attribute '{name}' to '{value}'; expected one of "
                f"{', '.join(_CHANGEABLE[name])}."
            )
    return attributes


def _default_finding(name: str, side: str) -> Finding:
    if name == "pacemaker":
        return Finding(name, "left")
    return Finding(name, "right" if side == "right" else "left", 0.5) if name in _ONE_SIDED else Finding(name)
