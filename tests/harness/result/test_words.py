"""Numbers in words, and what qualifies them."""

from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.harness.result import Estimate
from radbench.harness.result.words import count, footnotes, grey_levels, show


def test_estimates_in_words():
    shown = show(Estimate(value=0.9753, low=0.95, high=1.0, n=160))
    assert (shown.text, shown.interval) == ("97.5 %", "95.0 to 100.0 %")
    assert show(Estimate(value=-0.016, n=3), "points").text == "−1.6 points"
    assert show(Estimate(value=-0.0001, n=3), "score").text == "0.000"
    assert show(Estimate(value=0.25, n=3), "score").text == "+0.250"


def test_undefined_is_said_with_its_reason():
    shown = show(Estimate(value=None, n=64, note="one class only"))
    assert (shown.text, shown.defined, shown.note, shown.n) == ("undefined", False, "one class only", 64)
    assert show(None, missing="not run").note == "not run"
    assert show(Estimate(value=None, n=0, note="undefined: no images")).note == "no images"
    assert show(Estimate(value=None, n=0)).note


@settings(max_examples=40, deadline=None)
@given(st.floats(-1, 1))
def test_no_number_reads_as_minus_zero(value):
    for unit in ("share", "points", "score"):
        text = show(Estimate(value=value, n=1), unit).text
        assert "−0.0 " not in text + " "
        assert "−0.000" not in text


def test_small_words():
    assert (count(1, "model"), count(2, "model")) == ("1 model", "2 models")
    assert (grey_levels(None), grey_levels(0.5)) == ("not known", "127.5")


def test_a_note_is_said_once_with_its_rows():
    def shown(note):
        return show(Estimate(value=0.5, n=3, note=note))

    rows = [
        ("Real", shown("few")),
        ("Sham", shown("one class; few")),
        ("Truth", shown("")),
        ("Gone", show(None)),
    ]
    assert footnotes(rows) == ("Real, Sham: few.", "Sham: one class.")
    assert footnotes(rows[:2]) == ("All figures: few.", "Sham: one class.")
    many = [(str(number), shown("few" if number else "")) for number in range(7)]
    assert footnotes(many) == ("6 of 7 figures: few.",)
