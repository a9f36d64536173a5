"""What a natural shift declares, and what it may not."""

import pytest

from radbench.errors import UsageError
from radbench.specs import load_shift

TEXT = """\
name: site-b
title: T
description: D
kind: natural
target: ptx
source: {cohort: 'folder:site-a', split: test}
against: {cohort: 'folder:site-b', split: test}
reweight: [ptx, sex]
metrics: [accuracy]
"""


def read(folder, text):
    (folder / "shift.yaml").write_text(text, encoding="utf-8")
    return load_shift(folder / "shift.yaml")


def test_two_cohorts_are_all_that_it_needs(tmp_path):
    shift = read(tmp_path, TEXT)
    assert shift.is_natural
    assert (shift.against.cohort, shift.reweight, shift.scenarios) == ("folder:site-b", ["ptx", "sex"], [])


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("reweight: [ptx, sex]", "bundle: phantom"), "bundle is about edits, and kind is 'natural'"),
        (("reweight: [ptx, sex]", "controls: {sham: false}"), "controls is about edits"),
        (("reweight: [ptx, sex]", "control_models: [x]"), "control_models is about edits"),
        (("reweight: [ptx, sex]", "limit: 3"), "limit is about edits"),
        (("split: test}\nagainst", "image_size: 64}\nagainst"), "source.image_size is about edits"),
        (("against: {cohort: 'folder:site-b', split: test}\n", ""), "against is missing"),
        (("folder:site-b", "folder:site-a"), "the same films"),
        (("[ptx, sex]", "[sex, sex]"), "reweight names 'sex' twice"),
        (("kind: natural", "kind: population"), "against is for 'kind: natural' only"),
    ],
)
def test_what_has_no_place_in_it_is_said_in_one_sentence(tmp_path, change, told):
    with pytest.raises(UsageError, match=told):
        read(tmp_path, TEXT.replace(*change))


def test_a_shift_of_edits_needs_an_edit(tmp_path):
    text = TEXT.replace("natural", "population").replace("reweight: [ptx, sex]\n", "")
    text = text.replace("against: {cohort: 'folder:site-b', split: test}\n", "")
    with pytest.raises(UsageError, match="scenarios is missing or empty, expected one edit"):
        read(tmp_path, text)
