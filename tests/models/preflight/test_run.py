"""What a preflight says of models whose faults are known: each fault is found, and a right model is clean."""

import numpy as np
import pytest
from fake_models import PLAIN, SIDE, Fake, Whole, by_check, crash, declare, levels, opacity, probe, spot

from radbench.errors import UsageError
from radbench.models.base import Prediction
from radbench.models.isolation.model import IsolatedModel
from radbench.models.preflight import Probe, failures, preflight
from radbench.models.preflight.run import vendor_notes
from radbench.specs import InputContract


def contract(**changes):
    return PLAIN.model_copy(update=changes)


def classes(order):
    """A rule of three logits in ``order``: the spot, its opposite, and noise that only the image decides."""

    def rule(rows):
        target = spot(rows)[:, 0]
        noise = 100 * np.sin(1000 * rows.sum(axis=(1, 2, 3)))
        known = {"covid": target, "normal": -target, "other": noise}
        return np.stack([known[name] for name in order], axis=1)

    return rule


@pytest.mark.parametrize("output", ["logits", "calibrated"])
def test_a_right_classifier_is_clean(output):
    rule = spot if output == "logits" else lambda rows: 1 / (1 + np.exp(-spot(rows)))
    findings = preflight(Fake(rule, output=output), probe())
    assert {finding.level for finding in findings} == {"ok"}
    assert [finding.check for finding in findings] == [
        "loads",
        "pinned",
        "output shape",
        "output range",
        "constant output",
        "determinism",
        "batch invariance",
        "input range",
        "inverted film",
        "resize rule",
        "class order",
        "NaN input",
    ]


def test_a_right_segmenter_is_clean():
    found = preflight(Fake(opacity, task="segmentation"), probe(truth="masks"))
    assert {finding.level for finding in found} == {"ok"}


def test_the_same_model_and_images_get_the_same_findings():
    assert preflight(Fake(spot), probe()) == preflight(Fake(spot), probe())


@pytest.mark.parametrize("high", [255.0, 4095.0])
def test_a_wrong_range_is_found(high):
    found = preflight(Fake(spot, input=contract(value_range=[0.0, high])), probe())
    wrong = by_check(found)["input range"]
    assert wrong.level == "failure"
    assert "values 0 to 1" in wrong.observed and "value_range: [0.0, 1.0]" in wrong.meaning
    assert "Wrong preprocessing suspected" in wrong.meaning


@pytest.mark.parametrize("count", [12, 16, 17, 48])
def test_an_inverted_film_is_found(count):
    found = preflight(Fake(spot, input=contract(photometric="MONOCHROME1")), probe(count))
    assert levels(found).items() >= {"inverted film": "failure"}.items()
    assert "MONOCHROME2" in by_check(found)["inverted film"].meaning
    assert by_check(found)["input range"].level in {"ok", "note"}


@pytest.mark.parametrize("change", [{"value_range": [0.0, 255.0]}, {"photometric": "MONOCHROME1"}])
def test_a_wrongly_declared_segmenter_is_found(change):
    found = preflight(Fake(opacity, task="segmentation", input=contract(**change)), probe(truth="masks"))
    assert failures(found)
    assert any("Dice" in finding.observed for finding in failures(found))


def test_swapped_classes_are_found():
    rule = classes(["covid", "normal"])
    right = preflight(Fake(rule, classes=["covid", "normal"]), probe())
    wrong = preflight(Fake(rule, classes=["normal", "covid"]), probe())
    assert levels(right) == {}
    assert levels(wrong)["class order"] == "failure"
    assert "classes in the other order" in by_check(wrong)["class order"].meaning


def test_another_class_that_answers_the_target_is_a_warning():
    rule = classes(["other", "covid", "normal"])
    declared = {"task": "multilabel", "classes": ["covid", "other", "normal"]}
    found = by_check(preflight(Fake(rule, **declared), probe()))["class order"]
    assert found.level == "warning"
    assert "the class 'other'" in found.observed


def test_a_segmenters_map_of_the_background_is_found():
    def rule(rows):
        return np.concatenate([opacity(rows), -opacity(rows)], axis=1)

    names = ["background", "covid"]
    found = preflight(Fake(rule, task="segmentation", mask_classes=names), probe(truth="masks"))
    assert levels(found) == {"class order": "failure"}


@pytest.mark.parametrize(
    ("names", "level"),
    [
        (["Normal", "COVID"], "ok"),
        (["covid", "normal"], "failure"),
        (["normal", "covid", "other"], "failure"),
        (["normal", "sars-cov-2"], "warning"),
        (["0", "1"], "note"),
    ],
)
def test_names_in_the_files_are_held_against_the_declared_ones(names, level):
    fake = Fake(classes(["normal", "covid"]), names, classes=["normal", "covid"])
    assert by_check(preflight(fake, probe()))["class names"].level == level


@pytest.mark.parametrize(
    "changes",
    [{}, {"output": "labels"}, {"task": "segmentation"}],
    ids=["scores", "labels", "masks"],
)
def test_a_constant_answer_is_a_failure(changes):
    shape = (1, SIDE, SIDE) if changes.get("task") else (1,)
    fake = Fake(lambda rows: np.zeros((len(rows), *shape)), **changes)
    truth = "masks" if changes.get("task") else "labels"
    assert levels(preflight(fake, probe(truth=truth)))["constant output"] == "failure"


def test_no_answer_to_anything_is_a_failure_and_to_some_a_note():
    nothing = Fake(lambda rows: np.full((len(rows), 1), np.nan))
    assert levels(preflight(nothing, probe()))["constant output"] == "failure"

    def sometimes(rows):
        return np.where(spot(rows) > 9, np.nan, spot(rows))

    found = by_check(preflight(Fake(sometimes), probe()))
    assert found["no answer"].level == "note" and "of 48" in found["no answer"].observed


def test_probabilities_declared_as_logits_and_the_other_way_round():
    def sigmoid(rows):
        return 1 / (1 + np.exp(-spot(rows)))

    assert levels(preflight(Fake(sigmoid), probe()))["output range"] == "failure"
    assert levels(preflight(Fake(spot, output="probabilities"), probe())) == {"output range": "failure"}
    assert levels(preflight(Fake(sigmoid, output="probabilities"), probe())) == {}


def test_scores_that_saturate_are_a_warning():
    found = preflight(Fake(lambda rows: 1e6 * spot(rows)), probe())
    assert levels(found)["output range"] == "warning"


def test_another_number_of_columns_is_a_failure_and_ends_the_preflight():
    fake = Fake(classes(["covid", "normal", "other"]), classes=["covid", "normal"])
    found = preflight(fake, probe())
    assert levels(found) == {"output shape": "failure"}
    assert "[48, 3]" in by_check(found)["output shape"].observed


def test_one_of_several_outputs_is_named():
    two = Fake(lambda rows: {"scores": spot(rows), "features": rows.mean((2, 3))})
    found = by_check(preflight(two, probe()))["output shape"]
    assert found.level == "note" and "'features'" in found.observed


def test_an_answer_that_changes_is_found():
    def rule(rows):
        rule.calls += 1
        return spot(rows) + 0.5 * rule.calls

    rule.calls = 0
    assert levels(preflight(Fake(rule), probe()))["determinism"] == "failure"


def test_an_answer_that_depends_on_the_batch_is_found():
    def rule(rows):
        return spot(rows) + 20 * rows.mean()

    found = preflight(Fake(rule), probe())
    assert levels(found)["batch invariance"] == "failure"


def test_what_nan_does_is_told():
    def blind(rows):
        return spot(np.nan_to_num(rows))

    def contagious(rows):
        return spot(rows) + 0 * rows.sum()

    def brittle(rows):
        return crash() if np.isnan(rows).any() else spot(rows)

    found = {
        rule: by_check(preflight(Fake(rule), probe()))["NaN input"] for rule in (blind, contagious, brittle)
    }
    assert [finding.level for finding in found.values()] == ["note", "warning", "note"]
    assert "crash" in found[brittle].observed


def test_integers_cannot_hold_nan_and_get_ranges_that_they_can_hold():
    fake = Fake(lambda rows: spot(rows / 255), input=contract(dtype="uint8", value_range=[0.0, 255.0]))
    found = preflight(fake, probe())
    assert levels(found) == {}
    assert "NaN input" not in by_check(found)


def test_reversed_channels_are_found_where_they_can_be():
    means, stds = [0.0, 0.5, 0.9], [1.0, 1.0, 1.0]

    def rule(rows):
        return spot(np.where(abs(rows[:, :1].min() + means[0]) < 0.5, rows[:, :1], 0.3))

    right = contract(channels=3, mean=means, std=stds)
    wrong = contract(channels=3, mean=means[::-1], std=stds)
    assert levels(preflight(Fake(rule, input=right), probe())) == {}
    assert levels(preflight(Fake(rule, input=wrong), probe()))["channel order"] == "failure"
    same = preflight(Fake(spot, input=contract(channels=3)), probe())
    assert "changes nothing" in by_check(same)["channel order"].observed


def test_the_resize_rule_is_tried_where_it_matters():
    wide = probe()
    wide = Probe(
        [np.hstack([image, np.full((SIDE, SIDE), 80, np.uint8)]) for image in wide.images], wide.labels
    )
    found = by_check(preflight(Fake(spot), wide))["resize rule"]
    assert "2 alternatives" in found.observed
    small = Probe([image[::2, ::2] for image in probe().images], probe().labels)
    assert by_check(preflight(Fake(spot), small))["resize rule"].level == "note"


def test_without_labels_it_says_what_changes_and_judges_nothing():
    found = preflight(Fake(spot, input=contract(value_range=[0.0, 255.0])), probe(truth="none"))
    assert by_check(found)["input range"].level == "note"
    assert "scores change by" in by_check(found)["input range"].observed
    assert levels(found) == {"constant output": "failure"}


def test_a_weak_model_is_not_called_wrong():
    """Answers that have nothing to do with the class: no declaration is clearly better, whatever the noise."""

    def rule(rows):
        return 3 * np.sin(1e4 * rows.sum(axis=(1, 2, 3)))[:, None]

    assert [levels(preflight(Fake(rule), probe(seed=seed))) for seed in range(12)] == [{}] * 12


def test_a_point_that_divides_nothing_is_a_warning_and_an_exploratory_one_a_note():
    found = preflight(Fake(lambda rows: spot(rows) - 13, operating_point_source="exploratory"), probe())
    points = [finding.level for finding in found if finding.check == "operating point"]
    assert points == ["note", "warning"]


def test_a_model_that_is_not_pinned_is_a_note():
    assert (
        by_check(preflight(Fake(spot, sha256=None, weights=None, path="m.onnx", format="onnx"), probe()))[
            "pinned"
        ].level
        == "note"
    )


def test_a_model_that_cannot_be_loaded_has_one_failure():
    found = preflight(Fake(crash), probe())
    assert levels(found) == {"loads": "failure"}
    assert "has died" in found[0].observed and "crash" in found[0].observed


def test_a_model_that_dies_of_another_range_is_judged_by_what_it_answers():
    def rule(rows):
        return crash() if np.abs(rows).max() > 2 else spot(rows)

    found = by_check(preflight(Fake(rule), probe()))
    assert found["input range"].level == "ok"


def test_a_program_is_asked_with_images():
    def answer(images):
        rows = np.stack([image / 255 for image in images])[:, None]
        return Prediction("labels", (spot(rows)[:, 0] > 0).astype(np.int64))

    def of_negatives(images):
        return answer([255 - image for image in images])

    settings = {"format": "program", "weights": None, "sha256": None, "command": ["run"], "output": "labels"}
    right = preflight(Whole(answer, **settings), probe())
    assert levels(right) == {}
    assert by_check(right)["input range"].level == "note"
    wrong = preflight(Whole(of_negatives, **settings), probe())
    assert levels(wrong).items() >= {"inverted film": "failure"}.items()


def test_a_table_made_for_other_images_is_a_warning():
    silent = Whole(
        lambda images: Prediction("probabilities", np.full(len(images), np.nan)),
        format="table",
        weights=None,
        path="t",
    )
    assert levels(preflight(silent, probe())) == {"constant output": "warning"}


def test_the_vendors_own_notes_are_warnings():
    fake = Fake(spot)
    fake.notes = lambda: ["preprocessor_config.json has the mean 0.4."]
    assert by_check(preflight(fake, probe()))["vendor's files"].level == "warning"


def test_a_fixed_number_of_rows_is_kept_to():
    def single(rows):
        assert len(rows) == 1
        return spot(rows)

    fake = Fake(single)
    fake.rows = 1
    assert levels(preflight(fake, probe())) == {}


def test_a_number_of_rows_that_nobody_knows_leaves_the_range_unjudged():
    class Fixed(Fake):
        rows = 0

        def predict(self, images):
            scores = spot(np.stack([image / 255 for image in images])[:, None])[:, 0]
            return Prediction("probabilities", 1 / (1 + np.exp(-scores)))

    fixed = Fixed(lambda rows: spot(rows) if len(rows) == 4 else crash())
    found = by_check(preflight(fixed, probe()))
    assert found["input range"].level == "note"
    assert "does not say how many" in found["input range"].observed
    assert found["inverted film"].level == "ok"
    fixed.rows = 4
    assert by_check(preflight(fixed, probe()))["input range"].level == "ok"


def test_a_preflight_needs_an_image():
    with pytest.raises(UsageError, match="no image"):
        preflight(Fake(spot), Probe([]))


def test_few_passes_are_needed_for_a_right_model():
    fake = Fake(spot)
    preflight(fake, probe())
    assert fake.calls <= 20


def test_the_declaration_of_a_range_is_told_as_the_model_sees_it():
    wide = InputContract(spatial_shape=[SIDE, SIDE], value_range=[0.0, 255.0], mean=[127.5], std=[127.5])
    found = by_check(preflight(Fake(lambda rows: spot(rows / 2 + 0.5), input=wide), probe()))
    assert "the model sees -1 to 1" in found["input range"].declared
    assert declare().input == PLAIN


def test_how_a_table_is_read_stands_among_the_findings(tmp_path):
    (tmp_path / "a.csv").write_text(f";image_sha256;score\n0;{'0' * 64};0,5\n1;{'1' * 64};NA\n;;\n")
    settings = {"weights": None, "sha256": None, "architecture": "", "format": "table", "path": "a.csv"}
    spec = declare(**settings, output="probabilities", input=InputContract(spatial_shape=[16, 16]))
    findings = list(vendor_notes(IsolatedModel(spec.read_from(tmp_path / "model.yaml"))))
    assert {(finding.check, finding.level) for finding in findings} == {("read as", "note")}
    said = [finding.observed for finding in findings]
    assert said == [
        "values parted by semicolons",
        "the first column has no name and is not read (row numbers, as pandas writes them)",
        "1 empty row is not read",
        "numbers with a decimal comma",
        "'NA' is read as no answer (1 time)",
    ]
