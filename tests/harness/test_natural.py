"""Two cohorts whose every figure is known in advance."""

import re
from dataclasses import dataclass, field

import numpy as np
import pytest
from audit_world import Threshold, biased, picture, robust

from radbench.data.cohort import SquareFilms, Study
from radbench.data.compared import ComparedCohorts
from radbench.errors import UsageError
from radbench.harness.gates import gated
from radbench.harness.gates.baseline import Earlier
from radbench.harness.natural import check_sites
from radbench.harness.result import AuditResult, Verdict
from radbench.harness.run import run_audit
from radbench.harness.summary import nothing_edited
from radbench.models.base import Prediction
from radbench.report.identity import deidentified
from radbench.report.tables import content
from radbench.specs import CohortSpec, GateRule, GatesSpec, ShiftSpec, SourceSpec


@dataclass
class Site(SquareFilms):
    """Films of sick and healthy patients, of whom some have a drain (which the biased model takes for sickness).

    ``who`` has (sick, drain, sex, number of films) for each group.
    """

    who: list
    name: str = "site"
    first: int = 0
    digest: str = field(init=False)
    truth_known: bool = False
    studies: list = field(init=False)

    def __post_init__(self):
        self.digest = f"{self.name}-{self.who}-{self.first}"
        groups = [group[:3] for group in self.who for _ in range(group[3])]
        self.studies = [
            Study(
                f"s{n:03d}",
                f"p{n:03d}",
                {"sick": sick, "drain": drain},
                {"sex": sex, "number": self.first + n},
            )
            for n, (sick, drain, sex) in enumerate(groups)
        ]

    def image(self, study):
        return picture(study.labels["sick"], study.labels["drain"], study.attributes["number"])


A = [(1, 1, "F", 60), (0, 0, "F", 30), (0, 1, "M", 30)]
B = [(1, 1, "F", 20), (0, 0, "F", 10), (0, 1, "M", 90)]  # the same films, with another mix


def shift(**changes):
    fields = {
        "name": "site-b", "title": "t", "description": "d", "kind": "natural", "target": "sick",
        "source": SourceSpec(cohort="folder:a"), "against": CohortSpec(cohort="folder:b"),
        "metrics": ["accuracy", "sensitivity", "specificity", "auroc", "brier"],
    }  # fmt: skip
    return ShiftSpec(**fields | changes)


def compare(tmp_path, models, *, a=A, b=B, prefixes=("A:", "B:"), first=500, **changes):
    options = {name: changes.pop(name) for name in ("max_drop",) if name in changes}
    both = ComparedCohorts(Site(a, "site-a"), Site(b, "site-b", first), prefixes)
    spec = shift(**changes)
    options = {"seed": 1, "max_drop": 0.1} | options
    return run_audit(spec, both, nothing_edited(spec, both), models, cache=tmp_path, **options)


def test_the_same_films_in_another_mix_differ_until_they_are_reweighted(tmp_path):
    plain = compare(tmp_path, [biased(), robust()])
    fragile, sound = plain.models
    assert fragile.metric("real", "accuracy").value == 0.75
    assert fragile.metric("natural", "accuracy").value == 0.25
    assert fragile.paired["natural"].drop.value == 0.5
    assert fragile.verdict is Verdict.FAIL
    assert (sound.verdict, plain.judged, plain.exit_code) == (Verdict.PASS, "natural", 3)
    result = compare(tmp_path, [biased(), robust()], reweight=["sick", "sex"])
    fragile, sound = result.models
    assert fragile.metric("reweighted", "accuracy").value == pytest.approx(0.75)
    assert fragile.paired["reweighted"].drop.value == pytest.approx(0.0)
    assert fragile.paired["natural"].drop.value == 0.5  # stands beside it
    assert fragile.paired["reweighted"].changes["specificity"].value == pytest.approx(0.0)
    assert fragile.paired["natural"].changes["specificity"].value == pytest.approx(-0.4)
    assert fragile.metric("reweighted", "auroc").value == pytest.approx(fragile.metric("real", "auroc").value)
    assert "common" not in fragile.arms  # nothing of cohort A was cut
    assert fragile.verdict is not Verdict.FAIL
    assert "from cohort A to cohort B at cohort A's case mix" in fragile.reason
    assert sound.verdict is Verdict.PASS


def test_nothing_speaks_of_edits(tmp_path):
    result = compare(tmp_path, [robust()], subgroups=["sex"])
    model = result.models[0]
    assert (model.instrument, result.instrument, model.sham_effect, model.scenarios) == (None, None, None, {})
    assert (result.testset.records, result.shift.scenarios, result.placebo) == (0, [], [])
    assert model.paired["natural"].paired_drop is None
    assert [test.test for test in model.tests] == ["unpaired bootstrap"] * 3
    assert "cohort A" in model.power.line
    assert {case.arm for case in result.cases} == {"real", "natural"}
    assert AuditResult.from_json(result.to_json()) == result
    assert "stress_value" not in content(result, "subgroups")[0]


def test_who_is_in_the_cohorts_is_counted_before_and_after(tmp_path):
    mix = compare(tmp_path, [robust()], reweight=["sick", "sex"]).case_mix
    rows = {(row.column, row.value): row for row in mix.rows}
    sick = rows["sick", "1"]
    assert (sick.reference, sick.against) == (60, 20)
    assert (sick.reference_share, sick.against_share) == (0.5, pytest.approx(1 / 6, abs=1e-6))
    assert sick.difference == pytest.approx(-(1 / 3) / np.sqrt((0.25 + 5 / 36) / 2), abs=1e-6)
    assert (sick.common_share, sick.reweighted_share, sick.difference_after) == (0.5, 0.5, 0.0)
    found = mix.reweighting
    assert (found.covered, found.is_whole, len(found.strata)) == (1.0, True, 3)
    weights = [0.5 * 6, 3.0, 0.25 / 0.75]
    counts = [20, 10, 90]
    assert found.effective == pytest.approx(
        np.dot(weights, counts) ** 2 / np.dot(np.square(weights), counts), abs=1e-5
    )
    assert found.largest == pytest.approx(3.0)


def test_strata_that_one_cohort_lacks_are_left_out_of_both_and_counted(tmp_path):
    a = [*A, (1, 0, "M", 40), (0, 0, "", 10)]
    b = [*B, (1, 0, "X", 5)]
    result = compare(tmp_path, [robust()], a=a, b=b, reweight=["sick", "sex"])
    found = result.case_mix.reweighting
    assert (found.reference, found.reference_total, found.unknown_reference) == (120, 170, 10)
    assert (found.against, found.against_total, found.unknown_against) == (120, 125, 0)
    model = result.models[0]
    assert model.arms["common"].n == 120
    assert model.arms["reweighted"].n == 120
    assert result.held_against == "common"
    left_out = [case for case in result.cases if case.weight == 0]
    assert len(left_out) == 50 + 5
    weighted = [case.weight for case in result.cases if case.arm == "natural"]
    assert sum(weighted) == pytest.approx(120, abs=1e-3)
    from radbench.harness.gates.verdict import beside_shift

    assert any("120 of 170 images of cohort A (71 %)" in words for words in beside_shift(result))


def test_patients_and_films_of_both_cohorts_are_one(tmp_path):
    result = compare(tmp_path, [robust()], b=A, prefixes=("", ""), first=0)
    assert result.cohort.patients == result.against.patients == 120
    assert any("120 patients are in both cohorts" in words for words in result.cohort.warnings)
    assert any("the very same" in words for words in result.cohort.warnings)
    widths = []
    for prefixes in (("", ""), ("A:", "B:")):
        same = prefixes == ("", "")
        found = compare(tmp_path, [biased()], b=A, prefixes=prefixes, first=0 if same else 500).models[0]
        drop = found.paired["natural"].drop
        assert drop.value == 0.0
        widths.append(drop.high - drop.low)
    assert widths[0] < 0.4 * widths[1]  # the same patients move together
    twins = compare(tmp_path, [robust()], b=A, first=0)  # under other names
    assert any("The same pixels stand in 2 studies under 2 patients" in w for w in twins.cohort.warnings)


def test_nobody_is_named_in_what_is_said_of_films_of_both_cohorts(tmp_path):
    result = compare(tmp_path, [robust()], b=A, first=0)
    assert any("study A:s000, study B:s000" in words for words in result.cohort.warnings)
    assert result.cohort.warnings[-1] == "114 more films stand in several studies likewise."
    hidden = deidentified(result).to_json().decode()
    assert not re.search(r"[AB]:[sp]\d", hidden)
    assert "study case-001, study case-121" in hidden


def test_cohorts_that_cannot_be_compared_are_refused_first(tmp_path):
    with pytest.raises(UsageError, match="no stratum of sick x sex in common"):
        compare(tmp_path, [robust()], a=[(1, 1, "F", 30)], b=[(0, 0, "M", 30)], reweight=["sick", "sex"])
    with pytest.raises(UsageError, match=r"'sexx', of which no study of cohort A.*Did you mean 'sex'"):
        compare(tmp_path, [robust()], reweight=["sexx"])
    with pytest.raises(
        UsageError, match=r"'number', which has 120 values in cohort A .* put them into bands"
    ):
        check_sites(shift(reweight=["number"]), ComparedCohorts(Site(A), Site(B)))


def test_rules_speak_of_the_arm_that_is_judged(tmp_path):
    result = compare(tmp_path, [biased()], reweight=["sick", "sex"], max_drop=None, subgroups=["sex"])
    rules = [
        GateRule(measure="drop", max=0.3),
        GateRule(measure="drop", max=0.3, arm="natural"),
        GateRule(measure="metric", metric="sensitivity", min=0.7),
        GateRule(measure="flip_rate", max=0.1),  # of edits: passed over
        GateRule(measure="drop", max=0.1, arm="stress"),
        GateRule(measure="drop", max=0.4, subgroup="sex=F"),
    ]
    held = gated(result, GatesSpec(name="g", rules=rules))
    found = {gate.rule: gate.verdict for gate in held.gates}
    assert found == {
        "drop in reweighted at most 0.30": Verdict.PASS,
        "drop in natural at most 0.30": Verdict.FAIL,
        "sensitivity in reweighted at least 0.70": Verdict.PASS,
        "drop in reweighted of sex=F at most 0.40": Verdict.PASS,
    }
    assert held.exit_code == 3
    asked = gated(compare(tmp_path, [robust()]), GatesSpec(name="g", rules=[rules[0]]))
    assert [gate.rule for gate in asked.gates] == [
        "drop in natural at most 0.10",
        "drop in natural at most 0.30",
    ]


def test_a_later_model_is_compared_on_the_same_films_one_by_one(tmp_path):
    before, now = compare(tmp_path, [robust()]), compare(tmp_path, [biased()])
    renamed = Threshold("robust", 45, digest="other")  # the biased one, under the old name
    now = compare(tmp_path, [renamed])
    held = gated(now, None, Earlier.of(before))
    assert held.baseline.same_testset
    worse = {gate.rule: gate.estimate for gate in held.gates if "loss" in gate.rule}
    assert worse["loss against the baseline in natural at most 0.05"].value == 0.75
    assert worse["loss against the baseline in real at most 0.05"].value == 0.25
    assert all("unpaired" not in estimate.note for estimate in worse.values())


def test_a_model_that_breaks_is_an_error_and_the_others_go_on(tmp_path):
    result = compare(tmp_path, [Threshold("broken", 0, error=OSError("gone")), robust()], reweight=["sick"])
    assert [model.verdict for model in result.models] == [Verdict.ERROR, Verdict.PASS]


class Half(Threshold):
    """Draws the upper half of each picture, a row less of a dark one."""

    task = "segmentation"

    def predict(self, images):
        masks = np.zeros((len(images), 16, 16), np.uint8)
        for number, image in enumerate(images):
            masks[number, : 8 if np.median(image) > self.level else 7 - int(image[0, 0]) % 3] = 1
        return Prediction("masks", masks)


class Masked(Site):
    def mask(self, study, name):
        mask = np.zeros((16, 16), bool)
        mask[:8] = True
        return mask


def test_a_segmentation_has_its_means_reweighted_too(tmp_path):
    both = ComparedCohorts(Masked(A, "site-a"), Masked(B, "site-b", 500))
    spec = shift(task="segmentation", metrics=["dice", "iou"], reweight=["sick", "sex"])
    model = run_audit(
        spec, both, nothing_edited(spec, both), [Half("half", 30)], seed=1, max_drop=None, cache=tmp_path
    ).models[0]
    by_hand = {}
    for side, part in both.parts.items():
        dice = [1.0 if s.labels["drain"] else _dice(s.attributes["number"] % 256) for s in part.studies]
        by_hand[side] = np.array(dice)
    first = by_hand["A"].mean()
    second = np.repeat([0.5, 0.25, 0.25], [20, 10, 90]) / np.repeat([20, 10, 90], [20, 10, 90])
    second = float((second * by_hand["B"]).sum())
    assert model.metric("real", "dice").value == pytest.approx(first, abs=1e-6)
    assert model.metric("reweighted", "dice").value == pytest.approx(second, abs=1e-6)
    drop = model.paired["reweighted"].drop
    assert drop.value == pytest.approx(first - second, abs=1e-6)
    assert drop.low < drop.value < drop.high
    assert model.paired["reweighted"].changes["iou"].value is not None


def _dice(number):
    rows = 7 - number % 3
    return 2 * rows / (rows + 8)
