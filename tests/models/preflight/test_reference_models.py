"""The models that are shipped pass clean as they are declared, and each is caught when it is declared otherwise."""

import numpy as np
import pytest
from fake_models import by_check, levels

from radbench.declared import model_path
from radbench.models.preflight import Probe, preflight
from radbench.models.registry import make_adapter
from radbench.phantom.cohort import build_cohort
from radbench.specs import load_model

pytestmark = pytest.mark.slow

WRONG = {
    "values 0 to 255": {"value_range": [0.0, 255.0], "mean": [], "std": []},
    "12-bit values": {"value_range": [0.0, 4095.0], "mean": [], "std": []},
    "no standardisation": {"mean": [], "std": []},
    "another mean": {"mean": [0.2]},
    "another deviation": {"std": [1.0]},
    "inverted": {"photometric": "MONOCHROME1"},
}
SHIFTS = {"pneumothorax": "manifestation", "covid": "acquisition", "lungs": "population"}


@pytest.fixture(scope="module")
def probes():
    return {target: drawn(target, shift) for target, shift in SHIFTS.items()}


def drawn(target, shift):
    cohort = build_cohort(f"phantom/{shift}", split="test", size=96, seed=0)
    if target == "lungs":
        some = cohort.studies[:16]
        return Probe([cohort.image(s) for s in some], masks=np.stack([cohort.mask(s, target) for s in some]))
    classes = [[study for study in cohort.studies if study.labels[target] == label][:20] for label in (1, 0)]
    some = [study for pair in zip(*classes, strict=False) for study in pair]
    assert len(some) > 32
    return Probe([cohort.image(s) for s in some], np.array([s.labels[target] for s in some], np.int64))


def findings(name, probes, **changes):
    spec = load_model(model_path(name))
    spec = spec.model_copy(update={"input": spec.input.model_copy(update=changes)})
    return preflight(make_adapter(spec), probes[spec.target])


@pytest.mark.parametrize(
    "name",
    [
        "pneumothorax-biased",
        "pneumothorax-robust",
        "covid-biased",
        "covid-robust",
        "lungs-weak",
        "lungs-strong",
    ],
)
def test_is_clean_as_it_is_declared(name, probes):
    assert levels(findings(name, probes)) == {}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", ["pneumothorax-robust", "covid-biased", "covid-robust", "lungs-weak"])
def test_is_caught_when_it_is_declared_otherwise(name, wrong, probes):
    found = findings(name, probes, **WRONG[wrong])
    suspected = "inverted film" if wrong == "inverted" else "input range"
    assert levels(found).get(suspected) in {"warning", "failure"}, by_check(found)[suspected]
