"""A cohort, edits and models whose every figure is known in advance."""

from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from radbench.data.cohort import SquareFilms, Study
from radbench.harness.run import run_audit
from radbench.models.base import Prediction
from radbench.specs import InputContract, MaskRule, ModelSpec, Placebo, Scenario, ShiftSpec, SourceSpec

SICK, DRAIN = 100, 50  # an image's mean tells its labels: sick adds 100, a drain adds 50


def picture(sick, drain, number):
    image = np.full((16, 16), 20 + SICK * sick + DRAIN * drain, np.uint8)
    image[0, 0] = number % 256
    if number > 255:  # no two studies show the same film
        image[0, 1] = number // 256
    return image


@dataclass
class Cohort(SquareFilms):
    size: int = 40
    truth_known: bool = True
    name: str = "fake"
    digest: str = "c0"
    studies: list = field(init=False)

    def __post_init__(self):
        self.studies = [
            Study(
                f"s{n:03d}",
                f"p{n // 2:03d}",
                {"sick": int(n % 4 < 2), "drain": int(n % 4 < 2)},
                {"number": n},
            )
            for n in range(self.size)
        ]

    def image(self, study):
        return picture(study.labels["sick"], study.labels["drain"], study.attributes["number"])

    def counterfactual(self, study, labels, attributes=None):
        after = {**study.labels, **labels}
        return picture(after["sick"], after["drain"], study.attributes["number"])


def record(cohort, study, scenario, image, **changes):
    """A usable stress edit, unless ``changes`` say otherwise."""
    fields = {"arm": "stress", "dose": "", "status": "ok", "reason": "", "measures": {}} | changes
    return SimpleNamespace(
        study_id=study.study_id,
        patient_id=study.patient_id,
        scenario=scenario,
        labels_after={"sick": 0} if fields["arm"] != "sham" else {},
        attributes_after={},
        image=image,
        source=cohort.image(study),
        **fields,
    )


class TestSet:
    """Removes the sickness of every sick study with a drain; ``wrong`` edits are left sick.

    Each stress edit has a sham behind it, of which the first ``healed`` lose the sickness although they should
    keep it; None for no sham edits. ``doses`` are brightnesses that are left of the sickness, by mark.
    """

    __test__ = False

    def __init__(self, cohort, *, scenarios=("removal",), wrong=0, healed=None, doses=None, status="ok"):
        self.cohort = cohort
        self.records = []
        sick = [study for study in cohort.studies if study.labels["sick"]]
        for index, study in enumerate(sick):
            number, name = study.attributes["number"], scenarios[index % len(scenarios)]
            image = picture(int(index < wrong), 1, number)
            edit = record(cohort, study, name, image, status=status, measures={"effect_edit": 0.2})
            self.records.append(edit)
            if healed is not None:
                image = picture(int(index >= healed), 1, number)
                self.records.append(record(cohort, study, name, image, arm="sham"))
            for dose, left in (doses or {}).items() if index < 8 else ():
                image, measures = picture(left, 1, number), {"effect_edit": 0.1}
                edit = record(cohort, study, name, image, arm="dose", dose=dose, measures=measures)
                self.records.append(edit)
        self.key = "k0"
        self.attrition = {"cohort": len(cohort.studies)}
        self.attrition_by_scenario = {name: {"eligible": 99} for name in scenarios}
        self.provenance = {"weights": {"unet": "u"}}

    def image(self, record):
        return record.image

    def reconstruction(self, record):
        return record.source

    def edit_mask(self, record):
        mask = np.zeros((16, 16), bool)
        mask[4:12, 4:12] = True
        return mask

    def keep_mask(self, record):
        return self.edit_mask(record) & False


class Threshold:
    """Says yes when the picture is brighter than ``level``."""

    task = "binary"

    def __init__(self, name, level, *, error=None, target="sick", digest=None, **declared):
        self.spec = ModelSpec(
            name=name,
            title=name.title(),
            format="onnx",
            path=f"models/{name}.onnx",
            architecture="threshold",
            task=self.task,
            target=target,
            input=InputContract(spatial_shape=[16, 16]),
            **declared,
        )
        self.digest = digest or f"{name}-{level}"
        self.level = level
        self.error = error
        self.shown = 0

    def predict(self, images):
        if self.error:
            raise self.error
        self.shown += len(images)
        means = np.array([float(np.median(image)) for image in images])
        return Prediction("probabilities", 1 / (1 + np.exp(-(means - self.level) / 20)))


def robust(**changes):
    return Threshold("robust", 100, **changes)  # drain alone gives 70: not sick


def biased(**changes):
    return Threshold("biased", 45, **changes)  # a drain is enough


def shift(scenarios=("removal",), metrics=("accuracy", "specificity", "sensitivity", "auroc"), **changes):
    sham = changes.pop("sham_prompt", None)
    placebo = changes.pop("placebo", None)
    fields = {
        "name": "manifestation",
        "title": "t",
        "description": "d",
        "kind": "manifestation",
        "target": "sick",
        "source": SourceSpec(cohort="phantom/manifestation", size=40),
        "scenarios": [
            Scenario(
                name=name,
                prompt="p",
                edit_mask=MaskRule(source="sick"),
                labels_after={"sick": 0},
                sham_prompt=sham,
                placebo=Placebo(select={"sick": 0}) if placebo else None,
            )
            for name in scenarios
        ],
        "metrics": list(metrics),
    }
    return ShiftSpec(**fields | changes)


def audit(tmp_path, models, *, cohort=None, testset=None, scenarios=("removal",), spec=None, **options):
    cohort = cohort or Cohort()
    testset = testset or TestSet(cohort, scenarios=scenarios)
    options = {"seed": 1, "max_drop": 0.1} | options
    return run_audit(spec or shift(scenarios), cohort, testset, models, cache=tmp_path, **options)
