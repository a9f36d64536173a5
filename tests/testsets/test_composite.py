import numpy as np
import pytest

from radbench.data.geometry import Framing
from radbench.testsets.composite import edit_weight, stress_film

RNG = np.random.default_rng(7)
SIZE = 64


def _film(dtype, shape=(300, 410)):
    rows, columns = np.indices(shape)
    smooth = 0.5 + 0.3 * np.sin(rows / 40) * np.cos(columns / 55)
    white = np.iinfo(dtype).max
    return np.clip((smooth + 0.05 * RNG.standard_normal(shape)) * white, 0, white).astype(dtype)


def _case(dtype):
    film = _film(dtype)
    framing = Framing.of(film, SIZE)
    source = framing.square(film)
    edit, keep = np.zeros((SIZE, SIZE), bool), np.zeros((SIZE, SIZE), bool)
    edit[20:40, 15:45] = True
    keep[28:32, 10:50] = True
    edited = source.copy()
    edited[edit & ~keep] = np.clip(source[edit & ~keep].astype(int) + 40, 0, 255)
    return film, framing, source, edited, edit, keep


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_outside_the_feathered_mask_and_in_the_keep_mask_every_pixel_is_the_originals(dtype):
    film, framing, source, edited, edit, keep = _case(dtype)
    shown = stress_film(film, framing, source, edited, edit, keep)
    assert (shown.dtype, shown.shape) == (film.dtype, film.shape)
    wide = np.zeros_like(edit)
    wide[16:44, 11:49] = True  # two square pixels of feather, one of enlarging, one to spare
    np.testing.assert_array_equal(shown[~framing.undo_mask(wide)], film[~framing.undo_mask(wide)])
    np.testing.assert_array_equal(shown[framing.undo_mask(keep)], film[framing.undo_mask(keep)])
    core = np.zeros_like(edit)
    core[22:26, 18:42] = True
    inside = framing.undo_mask(core)
    change = shown.astype(float)[inside] - film.astype(float)[inside]
    step = (framing.high - framing.low) / 255
    assert np.abs(change.mean() - 40 * step) < 2 * step


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_an_edit_that_changed_nothing_gives_the_film_itself(dtype):
    film, framing, source, _, edit, keep = _case(dtype)
    np.testing.assert_array_equal(stress_film(film, framing, source, source, edit, keep), film)
    np.testing.assert_array_equal(stress_film(film, framing, source, source, edit, None), film)


def test_what_a_film_shows_beyond_the_squares_resolution_stays():
    film, framing, source, edited, edit, keep = _case(np.uint16)
    shown = stress_film(film, framing, source, edited, edit, keep).astype(float)
    core = np.s_[115:120, 110:230]
    detail = np.diff(film[core].astype(float), axis=1)
    np.testing.assert_allclose(np.diff(shown[core], axis=1).std(), detail.std(), rtol=0.05)


def test_the_weight_is_one_inside_zero_far_away_and_in_the_keep_mask():
    *_, edit, keep = _case(np.uint8)
    weight = edit_weight(edit, keep)
    assert (weight[edit & ~keep] == 1).all()
    assert (weight[keep] == 0).all()
    assert weight[:16].max() == 0
    assert not edit_weight(edit & False, keep).any()


def test_the_geometry_control_keeps_what_lies_outside_the_crop():
    film, framing, source, *_ = _case(np.uint16)
    back = framing.undo(source, film)
    assert back.dtype == film.dtype
    outside = ~framing.undo_mask(np.ones((SIZE, SIZE), bool))
    assert outside.any()
    np.testing.assert_array_equal(back[outside], film[outside])
    inside = ~outside
    assert np.abs(back[inside].astype(float) - film[inside]).mean() > 0
    np.testing.assert_allclose(framing.square(back).astype(int), source, atol=24)
