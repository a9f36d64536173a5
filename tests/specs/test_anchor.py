"""What is declared of anchors."""

import pytest

from radbench.errors import UsageError
from radbench.specs import AnchorSpec, SourceSpec, load_shift

SHIFT = """\
name: plain
title: Plain
description: With anchors.
kind: manifestation
target: pneumothorax
source: {source}
scenarios:
  - name: remove
    prompt: No acute cardiopulmonary process.
    edit_mask: {{source: pneumothorax}}
    labels_after: {{pneumothorax: 0}}
    anchor: {anchor}
metrics: [accuracy]
"""
PHANTOM = "{cohort: phantom/manifestation, size: 40, seed: 3}"
DATASET = "{cohort: padchest, root: /films, views: [PA], seed: 3, size: 100, select: {drain: 1, sex: F}}"


def read(tmp_path, anchor, source=PHANTOM):
    file = tmp_path / "declared.yaml"
    file.write_text(SHIFT.format(source=source, anchor=anchor), encoding="utf-8")
    return load_shift(file)


def resolved(tmp_path, anchor, source=PHANTOM):
    shift = read(tmp_path, anchor, source)
    return shift.scenarios[0].anchor.of(shift.source)


def test_left_out_the_cohort_is_the_shift_s_own_with_all_that_is_said_of_it(tmp_path):
    found = resolved(tmp_path, "{select: {pneumothorax: 0, drain: 1}}")
    assert (found.cohort, found.size, found.seed, found.split) == ("phantom/manifestation", 40, 3, "test")
    found = resolved(tmp_path, "{select: {pneumothorax: 0, drain: 0}, split: val}", DATASET)
    assert (found.cohort, found.root, found.views, found.size) == ("padchest", "/films", ["PA"], None)
    assert (found.split, found.select) == ("val", {"drain": 0, "sex": "F", "pneumothorax": 0})


def test_another_cohort_says_everything_itself(tmp_path):
    found = resolved(tmp_path, "{cohort: candid-ptx, select: {pneumothorax: 0}, size: 16}", DATASET)
    assert (found.cohort, found.root, found.seed, found.size) == ("candid-ptx", None, 0, 16)
    assert found.select == {"pneumothorax": 0}


@pytest.mark.parametrize(
    ("anchor", "words"),
    [
        ("{select: {pneumothorax: 1, drain: 1}}", "selects pneumothorax: 1, expected 0"),
        ("{select: {}}", "select"),
        ("{cohort: phantom/treated, select: {drain: 1}}", "size"),
        ("{select: {drain: 1}, views: [PA]}", "anchor of scenario 'remove'.*views"),
        ("{cohort: padchest, select: {drain: 1}}", "drawn and real films are never held against each other"),
        ("{select: {drain: 1}, margin: 0}", "margin"),
        ("{select: {drain: 1}, marign: 0.1}", "marign"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_stands(tmp_path, anchor, words):
    with pytest.raises(UsageError, match=words):
        read(tmp_path, anchor)


def test_a_shift_without_anchors_is_written_as_before(tmp_path):
    shift = read(tmp_path, "null")
    assert "anchor" not in shift.model_dump(mode="json")["scenarios"][0]
    assert shift.without_controls().scenarios[0].anchor is None
    asked = read(tmp_path, "{select: {drain: 1}}")
    assert asked.scenarios[0].anchor.margin == 0.1
    assert asked.without_controls().scenarios[0].anchor is None


def test_from_python_it_is_the_same():
    source = SourceSpec(cohort="padchest", split="val")
    assert AnchorSpec(select={"drain": 1}).of(source).split == "val"
