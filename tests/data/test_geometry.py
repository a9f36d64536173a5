import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.data.geometry import Geometry
from radbench.errors import UsageError

sides = st.integers(20, 90)


def _disc(height, width, radius):
    rows, columns = np.indices((height, width))
    return (rows - height / 2) ** 2 + (columns - width / 2) ** 2 <= radius**2


@given(sides, sides, st.integers(16, 64))
@settings(max_examples=40, deadline=None)
def test_image_mask_and_box_move_together(height, width, size):
    geometry = Geometry(height, width, size)
    mask = _disc(height, width, min(height, width) / 3)
    moved = geometry.mask(mask)
    assert moved.shape == (size, size)
    assert geometry.image(mask.astype(np.uint8) * 255).shape == (size, size)
    agreement = ((geometry.image(mask.astype(np.uint8) * 255) >= 128) == moved).mean()
    assert agreement > 0.97
    rows, columns = np.nonzero(mask)
    box = (columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1)
    x, y, w, h = geometry.box(box)
    moved_rows, moved_columns = np.nonzero(moved)
    found = (moved_columns.min(), moved_rows.min(), np.ptp(moved_columns) + 1, np.ptp(moved_rows) + 1)
    np.testing.assert_allclose((x, y, w, h), found, atol=2.0 * max(1, size / min(height, width)))


@given(sides, sides, st.integers(16, 64))
@settings(max_examples=40, deadline=None)
def test_a_box_inside_the_crop_comes_back(height, width, size):
    geometry = Geometry(height, width, size)
    short = min(height, width)
    box = (width / 2 - short / 4, height / 2 - short / 4, short / 3, short / 2.5)
    np.testing.assert_allclose(geometry.undo_box(geometry.box(box)), box, atol=1e-6)


def test_a_box_outside_the_crop_is_gone():
    assert Geometry(50, 200, 50).box((0, 0, 20, 20)) is None


def test_a_mask_comes_back_with_nothing_outside_the_crop():
    mask = _disc(96, 120, 30)
    geometry = Geometry(96, 120, 64)
    back = geometry.undo_mask(geometry.mask(mask))
    assert back.shape == mask.shape
    assert (back & mask).sum() / (back | mask).sum() > 0.95
    assert not geometry.undo_mask(np.ones((64, 64), dtype=bool))[:, :11].any()


def test_the_same_size_changes_nothing_but_the_range():
    pixels = np.random.default_rng(1).integers(0, 256, (32, 32), dtype=np.uint8)
    pixels[0, :2] = 0, 255
    np.testing.assert_array_equal(Geometry(32, 32, 32).image(pixels), pixels)


def test_an_image_comes_back_in_its_own_units():
    rows, columns = np.indices((60, 80))
    source = (1000 + 20 * rows + 10 * columns).astype(np.uint16)
    geometry = Geometry(60, 80, 48)
    image, window = geometry.image_and_window(source)
    assert (image.min(), image.max()) == (0, 255)
    back = geometry.undo_image(image, window, source)
    np.testing.assert_array_equal(back[:, :9], source[:, :9])
    assert np.abs(back - source).max() < 0.02 * np.ptp(source)


def test_wrong_sizes_are_said():
    with pytest.raises(UsageError, match="expected 1 or more"):
        Geometry(10, 10, 0)
    with pytest.raises(UsageError, match="Expected 10 x 12 pixels, found 12 x 10"):
        Geometry(10, 12, 5).mask(np.zeros((12, 10), dtype=bool))
