"""No worse than the last release: paired on the same test set, unpaired on another, and never by accident."""

import hashlib
import json

import pytest
from gate_world import answers, broken, model, result

from radbench.errors import UsageError
from radbench.harness.gates import MARGIN, gated
from radbench.harness.gates.baseline import Earlier, about, read_baseline, worse_by
from radbench.harness.result import Verdict
from radbench.specs import GateRule, GatesSpec

TEN = range(10)


def release(wrong, *, name="alpha", digest="d0", **changes):
    options = {key: changes.pop(key) for key in ("rename", "dice", "studies", "wrong_real") if key in changes}
    stress = changes.pop("stress", 0.85)
    primary = "accuracy" if options.get("dice") is None else "dice"
    return result(
        model(name, digest=digest, stress=stress, primary=primary),
        cases=answers(name, wrong, **options),
        task="classification" if primary == "accuracy" else "segmentation",
        primary=primary,
        **changes,
    )


def worse(now, before, *, arm="stress", scenario=None):
    return worse_by(now, now.models[0], arm, scenario, Earlier.of(before))


def test_on_the_same_test_set_the_loss_is_paired_image_by_image():
    before, now = release(TEN), release(range(30), digest="d1")
    loss = worse(now, before)
    assert loss.value == pytest.approx(20 / 60)
    assert loss.n == 60
    assert loss.low > 0.1
    assert loss.low < loss.value < loss.high
    gain = worse(before, now)
    assert (gain.value, gain.low, gain.high) == pytest.approx((-loss.value, -loss.high, -loss.low))


def test_pairing_is_narrower_than_comparing_two_intervals():
    before, now = release(range(30), stress=0.5), release(range(36), digest="d1", stress=0.4)
    paired = worse(now, before)
    other = now.model_copy(update={"testset": now.testset.model_copy(update={"key": "k1"})})
    other = other.model_copy(update={"models": [model(digest="d1", stress=0.4)]})
    unpaired = worse(other, before)
    assert "unpaired" in unpaired.note
    assert unpaired.value == pytest.approx(0.1)
    assert unpaired.high - unpaired.value == pytest.approx((0.02**2 + 0.02**2) ** 0.5, abs=2e-6)
    assert about(now, Earlier.of(before)).same_testset
    assert not about(other, Earlier.of(before)).same_testset
    assert paired.n == unpaired.n == 60


def test_real_images_are_paired_whatever_was_edited_from_them():
    before = release([])
    now = release(
        [], digest="d1", wrong_real=range(15), testset=before.testset.model_copy(update={"key": "k1"})
    )
    loss = worse(now, before, arm="real")
    assert loss.value == pytest.approx(0.25)
    assert "unpaired" not in loss.note
    assert "unpaired" in worse(now, before).note
    other = now.model_copy(update={"cohort": now.cohort.model_copy(update={"digest": "c1"})})
    assert "unpaired" in worse(other, before, arm="real").note


def test_one_scenario_and_the_real_images_are_compared_alone():
    before, now = release([]), release([0, 2, 4, 6, 8, 10], digest="d1")
    assert worse(now, before, scenario="first").value == pytest.approx(6 / 30)
    assert worse(now, before, scenario="second").value == 0
    assert worse(now, before, arm="real").value == 0
    assert worse(now, before, arm="truth").value is None
    changed = release([], digest="d1", wrong_real=range(15))
    assert worse(changed, before, arm="real").value == pytest.approx(0.25)


def test_studies_are_paired_by_their_place_where_names_were_taken_away():
    """A result without identifiers calls its studies by running numbers."""
    before = release(range(5, 15), rename=lambda name: f"case {name}")
    now = release(range(5, 25), digest="d1")
    assert worse(now, before) == worse(now, release(range(5, 15)))


def test_the_same_model_with_the_same_answers_is_no_worse_and_another_one_might_be():
    before = release(TEN)
    same = worse(release(TEN), before)
    assert (same.value, same.low, same.high) == (0, 0, 0)
    another = worse(release(TEN, digest="d1"), before)
    assert another.value == 0
    assert another.low < -0.05
    assert another.high > 0.05


def test_dice_is_compared_as_a_mean():
    before, now = release([], dice=0.9), release(range(20), dice=0.9, digest="d1")
    loss = worse(now, before)
    assert loss.value == pytest.approx(0.1 * 20 / 60, abs=1e-6)
    assert 0 < loss.low < loss.value < loss.high


def test_what_cannot_be_compared_says_why():
    before = release(TEN)
    for now, reason in (
        (release(TEN, dice=0.9), "the baseline measured accuracy of 'sick', expected dice of 'sick'"),
        (result(model("a"), model("b")), "no model 'a'"),
        (release(TEN, studies=50, testset=before.testset), "unpaired"),
    ):
        found = worse(now, before)
        assert reason in found.note
        assert found.value is None or "unpaired" in found.note
    assert "could not be run in the baseline" in worse(before, result(broken())).note


def test_a_renamed_only_model_is_compared_with_the_only_one_before():
    loss = worse(release(range(30), name="alpha-2", digest="d1"), release(TEN))
    assert loss.value == pytest.approx(20 / 60)
    assert "only model 'alpha'" in loss.note


def test_a_baseline_alone_is_a_gate_with_a_margin_on_real_and_on_edited_images():
    earlier = Earlier.of(release(TEN))
    same = gated(release(TEN), None, earlier)
    assert (same.verdict, same.exit_code) == (Verdict.PASS, 0)
    assert [gate.rule for gate in same.gates] == [
        f"loss against the baseline in {arm} at most {MARGIN}" for arm in ("real", "stress")
    ]
    assert same.baseline.sha256 == hashlib.sha256(earlier.result.to_json()).hexdigest()
    fallen = gated(release(range(40), digest="d1"), None, earlier)
    assert (fallen.verdict, fallen.exit_code) == (Verdict.FAIL, 3)


def test_a_rule_about_the_baseline_takes_the_place_of_the_margin():
    rule = GateRule(measure="worse_than_baseline", max=0.9)
    found = gated(
        release(range(40), digest="d1"), GatesSpec(name="g", rules=[rule]), Earlier.of(release(TEN))
    )
    assert [gate.verdict for gate in found.gates] == [Verdict.PASS]


def test_a_result_is_read_from_its_file_or_its_folder(tmp_path):
    before = release(TEN)
    (tmp_path / "result.json").write_bytes(before.to_json())
    for path in (tmp_path, tmp_path / "result.json"):
        read = read_baseline(path)
        assert read == {"manifestation": Earlier.of(before)}


def test_a_result_of_the_schema_before_is_read_too(tmp_path):
    old = json.loads(release(TEN).to_json()) | {"schema_version": 2}
    for name in ("gates", "baseline", "comparisons", "prevalence"):
        del old[name]
    (tmp_path / "result.json").write_text(json.dumps(old))
    assert read_baseline(tmp_path)["manifestation"].result == release(TEN)


def test_several_shifts_are_read_from_their_index(tmp_path):
    listed = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "result.json").write_bytes(
            release(TEN).to_json().replace(b"manifestation", name.encode())
        )
        listed.append({"name": name, "result": f"{name}/result.json"})
    listed.append({"name": "three", "result": None})
    (tmp_path / "index.json").write_text(json.dumps({"shifts": listed}))
    assert list(read_baseline(tmp_path)) == ["one", "two"]
    assert list(read_baseline(tmp_path / "index.json")) == ["one", "two"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "found no JSON"),
        ("[]", "schema version 3"),
        ('{"schema_version": 1}', "schema version 3"),
        ("[" * 100_000, "found no JSON"),
    ],
)
def test_what_is_no_result_is_refused_in_one_sentence(tmp_path, content, said):
    file = tmp_path / "result.json"
    file.write_text(content)
    with pytest.raises(UsageError, match=said) as error:
        read_baseline(file)
    assert str(file) in str(error.value)


@pytest.mark.parametrize("name", ["../secret/result.json", "/etc/passwd", "a/../../b"])
def test_an_index_leads_nowhere_else(tmp_path, name):
    (tmp_path / "index.json").write_text(json.dumps({"shifts": [{"name": "x", "result": name}]}))
    with pytest.raises(UsageError, match="outside its folder"):
        read_baseline(tmp_path)


def test_no_baseline_there_is_said(tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        read_baseline(tmp_path / "old.json")
    with pytest.raises(UsageError, match="has no result"):
        read_baseline(tmp_path)
    (tmp_path / "index.json").write_text('{"shifts": [{"name": "x", "result": null}]}')
    with pytest.raises(UsageError, match="no shift in it has a result"):
        read_baseline(tmp_path)
