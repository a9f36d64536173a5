"""Answers of a table: which columns and cells are read how, and every fault with its file and line."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from conformance import changed, declared
from hypothesis import given
from hypothesis import strategies as st

from radbench.errors import UsageError
from radbench.models.adapters.table_answers import read_answers

KEYS = [f"{number:064x}" for number in range(5)]


@pytest.fixture
def spec(tmp_path):
    return declared(tmp_path, format="table", path="answers.csv", output="probabilities")


def csv(path, rows, header="image_sha256,score"):
    path.write_text("\n".join([header, *(",".join(map(str, row)) for row in rows)]) + "\n")
    return path


def labelled(spec, **settings):
    return changed(spec, output="labels", **settings)


def test_scores_by_image_in_any_order_and_nothing_for_the_unknown(tmp_path, spec):
    answers = read_answers(csv(tmp_path / "a.csv", zip(KEYS, [0.1, 0.2, 0.3], strict=False)), spec)
    assert answers.of([KEYS[2], KEYS[0], KEYS[4], KEYS[2]]).scores().tolist() == pytest.approx(
        [0.3, 0.1, math.nan, 0.3], nan_ok=True
    )
    assert answers.of([]).values.shape == (0,)


def test_every_format_says_the_same_whatever_the_file_is_called(tmp_path, spec):
    frame = pd.DataFrame({"image_sha256": KEYS, "score": [0.1, 0.25, math.nan, 1.0, 0.0], "note": "x"})
    frame.to_csv(tmp_path / "a.txt", index=False)
    frame.to_parquet(tmp_path / "b.csv")
    lines = [json.dumps(row) for row in frame.to_dict("records")]
    (tmp_path / "c").write_text("\n".join(lines) + "\n\n")
    found = [read_answers(tmp_path / name, spec).of(KEYS).values for name in ("a.txt", "b.csv", "c")]
    np.testing.assert_array_equal(found[0], frame["score"])
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_what_a_spreadsheet_writes_is_read(tmp_path, spec):
    path = tmp_path / "a.csv"
    path.write_bytes(b"\xef\xbb\xbf" + f'score,image_sha256\r\n"0.5",{KEYS[10 % 5].upper()}\r\n\r\n'.encode())
    assert read_answers(path, spec).of(KEYS[:1]).values.tolist() == [0.5]


def test_empty_nan_and_declared_answers_say_nothing(tmp_path, spec):
    given = csv(tmp_path / "a.csv", zip(KEYS, ["", "nan", "reject", -1, 0.5], strict=True))
    answers = read_answers(given, changed(spec, indeterminate=["reject", -1]))
    assert answers.of(KEYS).decisions(0.5).tolist() == [-1, -1, -1, -1, 1]
    assert answers.silent == 4


def test_logits_become_probabilities(tmp_path, spec):
    answers = read_answers(
        csv(tmp_path / "a.csv", zip(KEYS, [-3, 0, 3], strict=False)), changed(spec, output="logits")
    )
    np.testing.assert_allclose(answers.of(KEYS[:3]).values, 1 / (1 + np.exp([3.0, 0.0, -3.0])))


@pytest.mark.parametrize("output", ["logits", "probabilities"])
def test_a_column_a_class_in_any_order(tmp_path, spec, output):
    several = changed(spec, task="multiclass", classes=["normal", "pneumothorax", "oedema"], output=output)
    rows = [[KEYS[0], 0.7, 0.2, 0.1], [KEYS[1], 0.1, 0.1, 0.8]]
    table = csv(tmp_path / "a.csv", rows, "image_sha256,pneumothorax,oedema,normal")
    values = np.array([row[1:] for row in rows])
    shares = np.exp(values) / np.exp(values).sum(axis=1, keepdims=True)
    expected = (shares if output == "logits" else values)[:, 0]
    np.testing.assert_allclose(read_answers(table, several).of(KEYS[:2]).values, expected)


def test_the_target_s_column_alone_will_do_but_not_for_a_softmax(tmp_path, spec):
    classes = ["pneumothorax", "oedema"]
    table = csv(tmp_path / "a.csv", [[KEYS[0], 0.25]], "image_sha256,pneumothorax")
    many = changed(spec, task="multilabel", classes=classes)
    assert read_answers(table, many).of(KEYS[:1]).values.tolist() == [0.25]
    with pytest.raises(UsageError, match=r"one logit, 'pneumothorax'.*one column for each class"):
        read_answers(table, changed(spec, task="multiclass", classes=classes, output="logits"))


def test_a_declared_column_is_the_one_that_answers(tmp_path, spec):
    table = csv(tmp_path / "a.csv", [[KEYS[0], 0.1, 0.9]], "image_sha256,score,ai_score")
    named = changed(spec, output_names={"classification": "ai_score"})
    assert read_answers(table, named).of(KEYS[:1]).values.tolist() == [0.9]
    with pytest.raises(UsageError, match=r"'ai_scor', which output_names declares\. Did you mean 'ai_score'"):
        read_answers(table, changed(spec, output_names={"classification": "ai_scor"}))


@pytest.mark.parametrize(
    ("settings", "cells", "expected"),
    [
        ({}, ["0", "1", "1.0", "", "pneumothorax"], [0, 1, 1, -1, 1]),
        (
            {"classes": ["normal", "pneumothorax"]},
            ["normal", "pneumothorax", "0", "1", "nan"],
            [0, 1, 0, 1, -1],
        ),
        (
            {
                "task": "multiclass",
                "classes": ["7", "pneumothorax", "cannot say"],
                "indeterminate": ["cannot say", 3],
            },
            ["7", "1", "2", "3", "cannot say"],
            [0, 1, -1, -1, -1],
        ),
    ],
)
def test_labels_by_number_or_name(tmp_path, spec, settings, cells, expected):
    table = csv(tmp_path / "a.csv", zip(KEYS, cells, strict=True), "image_sha256,label")
    found = read_answers(table, labelled(spec, **settings)).of([*KEYS, "f" * 64])
    assert (found.kind, found.values.dtype) == ("labels", np.int64)
    assert found.values.tolist() == [*expected, -1]


def test_true_and_false_are_labels(tmp_path, spec):
    lines = [
        json.dumps({"image_sha256": key, "label": value})
        for key, value in zip(KEYS, [True, False], strict=False)
    ]
    (tmp_path / "a.jsonl").write_text("\n".join(lines))
    assert read_answers(tmp_path / "a.jsonl", labelled(spec)).of(KEYS[:2]).values.tolist() == [1, 0]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([[KEYS[0], 0.1], [KEYS[1], 1.5]], r"a\.csv, line 3: score is 1\.5, expected a number from 0 to 1"),
        ([[KEYS[0], -0.01]], r"a\.csv, line 2: score is -0\.01"),
        ([[KEYS[0], "high"]], r"line 2: score is 'high', expected a number"),
        ([[KEYS[0], "inf"]], r"line 2: score is 'inf', expected a number"),
        (
            [[KEYS[0], 0.1], [KEYS[1], 0], [KEYS[0], 0.1]],
            r"line 4: image 0{12}\.\.\. was answered before \(.*line 2\)",
        ),
        ([["abc", 0.1]], r"line 2: image_sha256 is 'abc', expected the 64 hexadecimal digits"),
        ([[KEYS[0]]], r"line 2: 1 cells, expected 2"),
        ([[KEYS[0], "0", "5"]], r"line 2: 3 cells, expected 2"),
        ([['"' + KEYS[0], 1]], r"line \d: no CSV"),
    ],
)
def test_a_fault_is_told_with_file_and_line(tmp_path, spec, rows, sentence):
    with pytest.raises(UsageError, match=sentence):
        read_answers(csv(tmp_path / "a.csv", rows), spec)


def test_a_label_that_is_no_class_is_told_with_its_line(tmp_path, spec):
    table = csv(tmp_path / "a.csv", zip(KEYS, [0, 1, 0, 2], strict=False), "image_sha256,label")
    with pytest.raises(UsageError, match=r"a\.csv, line 5: .* answered 2, expected 0, 1 or 'pneumothorax'"):
        read_answers(table, labelled(spec))


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (
            "image_sha256,scores",
            r"columns image_sha256, scores, expected a column 'score'\. Did you mean 'scores'",
        ),
        ("image,score", r"expected a column 'image_sha256'"),
        ("image_sha256,score,score", r"column 'score' twice"),
        ("image_sha256,,score", r"a column without a name"),
    ],
)
def test_a_header_that_does_not_answer(tmp_path, spec, header, sentence):
    with pytest.raises(UsageError, match=sentence):
        read_answers(csv(tmp_path / "a.csv", [], header), spec)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("gone.csv", None, "cannot be read"),
        ("empty.csv", b"", r"0 bytes, expected a table"),
        ("a.csv", b"image_sha256,score\n\xff\xfe,1\n", "no CSV in UTF-8"),
        ("a.jsonl", b'{"image_sha256": "x", "score": [1]}\n', r"line 1: column 'score' holds a list"),
        ("a.jsonl", b'{"image_sha256": \n', "line 1: no JSON"),
        ("a.jsonl", b'{"a":' * 100_000, "line 1: no JSON"),
        ("a.jsonl", b'{"image_sha256": 1, "score": 1}\n[1]\n', r"line 1: image_sha256 is 1"),
        ("a.parquet", b"PAR1 and no more PAR1", "no whole Parquet file"),
    ],
)
def test_broken_files_are_one_sentence(tmp_path, spec, name, content, sentence):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=sentence):
        read_answers(tmp_path / name, spec)


def test_a_huge_number_is_no_score(tmp_path, spec):
    (tmp_path / "a.jsonl").write_text(f'{{"image_sha256": "{KEYS[0]}", "score": 1{"0" * 400}}}\n')
    with pytest.raises(UsageError, match="line 1: score is 1000"):
        read_answers(tmp_path / "a.jsonl", spec)


def test_links_and_pipes_are_not_read(tmp_path, spec):
    csv(tmp_path / "secret.csv", [[KEYS[0], 0.5]])
    (tmp_path / "link.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(UsageError, match="is a link, a folder or a device"):
        read_answers(tmp_path / "link.csv", spec)


@given(scores=st.lists(st.floats(0, 1), max_size=8))
def test_what_was_written_is_what_is_read(tmp_path_factory, scores):
    folder = tmp_path_factory.mktemp("table")
    spec = declared(folder, format="table", path="a.csv", output="calibrated")
    keys = [f"{number:064x}" for number in range(len(scores))]
    answers = read_answers(csv(folder / "a.csv", zip(keys, map(repr, scores), strict=True)), spec)
    assert answers.of(keys).values.tolist() == scores
    assert answers.of(keys[::-1]).values.tolist() == scores[::-1]


def test_labels_in_a_column_a_class_are_the_class_that_says_yes(tmp_path, spec):
    several = labelled(spec, task="multiclass", classes=["normal", "pneumothorax", "oedema"])
    rows = [[KEYS[0], 0, 1, 0], [KEYS[1], 1, 0, 0], [KEYS[2], "NA", "NA", "NA"]]
    table = csv(tmp_path / "a.csv", rows, "image_sha256,normal,pneumothorax,oedema")
    assert read_answers(table, several).of(KEYS[:3]).values.tolist() == [1, 0, -1]


SIX = [f"{number:064x}" for number in range(6)]


@pytest.fixture
def written(tmp_path):
    def write(cells, column="score", delimiter=";"):
        rows = [f"{key}{delimiter}{cell}" for key, cell in zip(SIX, cells, strict=False)]
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
    assert answers.of(SIX[:4]).decisions(0.5).tolist() == [1, -1, 0, -1]
    assert answers.silent == 2
    assert f"'{word}' is read as no answer (2 times)" in answers.notes


def test_a_class_called_none_is_a_class(written, spec):
    named = changed(spec, output="labels", classes=["None", "pneumothorax"])
    answers = read_answers(written(["None", "pneumothorax", "NA", ""], "label"), named)
    assert answers.of(SIX[:4]).values.tolist() == [0, 1, -1, -1]
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
    assert answers.of(SIX[:3]).decisions(0.5).tolist() == [1, 0, -1]
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
    assert answers.of(SIX[:5]).values.tolist() == [0.87, 1.0, 0.5, 0.1, 0.0]
    assert "numbers with a decimal comma" in answers.notes
    logits = read_answers(written(["-1,5", "1e1"]), changed(spec, output="logits"))
    assert logits.of(SIX[:1]).values[0] == pytest.approx(1 / (1 + math.exp(1.5)))
    whole = read_answers(written(["1,0", "0,00"], "label"), changed(spec, output="labels"))
    assert whole.of(SIX[:2]).values.tolist() == [1, 0]


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
