import math

import pytest
from conformance import changed, declared

from radbench.errors import UsageError
from radbench.models.adapters.table_answers import read_answers

KEYS = [f"{number:064x}" for number in range(6)]


@pytest.fixture
def spec(tmp_path):
    return declared(tmp_path, format="table", path="answers.csv", output="probabilities")


@pytest.fixture
def written(tmp_path):
    def write(cells, column="score", delimiter=";"):
        rows = [f"{key}{delimiter}{cell}" for key, cell in zip(KEYS, cells, strict=False)]
        path = tmp_path / "a.csv"
        path.write_text("\n".join([f"image_sha256{delimiter}{column}", *rows]) + "\n")
        return path

    return write


@pytest.mark.parametrize("word", ["NA", "N/A", "#N/A", "NaN", "null", "NULL", "None", "<NA>", "nan"])
@pytest.mark.parametrize("output", ["probabilities", "labels"])
def test_words_for_no_answer_say_nothing_and_are_told(written, spec, word, output):
    answers = read_answers(
        written([1, word, 0, word], "label" if output == "labels" else "score"), changed(spec, output=output)
    )
    assert answers.of(KEYS[:4]).decisions(0.5).tolist() == [1, -1, 0, -1]
    assert answers.silent == 2
    assert f"'{word}' is read as no answer (2 times)" in answers.notes


def test_a_class_called_none_is_a_class(written, spec):
    named = changed(spec, output="labels", classes=["None", "pneumothorax"])
    answers = read_answers(written(["None", "pneumothorax", "NA", ""], "label"), named)
    assert answers.of(KEYS[:4]).values.tolist() == [0, 1, -1, -1]
    with pytest.raises(UsageError, match=r"line 2: .*answered 'none', expected one of None, pneumothorax"):
        read_answers(written(["none"], "label"), named)


@pytest.mark.parametrize("words", [("True", "False"), ("TRUE", "FALSE"), ("true", "false")])
@pytest.mark.parametrize(
    "settings",
    [
        {"output": "labels"},
        {"output": "labels", "classes": ["normal", "pneumothorax"]},
        {"output": "probabilities"},
        {"output": "calibrated"},
    ],
)
def test_true_and_false_are_yes_and_no(written, spec, words, settings):
    column = "label" if settings["output"] == "labels" else "score"
    answers = read_answers(written([*words, "NA"], column), changed(spec, **settings))
    assert answers.of(KEYS[:3]).decisions(0.5).tolist() == [1, 0, -1]
    assert f"true and false in '{column}' are read as 1 and 0" in answers.notes


@pytest.mark.parametrize(
    ("settings", "cells", "sentence"),
    [
        ({"output": "labels", "classes": ["pneumothorax", "normal"]}, ["True"], "which of pneumothorax, normal"),
        ({"output": "labels", "task": "multiclass", "classes": ["a", "pneumothorax", "c"]}, ["True"], "is meant"),
        ({"output": "logits"}, ["True"], "expected a logit"),
        ({}, ["True", "0.3"], r"line 3: score is '0\.3', and true or false before \(.*line 2\)"),
        ({}, ["0.3", "False"], "line 3: score is False, and no true or false before"),
    ],
)  # fmt: skip
def test_true_and_false_that_could_mean_another_thing(written, spec, settings, cells, sentence):
    column = "label" if settings.get("output") == "labels" else "score"
    with pytest.raises(UsageError, match=sentence):
        read_answers(written(cells, column), changed(spec, **settings))


def test_decimal_commas_are_numbers_and_are_told(written, spec):
    answers = read_answers(written(["0,87", "1", ",5", "1,0E-1", "0"]), spec)
    assert answers.of(KEYS[:5]).values.tolist() == [0.87, 1.0, 0.5, 0.1, 0.0]
    assert "numbers with a decimal comma" in answers.notes
    logits = read_answers(written(["-1,5", "1e1"]), changed(spec, output="logits"))
    assert logits.of(KEYS[:1]).values[0] == pytest.approx(1 / (1 + math.exp(1.5)))
    whole = read_answers(written(["1,0", "0,00"], "label"), changed(spec, output="labels"))
    assert whole.of(KEYS[:2]).values.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("cells", "sentence"),
    [
        (["87 %"], r"line 2: score is '87 %', expected a number"),
        (["0.5", "87"], r"line 3: score is 87, expected a number from 0 to 1"),
        (["87,0"], r"line 2: score is 87, expected a number from 0 to 1"),
        (["-1"], r"line 2: score is -1, expected a number from 0 to 1"),
        (["1.2"], r"line 2: score is 1\.2, expected a number from 0 to 1"),
        (["1,2"], r"line 2: score is 1\.2, expected a number from 0 to 1"),
        (["0.5", "0,5"], r"line 3: score is '0,5', and the table has decimal points before \(.*line 2\)"),
        (["0,5", "1", "0.5"], r"line 4: score is '0\.5', and the table has decimal commas before"),
        (["1.234,5"], r"line 2: score is '1\.234,5', expected a number"),
        (["1_0"], r"line 2: score is '1_0', expected a number"),
        (["-inf"], r"line 2: score is '-inf', expected a number"),
        (["."], r"line 2: score is '\.', expected a number"),
    ],
)
def test_what_is_no_probability_stays_refused(written, spec, cells, sentence):
    with pytest.raises(UsageError, match=sentence):
        read_answers(written(cells), spec)
