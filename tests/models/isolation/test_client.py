"""Endings in one sentence, of the right kind, with a stranger's words made harmless."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.models.isolation.client import LAST_WORDS, clean, failed, late, stopped, unreadable

GIB = 1 << 30


@given(st.text(max_size=200))
def test_cleaned_text_is_printable_and_of_one_line(text):
    found = clean(text)
    assert found.isprintable() and len(found) <= LAST_WORDS


def test_escapes_go_and_the_end_stays():
    assert clean("\x1b[31mred\x1b[0m\x1b]0;title\x07 and\r\n\tmore\x00") == "red and more"
    assert clean("a" * 3000 + "end").endswith("aend") and len(clean("a" * 3000)) == LAST_WORDS


@pytest.mark.parametrize(
    ("told", "log", "kind", "words"),
    [
        ({"status": 3}, "", "crash", "exit status 3"),
        ({"signal": 11}, "", "crash", "signal 11 (SIGSEGV)"),
        ({"signal": 9}, "", "crash", "ended from outside"),
        ({"signal": 6}, "terminate called after std::bad_alloc", "memory", "2 GiB of memory that it may"),
        ({"memory": 3 * GIB}, "", "memory", "held 3 GiB of memory, more than the 2 GiB"),
        ({}, "", "crash", "closed its connection"),
        ({"signal": 4242}, "", "crash", "signal 4242"),
        ({"status": "x"}, "", "crash", "closed its connection"),
    ],
)
def test_the_kind_of_an_ending(told, log, kind, words):
    error = stopped("tiny", told, log, 2 * GIB)
    assert error.kind == kind and words in str(error)
    assert str(error).startswith("Model 'tiny' ")
    assert ("Its last output was" in str(error)) == bool(log)


def test_time_and_garbage():
    error = late("tiny", "load", 2.5, "")
    assert error.kind == "timeout" and str(error) == "Model 'tiny' did not load within 2.5 s and was stopped."
    assert unreadable("tiny", "bytes that are no message", "").kind == "output"


def test_what_a_process_says_of_itself_is_held_to_the_known_kinds():
    error = failed("tiny", "PASS", "\x1b[2J" + "x" * 5000)
    assert error.kind == "crash" and "\x1b" not in str(error) and len(str(error)) < 2100
    error = failed("tiny", "output", "Model 'tiny' gave nonsense.")
    assert error.kind == "output" and str(error) == "Model 'tiny' gave nonsense."
    assert failed("tiny", {"a": 1}, None).kind == "crash"
