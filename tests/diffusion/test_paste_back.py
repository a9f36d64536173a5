import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.diffusion.paste_back import keep_weight, paste_back
from radbench.errors import UsageError


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 5))
def test_the_keep_region_is_the_source_and_what_is_far_is_the_edit(seed, feather):
    rng = np.random.default_rng(seed)
    edited, source = rng.random((2, 24, 24), dtype=np.float32)
    keep = np.zeros((24, 24), bool)
    keep[2:6, 3:9] = True
    pasted = paste_back(edited, source, keep, feather)
    assert np.array_equal(pasted[keep], source[keep])
    far = keep_weight(keep, feather) == 0
    assert np.array_equal(pasted[far], edited[far])
    low, high = np.minimum(edited, source), np.maximum(edited, source)
    assert ((pasted >= low - 1e-6) & (pasted <= high + 1e-6)).all()


def test_the_feather_is_a_gaussian_of_the_distance_outside():
    keep = np.zeros((1, 21), bool)
    keep[0, 10] = True
    weight = keep_weight(keep, 2.0)[0]
    distance = np.abs(np.arange(21) - 10)
    expected = np.where(distance <= 6, np.exp(-0.5 * (distance / 2) ** 2), 0)
    assert np.allclose(weight, expected, atol=1e-6)
    assert np.array_equal(keep_weight(keep, 0.0), keep.astype(np.float32))


def test_nothing_kept_changes_nothing():
    edited, source = np.random.default_rng(0).random((2, 8, 8), dtype=np.float32)
    assert np.array_equal(paste_back(edited, source, np.zeros((8, 8), bool), 3.0), edited)


@pytest.mark.parametrize("feather", [-1.0, float("nan")])
def test_a_negative_feather_is_refused(feather):
    with pytest.raises(UsageError, match="feather"):
        keep_weight(np.ones((2, 2), bool), feather)
