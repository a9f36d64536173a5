"""Class names in a model file's notes, as vendors write them; never run."""

import pytest

from radbench.models.adapters.model_file import noted_class_names, parsed_class_names


@pytest.mark.parametrize(
    "text",
    [
        '["normal", "covid"]',
        "['normal', 'covid']",
        '{"0": "normal", "1": "covid"}',
        "{0: 'normal', 1: 'covid'}",
        '{"covid": 1, "normal": 0}',
        "normal, covid",
        "normal\ncovid\n",
    ],
)
def test_every_way_of_writing_gives_the_names_in_order(text):
    assert parsed_class_names(text) == ["normal", "covid"]


@pytest.mark.parametrize("text", ["", "[]", "[1, 2]", '{"0": "a", "2": "b"}', "a" * 200_000])
def test_what_holds_no_names_gives_none(text):
    assert parsed_class_names(text) is None


@pytest.mark.parametrize("text", ["[" * 90_000, "{" * 90_000, "(" * 90_000, "-" * 90_000 + "1"])
def test_no_depth_is_too_deep(text):
    assert parsed_class_names(text) == [text]


def test_nothing_is_run():
    assert parsed_class_names("__import__('os').system('false')") == ["__import__('os').system('false')"]


def test_the_first_note_that_can_be_read_counts():
    assert noted_class_names({"names": "a, b", "classes": "[]", "author": "x"}) == ["a", "b"]
    assert noted_class_names({"author": "x"}) is None
