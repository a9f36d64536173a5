import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.data.columns import typed


@given(st.lists(st.integers(-(10**12), 10**12) | st.none(), min_size=1))
def test_integers_come_back_with_their_gaps(values):
    for text in (str, lambda value: f"{value}.0"):
        assert typed(["" if value is None else text(value) for value in values]) == values


@given(st.lists(st.decimals(-1000, 1000, places=2) | st.none(), min_size=1))
def test_decimals_come_back_with_points_and_commas(values):
    expected = [None if value is None else float(value) for value in values]
    cells = ["" if value is None else str(value) for value in values]
    assert typed(cells) == expected
    assert typed([cell.replace(".", ",") for cell in cells], decimal_comma=True) == expected


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["45", "45.0", ""], [45, 45, None]),
        (["40", "41.5"], [40.0, 41.5]),
        (["007", "008"], ["007", "008"]),
        (["1e5", "2"], ["1e5", "2"]),
        (["45", "NA", "nan"], [45, None, None]),
        (["NA", "b", "nan"], ["NA", "b", None]),
        (["", ""], [None, None]),
        (["40,5"], ["40,5"]),
        (["45", "unknown"], ["45", "unknown"]),
    ],
)
def test_a_column_has_one_type(cells, values):
    found = typed(cells)
    assert found == values
    assert [type(value) for value in found] == [type(value) for value in values]
