import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radbench.data.masks import as_bool, dilate
from radbench.errors import UsageError

masks = arrays(np.bool_, st.tuples(st.integers(1, 12), st.integers(1, 12)))


@given(masks)
@settings(max_examples=50, deadline=None)
def test_every_way_of_writing_a_mask_means_the_same(mask):
    written = [
        mask,
        mask.astype(np.uint8),
        mask.astype(np.uint8) * 255,
        mask.astype(np.uint16) * 65535,
        mask.astype(np.int64),
        mask.astype(np.float32),
        mask.astype(np.float64) * 255,
    ]
    for values in written:
        result = as_bool(values)
        assert result.dtype == np.bool_
        np.testing.assert_array_equal(result, mask)


def test_a_softened_mask_keeps_its_half():
    np.testing.assert_array_equal(
        as_bool(np.array([[0, 127, 128, 255]], np.uint8)), [[False, False, True, True]]
    )
    np.testing.assert_array_equal(as_bool(np.array([[0.0, 0.49, 0.5, 1.0]])), [[False, False, True, True]])


@pytest.mark.parametrize(
    ("values", "word"),
    [
        (np.array([[0, 3]]), "label map"),
        (np.array([[0.0, np.nan]]), "nan"),
        (np.array([[-1, 1]]), "-1"),
        (np.zeros((2, 2, 3)), "two dimensions"),
    ],
)
def test_what_is_no_mask_is_said(values, word):
    with pytest.raises(UsageError, match=word):
        as_bool(values, "the mask m.png")


@given(masks, st.floats(0, 8))
@settings(max_examples=60, deadline=None)
def test_dilation_is_the_union_of_discs(mask, radius):
    rows, columns = np.indices(mask.shape)
    expected = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        expected |= np.sqrt((rows - row) ** 2 + (columns - column) ** 2) <= radius
    np.testing.assert_array_equal(dilate(mask, radius), expected)


@pytest.mark.parametrize(("radius", "pixels"), [(0, 1), (0.99, 1), (1, 5), (1.25, 5), (1.5, 9), (2, 13)])
def test_fractional_radii_are_well_defined(radius, pixels):
    point = np.zeros((9, 9), dtype=bool)
    point[4, 4] = True
    assert dilate(point, radius).sum() == pixels


def test_dilation_gives_a_new_array_and_refuses_nonsense():
    mask = np.zeros((3, 3), dtype=bool)
    assert dilate(mask, 5) is not mask
    assert not dilate(mask, 5).any()
    for radius in (-1.0, float("nan"), float("inf")):
        with pytest.raises(UsageError, match="radius"):
            dilate(mask, radius)
