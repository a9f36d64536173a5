"""Anchors as an arm: real films that show the shift, beside the edits and together with them."""

from dataclasses import replace

import numpy as np
import pytest
from audit_world import Cohort, TestSet, audit, biased, picture, robust, shift
from test_segmentation import Lungs, Segmenter, covered, lungs, world

from radbench.data.cohort import Study
from radbench.errors import UsageError
from radbench.harness.anchors import anchor_set
from radbench.harness.gates import gated
from radbench.harness.result import AuditResult, Verdict
from radbench.harness.result.words import metric_rows
from radbench.specs import AnchorSpec, GatesSpec


class Treated(Cohort):
    """Films that show a drain and no sickness, as the edits do; ``sick`` of them look sick all the same."""

    def __init__(self, size=16, looks_sick=0, first=1000):
        self.looks_sick, self.first = looks_sick, first
        super().__init__(size=size, name="other", digest="c1")

    def __post_init__(self):
        self.studies = [
            Study(f"t{n:03d}", f"q{n:03d}", {"sick": 0, "drain": 1}, {"number": n}) for n in range(self.size)
        ]

    def image(self, study):
        number = study.attributes["number"]
        return picture(int(number < self.looks_sick), 1, number + self.first)


def anchored(margin=0.1, **fields):
    spec = shift(**fields)
    scenario = spec.scenarios[0].model_copy(update={"anchor": AnchorSpec(select={"sick": 0}, margin=margin)})
    return spec.model_copy(update={"scenarios": [scenario, *spec.scenarios[1:]]})


def films(spec, cohort, **prefixes):
    return [anchor_set(spec, spec.scenarios[0], cohort, **prefixes)]


def test_the_arm_stands_beside_the_stress_arm_and_both_make_one_figure(tmp_path):
    spec, cohort = anchored(), Cohort(240)
    result = audit(tmp_path, [robust(), biased()], cohort=cohort, spec=spec, anchors=films(spec, Treated(40)))
    sound, fragile = result.models
    assert (sound.metric("anchor", "accuracy").value, fragile.metric("anchor", "accuracy").value) == (
        1.0,
        0.0,
    )
    assert sound.arms["anchor"].patients == 40
    assert fragile.paired["anchor"].drop.value == 1.0
    assert fragile.paired["anchor"].paired_drop.value is None
    (found,) = sound.anchors
    assert (found.n, found.stress.n, found.verdict) == (40, 120, "agree")
    assert found.p <= 0.05
    assert found.combined.low > sound.metric("anchor", "accuracy").low
    assert 50 < found.borrowed < 60  # of the 60 patients, each of them with two images that are alike
    assert found.drop.low <= 0 <= found.drop.high
    (summary,) = result.anchors
    assert (summary.studies, summary.patients, summary.in_real, summary.edited) == (40, 40, 0, 0)
    assert sound.verdict is Verdict.PASS
    assert AuditResult.from_json(result.to_json()) == result
    rows = {(row.model, row.arm, row.metric): row for row in metric_rows(result)}
    assert rows["robust", "anchor", "anchored"].value == found.combined.value
    assert rows["robust", "anchor", "accuracy"].n == 40
    assert sum(case.arm == "anchor" for case in result.cases) == 80


def test_they_change_no_other_figure(tmp_path):
    spec, cohort = anchored(), Cohort()
    bare = audit(tmp_path, [robust()], cohort=cohort, spec=spec)
    with_them = audit(tmp_path, [robust()], cohort=cohort, spec=spec, anchors=films(spec, Treated()))
    first, second = bare.models[0], with_them.models[0]
    assert second.paired["stress"] == first.paired["stress"]
    assert {arm: second.arms[arm] for arm in first.arms} == first.arms
    assert (second.tests, second.subgroups) == (first.tests, first.subgroups)
    assert (first.anchors, bare.anchors) == ([], [])


def test_a_disagreement_leaves_the_instrument_inconclusive(tmp_path):
    spec, cohort = anchored(), Cohort(240)
    testset = TestSet(cohort, wrong=80)  # edits that leave the sickness in place
    result = audit(
        tmp_path, [robust()], cohort=cohort, testset=testset, spec=spec, anchors=films(spec, Treated(40))
    )
    (model,) = result.models
    assert model.anchors[0].verdict == "disagree"
    assert model.anchors[0].combined.value > 0.95  # nothing is borrowed
    assert model.verdict is model.instrument.verdict is result.instrument.verdict is Verdict.INCONCLUSIVE
    assert "40 real films of 40 patients" in model.reason
    without = audit(tmp_path, [robust()], cohort=cohort, testset=testset, spec=spec)
    assert without.models[0].verdict is Verdict.FAIL


def test_few_anchors_cannot_tell_and_change_no_verdict(tmp_path):
    spec, cohort = anchored(), Cohort(400)
    result = audit(tmp_path, [robust()], cohort=cohort, spec=spec, anchors=films(spec, Treated(6)))
    assert result.models[0].anchors[0].verdict == "cannot tell"
    assert result.models[0].verdict is Verdict.PASS


def test_anchors_of_the_real_set_are_the_same_patients(tmp_path):
    spec, cohort = anchored(), Cohort()
    same = Cohort()
    same.studies = [study for study in cohort.studies if not study.labels["sick"]]
    result = audit(tmp_path, [robust()], cohort=cohort, spec=spec, anchors=films(spec, same))
    (summary,) = result.anchors
    assert (summary.patients, summary.in_real, summary.edited) == (10, 10, 0)
    assert result.cohort.patients == 20
    assert result.cohort.warnings == []
    apart = films(spec, same, study_prefix="other:", patient_prefix="other:")
    joined = audit(tmp_path, [robust()], cohort=cohort, spec=spec, anchors=apart)
    assert joined.anchors[0].in_real == 10  # the same pixels are the same patient, whatever the name
    assert "under 2 patients" in joined.cohort.warnings[0]


def test_edits_of_an_anchor_s_patient_are_not_borrowed(tmp_path):
    spec, cohort = anchored(), Cohort()
    later = Treated(16)
    later.studies = [replace(study, patient_id=f"p{2 * n:03d}") for n, study in enumerate(later.studies)]
    result = audit(tmp_path, [robust()], cohort=cohort, spec=spec, anchors=films(spec, later))
    (found,) = result.models[0].anchors
    assert found.shared == 20  # every sick patient has two films, and a later one that is an anchor
    assert found.borrowed == 0
    assert result.anchors[0].edited == 10


def test_each_scenario_has_its_own(tmp_path):
    names = ("left", "right")
    spec, cohort = anchored(scenarios=names), Cohort()
    testset = TestSet(cohort, scenarios=names, wrong=1)
    result = audit(
        tmp_path, [robust()], cohort=cohort, testset=testset, spec=spec, anchors=films(spec, Treated())
    )
    (model,) = result.models
    assert [one.scenario for one in model.anchors] == ["left"]
    assert model.anchors[0].stress.n == 10
    assert "anchor" in model.scenarios["left"].arms
    assert "anchor" not in model.scenarios["right"].arms


def test_films_that_do_not_show_what_the_edit_makes_are_refused():
    spec, cohort = anchored(), Treated(4)
    cohort.studies = [
        replace(study, labels={"sick": int(n == 2), "drain": 1}) for n, study in enumerate(cohort.studies)
    ]
    with pytest.raises(UsageError, match=r"selects 1 of 4 films .* with sick 1 \(study t002.*expected 0"):
        films(spec, cohort)
    cohort.studies = [replace(study, labels={"drain": 1}) for study in cohort.studies]
    with pytest.raises(UsageError, match="none of them with a label of 'sick'"):
        films(spec, cohort)


def test_unlabelled_ones_are_counted_and_of_many_some_are_drawn(tmp_path):
    spec, cohort = anchored(), Treated(30)
    cohort.studies[3] = replace(cohort.studies[3], labels={"drain": 1})
    (found,) = films(spec, cohort, most=12, seed=4)
    assert (len(found.studies), found.unlabelled) == (12, 1)
    assert found.studies == films(spec, cohort, most=12, seed=4)[0].studies
    assert found.studies != films(spec, cohort, most=12, seed=5)[0].studies


@pytest.mark.parametrize(("limit", "verdict"), [(0.8, "PASS"), (0.99, "INCONCLUSIVE")])
def test_a_gate_may_speak_of_them(tmp_path, limit, verdict):
    spec = anchored()
    result = audit(tmp_path, [robust()], spec=spec, anchors=films(spec, Treated(60)), max_drop=None)
    rules = GatesSpec.model_validate(
        {"name": "g", "rules": [{"measure": "metric", "metric": "accuracy", "arm": "anchor", "min": limit}]}
    )
    assert gated(result, rules).gates[0].verdict.value == verdict
    bare = audit(tmp_path, [robust()], spec=spec, max_drop=None)
    assert gated(bare, rules).gates[0].verdict is Verdict.NOT_RUN


class Ill(Lungs):
    """Films on which one to six columns of the lungs are white already."""

    def image(self, study):
        image = covered(super().image(study), 1 + study.attributes["number"] % 6)
        image[0, 1] = 1
        return image


def test_a_segmentation_has_anchors_with_masks(tmp_path):
    spec = lungs()
    scenario = spec.scenarios[0].model_copy(update={"anchor": AnchorSpec(select={"drain": 1}, margin=0.05)})
    spec = spec.model_copy(update={"scenarios": [scenario]})
    (cohort, testset), ill = world(columns=3), Ill(16)
    ill.studies = [
        replace(study, study_id=f"i{n}", patient_id=f"i{n}") for n, study in enumerate(ill.studies)
    ]
    models = [Segmenter("weak", weak=True)]
    result = audit(tmp_path, models, cohort=cohort, testset=testset, spec=spec, anchors=films(spec, ill))
    (found,) = result.models[0].anchors
    assert (found.n, found.verdict) == (16, "agree")
    assert found.combined.low < found.combined.value < found.combined.high
    assert found.anchor.value == pytest.approx(
        np.mean([2 * (11 - n % 6) / (23 - n % 6) for n in range(16)]), abs=1e-6
    )
    assert result.models[0].arms["anchor"].empty == 0
    ill.has_mask = lambda study, name: False
    with pytest.raises(UsageError, match="none of them with a mask of 'lungs'"):
        films(spec, ill)
