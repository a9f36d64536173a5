import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.data.cohort import UNKNOWN, value_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (45, "45"), (45.0, "45"), ("45.0", "45"), (" 45 ", "45"), ("+45", "45"), ("4.50", "4.5"), (0.5, "0.5"),
        (-0.0, "0"), ("007", "007"), ("1e5", "1e5"), ("F", "F"), (100, "100"), ("10.00", "10"), (True, "True"),
    ],
)  # fmt: skip
def test_a_number_has_one_name(value, text):
    assert value_text(value) == text


@pytest.mark.parametrize("value", [None, "", "  ", float("nan"), float("inf"), "unknown", "Unknown"])
def test_what_is_not_known_is_unknown(value):
    assert value_text(value) == UNKNOWN


@given(st.integers(-(10**9), 10**9))
def test_whole_numbers_do_not_depend_on_their_type(number):
    assert {value_text(one) for one in (number, float(number), str(number), f"{number}.0")} == {str(number)}
