"""Artefact measures on pictures whose answer is known."""

import numpy as np
import pytest

from radbench.quality.artefacts import contrast, contrast_retained, masked_error


def drain(level, ground=100):
    image = np.full((32, 32), ground, np.uint8)
    mask = np.zeros((32, 32), bool)
    mask[5:28, 15:17] = True
    image[mask] = level
    return image, mask


def test_masked_error_counts_only_the_mask_both_ways():
    first, mask = drain(200)
    second, _ = drain(150, ground=0)
    assert masked_error(first, second, mask) == pytest.approx(50 / 255)
    assert masked_error(second, first, mask) == pytest.approx(50 / 255)
    assert masked_error(first, second, ~mask) == pytest.approx(100 / 255)
    assert masked_error(first, first, mask) == 0
    assert masked_error(first, second, mask & False) is None


def test_masked_error_needs_one_size():
    image, mask = drain(200)
    with pytest.raises(ValueError, match="differ"):
        masked_error(image, image[:16], mask)


def test_contrast_is_inside_less_surroundings():
    image, mask = drain(151)
    assert contrast(image, mask) == pytest.approx(51 / 255)
    assert contrast(image, mask & False) is None
    assert contrast(image, mask | True) is None


@pytest.mark.parametrize(("after", "share"), [(200, 1.0), (150, 0.5), (100, 0.0), (50, -0.5)])
def test_contrast_retained(after, share):
    before, mask = drain(200)
    assert contrast_retained(before, drain(after)[0], mask) == pytest.approx(share)


def test_a_faint_object_says_nothing():
    before, mask = drain(101)
    assert contrast_retained(before, drain(200)[0], mask) is None
