"""Tests of what changed, their family, and models against each other."""

import pytest
from audit_world import Cohort, TestSet, Threshold, audit, biased, robust, shift
from test_segmentation import Segmenter, lungs, world

from radbench.harness.evidence.significance import correct_family
from radbench.metrics.significance import holm, sign_test


def of(model, test, scenario="all", subgroup=""):
    return next(
        found
        for found in model.tests
        if (found.test, found.scenario, found.subgroup) == (test, scenario, subgroup)
    )


def test_every_patient_has_one_vote_whatever_the_label_became(tmp_path):
    fallen, sound = audit(tmp_path, [biased(), robust()]).models
    exact = of(fallen, "mcnemar")
    assert (exact.n, exact.p) == (20, sign_test(10, 0))  # 20 sick studies of 10 patients, two each
    assert exact.note == "10 of 10 patients changed: 10 worse, 0 better"
    assert of(sound, "mcnemar").p == 1.0  # its answers change, as they should; that they are right does not
    assert of(fallen, "paired bootstrap").p == sign_test(10, 0)  # what ten patients can show at most
    assert of(sound, "paired bootstrap").note == "no patient changed"


def test_the_family_is_one_models_tests_of_one_kind(tmp_path):
    names = ("left", "right")
    result = audit(
        tmp_path, [biased(), robust()], testset=TestSet(Cohort(), scenarios=names), scenarios=names
    )
    fallen = result.models[0]
    found = [test for test in fallen.tests if test.test == "mcnemar"]
    assert [test.scenario for test in found] == ["all", "left", "right"]
    assert [test.family for test in found] == [3, 3, 3]
    assert [test.p_holm for test in found] == holm([test.p for test in found])
    assert {test.family for test in fallen.tests} == {3}


def test_several_shifts_are_one_family(tmp_path):
    one = audit(tmp_path, [biased(), robust()])
    other = audit(tmp_path, [biased()], testset=TestSet(Cohort(), wrong=7), spec=shift(name="acquisition"))
    together = correct_family([one, other])
    assert [result.shift.name for result in together] == ["manifestation", "acquisition"]
    found = [of(result.models[0], "mcnemar") for result in together]
    assert [test.family for test in found] == [2, 2]
    assert [test.p_holm for test in found] == holm([test.p for test in found])
    alone = of(together[0].models[1], "mcnemar")
    assert (alone.family, alone.p_holm) == (1, alone.p)
    assert correct_family(together) == together
    assert correct_family([one]) == [one]
    assert correct_family([]) == []


def test_a_segmentation_has_the_bootstrap_alone(tmp_path):
    cohort, testset = world()
    model = audit(
        tmp_path, [Segmenter("weak", weak=True)], cohort=cohort, testset=testset, spec=lungs()
    ).models[0]
    assert [test.test for test in model.tests] == ["paired bootstrap"]
    assert model.power.detectable < 0.05  # every patient falls by nearly the same
    assert model.power.line.startswith("With n = 20 images of 10 patients a drop under 0.0")


def test_the_power_line_says_what_the_set_cannot_show(tmp_path):
    few = audit(tmp_path, [robust()]).models[0].power
    many = audit(tmp_path, [robust()], cohort=Cohort(400)).models[0].power
    assert (few.n, few.patients) == (20, 10)
    assert 0.6 < few.detectable < 0.75
    assert 0.07 < many.detectable < 0.09
    assert many.line == (
        f"With n = 200 images of 100 patients a drop under {many.detectable:.2f} cannot be seen "
        "(80 % power, two-sided 5 % level)."
    )
    none = audit(tmp_path, [robust()], cohort=Cohort(12)).models[0].power
    assert none.detectable is None
    assert "cannot be said" in none.line


def test_without_a_stress_arm_there_is_nothing_to_test(tmp_path):
    model = audit(tmp_path, [robust()], testset=TestSet(Cohort(), status="failed")).models[0]
    assert (model.tests, model.power, model.subgroups) == ([], None, [])


@pytest.mark.parametrize("wrong", [0, 3, 20])
def test_p_values_stay_probabilities(tmp_path, wrong):
    result = audit(tmp_path, [biased(), robust()], testset=TestSet(Cohort(), wrong=wrong))
    for model in result.models:
        for test in model.tests:
            assert 0 < test.p <= test.p_holm <= 1


def test_the_better_one_comes_first_with_its_lead(tmp_path):
    result = audit(tmp_path, [biased(), robust()], cohort=Cohort(200))
    (pair,) = result.comparisons
    assert (pair.first, pair.second) == ("robust", "biased")
    assert pair.difference.value == pair.drop_difference.value == 1.0
    assert 0.8 < pair.difference.low < pair.difference.high == pytest.approx(1.0)
    assert pair.drop_difference.low > 0.8
    assert pair.p == pair.p_holm < 0.01


def test_every_pair_once_best_first_and_corrected_together(tmp_path):
    testset = TestSet(Cohort(), wrong=6)
    models = [biased(), Threshold("blind", 300), robust(), Threshold("twin", 100)]
    result = audit(tmp_path, models, testset=testset, control_models=[Threshold("known", 101)])
    order = ["blind", "robust", "twin", "biased"]
    accuracy = {model.name: model.metric("stress", "accuracy").value for model in result.models}
    assert sorted(order, key=lambda name: -accuracy[name]) == order
    pairs = [(pair.first, pair.second) for pair in result.comparisons]
    assert pairs == [(one, other) for i, one in enumerate(order) for other in order[i + 1 :]]
    assert [pair.p_holm for pair in result.comparisons] == pytest.approx(
        holm([pair.p for pair in result.comparisons])
    )
    same = result.comparisons[pairs.index(("robust", "twin"))]
    assert (same.difference.value, same.p) == (0.0, 1.0)
    assert same.difference.low <= 0 <= same.difference.high
    drops = {model.name: model.paired["stress"].drop.value for model in result.models}
    for pair in result.comparisons:
        assert pair.difference.value == pytest.approx(accuracy[pair.first] - accuracy[pair.second])
        assert pair.drop_difference.value == pytest.approx(drops[pair.second] - drops[pair.first])
        assert pair.difference.low <= pair.difference.value <= pair.difference.high
        assert pair.drop_difference.low <= pair.drop_difference.value <= pair.drop_difference.high


def test_one_model_or_one_that_broke_has_nobody_beside_it(tmp_path):
    assert audit(tmp_path, [robust()]).comparisons == []
    assert audit(tmp_path, [robust(), biased(error=RuntimeError("no"))]).comparisons == []
