"""The reference models fail and hold where they are meant to, judged on rendered truth alone."""

import numpy as np
import pytest

from radbench.declared import models_dir
from radbench.models.registry import load_checkpoints, load_model_under_test
from radbench.phantom.cohort import build_cohort
from radbench.specs import load_model

pytestmark = pytest.mark.slow


def shipped(name):
    return load_model(models_dir() / f"{name}.yaml")


def dice(found, truth):
    return float(np.mean(2 * (found & truth).sum((1, 2)) / (found.sum((1, 2)) + truth.sum((1, 2)))))


@pytest.fixture(scope="module")
def acquisition():
    cohort = build_cohort("phantom/acquisition", "val", 24)
    sick = [study for study in cohort.studies if study.labels["covid"]]
    return (
        [cohort.image(study) for study in cohort.studies],
        np.array([study.labels["covid"] for study in cohort.studies]),
        [cohort.counterfactual(study, {"covid": 0}) for study in sick],
    )


def right(model, images, labels):
    return float((model.predict(images).decisions(model.spec.operating_point) == labels).mean())


def test_the_biased_classifier_recognises_the_hospital(acquisition):
    images, labels, removed = acquisition
    model = load_model_under_test(shipped("covid-biased"))
    assert right(model, images, labels) >= 0.95
    assert right(model, removed, 0) <= 0.35


def test_the_robust_classifier_and_its_further_runs_recognise_the_opacities(acquisition):
    images, labels, removed = acquisition
    spec = shipped("covid-robust")
    for model in [load_model_under_test(spec), *load_checkpoints(spec)]:
        assert right(model, images, labels) >= 0.9
        assert right(model, removed, 0) >= 0.8


def test_findings_mislead_the_weak_segmenter_and_not_the_strong_one():
    cohort = build_cohort("phantom/population", "val", 12)
    truth = np.stack([cohort.mask(study, "lungs") for study in cohort.studies])
    healthy = [cohort.image(study) for study in cohort.studies]
    drop = {}
    for name in ("lungs-weak", "lungs-strong"):
        model = load_model_under_test(shipped(name))
        before = dice(model.predict(healthy).values, truth)
        assert before > 0.95
        for finding in ("consolidation", "pacemaker", "oedema"):
            changed = [cohort.counterfactual(study, {finding: 1}) for study in cohort.studies]
            drop[name, finding] = before - dice(model.predict(changed).values, truth)
    assert drop["lungs-weak", "consolidation"] > 0.05
    for finding in ("pacemaker", "oedema"):
        assert drop["lungs-weak", finding] > 0.02
    assert max(value for (name, _), value in drop.items() if name == "lungs-strong") < 0.02
