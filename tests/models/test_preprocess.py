"""The input contract: range, photometric meaning, resize rule, layout and type; and maps back to the image."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from radbench.errors import UsageError
from radbench.models.base import Prediction
from radbench.models.preprocess import canvas, fit, maps_to_size, standardise, to_batch
from radbench.specs import InputContract

RULES = ("stretch", "pad", "crop")
SIDES = st.integers(1, 60)


def contract(**settings):
    return InputContract(**({"spatial_shape": [32, 48]} | settings))


def picture(height, width, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)


def test_range_mean_and_standard_deviation_of_each_channel():
    settings = contract(
        channels=3,
        spatial_shape=[16, 8],
        value_range=[-1024.0, 1024.0],
        mean=[0.0, 512.0, 0.0],
        std=[1.0, 2.0, 1024.0],
    )
    images = [np.full((32, 32), 255, np.uint8), np.zeros((16, 8), np.uint8)]
    batch = to_batch(images, settings, 4)
    assert (batch.shape, batch.dtype) == ((4, 3, 16, 8), np.float32)
    assert batch[0, :, 0, 0].tolist() == pytest.approx([1024.0, 256.0, 1.0], rel=1e-5)
    assert batch[1, :, 0, 0].tolist() == pytest.approx([-1024.0, -768.0, -1.0], rel=1e-5)
    assert not batch[2:].any()


def test_an_inverted_film():
    image = picture(32, 48)
    settings = contract(value_range=[0.0, 255.0])
    inverted = contract(value_range=[0.0, 255.0], photometric="MONOCHROME1")
    np.testing.assert_allclose(
        to_batch([image], inverted, 1), 255 - to_batch([image], settings, 1), atol=1e-3
    )


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "int32", "float16", "float64"])
def test_types_are_rounded_and_never_wrap(dtype):
    image = picture(32, 48)
    found = to_batch([image], contract(dtype=dtype, value_range=[0.0, 255.0]), 1)
    assert found.dtype == dtype
    np.testing.assert_array_equal(found[0, 0], image)
    beyond = to_batch([image], contract(dtype=dtype, value_range=[0.0, 255.0], mean=[128.0]), 1)
    if dtype.startswith("u"):
        np.testing.assert_array_equal(beyond[0, 0], np.maximum(image.astype(int) - 128, 0))


def test_layouts_hold_the_same_numbers():
    image, settings = picture(40, 30), {"channels": 3, "mean": [0.1, 0.2, 0.3]}
    last = to_batch([image], contract(layout="NHWC", **settings), 2)
    assert last.shape == (2, 32, 48, 3)
    np.testing.assert_array_equal(last.transpose(0, 3, 1, 2), to_batch([image], contract(**settings), 2))


@pytest.mark.parametrize("rule", RULES)
@given(height=SIDES, width=SIDES)
def test_training_sees_what_a_model_under_test_sees(rule, height, width):
    settings, image = contract(resize=rule, mean=[0.5], std=[0.25]), picture(height, width)
    pixels = torch.from_numpy(image).float()[None, None] / 255
    expected = standardise(fit(pixels, settings), settings).numpy()
    np.testing.assert_allclose(to_batch([image], settings, 1), expected, atol=1e-4)


def test_a_padded_image_keeps_its_shape_and_has_black_around_it():
    white = np.full((64, 16), 255, np.uint8)
    found = to_batch([white], contract(spatial_shape=[32, 32], resize="pad"), 1)[0, 0]
    assert found[:, 13:19].min() == 1.0
    assert found[:, :11].max() == 0.0
    assert found[:, 21:].max() == 0.0
    inverted = contract(spatial_shape=[32, 32], resize="pad", photometric="MONOCHROME1")
    assert to_batch([white], inverted, 1).max() == 0.0


def test_a_cropped_image_loses_its_ends():
    image = np.zeros((64, 16), np.uint8)
    image[24:40] = 255
    found = to_batch([image], contract(spatial_shape=[32, 32], resize="crop"), 1)
    assert found.min() == 1.0


@pytest.mark.parametrize("rule", RULES)
@given(height=SIDES, width=SIDES)
def test_the_canvas_has_the_contract_s_aspect_and_holds_or_fits_the_image(rule, height, width):
    rows, columns = canvas((height, width), contract(resize=rule))
    if rule == "stretch":
        assert (rows, columns) == (height, width)
        return
    assert abs(rows * 48 - columns * 32) <= 48
    if rule == "pad":
        assert (rows >= height, columns >= width) == (True, True)
        assert rows == height or columns == width
    else:
        assert (1 <= rows <= height, 1 <= columns <= width) == (True, True)


@pytest.mark.parametrize("rule", RULES)
@given(height=st.integers(16, 90), width=st.integers(16, 90))
def test_a_map_comes_back_to_where_it_was_drawn(rule, height, width):
    row, column = np.indices((height, width)) / np.array([height, width])[:, None, None]
    image = ((np.sin(3 * row) + np.cos(3 * column) + 1) * 80).clip(0, 255).astype(np.uint8)
    settings = contract(resize=rule)
    found = maps_to_size(to_batch([image], settings, 1)[:, 0], settings, (height, width))[0]
    assert found.shape == (height, width)
    rows, columns = canvas((height, width), settings)
    top, left = max(0, (height - rows) // 2), max(0, (width - columns) // 2)
    seen = (slice(top, top + min(rows, height)), slice(left, left + min(columns, width)))
    inner = tuple(slice(part.start + 4, part.stop - 4) for part in seen)
    if found[inner].size:
        assert np.abs(found[inner] - image[inner] / 255).max() < 0.1
    unseen = np.ones((height, width), bool)
    unseen[seen] = False
    assert not found[unseen].any()


@pytest.mark.parametrize("size", [(5, 7), (32, 48), (100, 30)])
def test_maps_are_resized_as_torch_does(size):
    maps = np.random.default_rng(0).random((3, 32, 48))
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[None], size, mode="bilinear", align_corners=False
    )
    np.testing.assert_allclose(maps_to_size(maps, contract(), size), expected[0], atol=1e-12)


@pytest.mark.parametrize(
    "image", [np.zeros((8, 8)), np.zeros((1, 8, 8), np.uint8), np.zeros((0, 8), np.uint8)]
)
def test_anything_but_a_grayscale_image_is_refused(image):
    with pytest.raises(UsageError, match="expected grayscale uint8"):
        to_batch([image], contract(), 1)


def test_decisions_begin_at_the_operating_point():
    found = Prediction("probabilities", np.array([0.49, 0.5, 0.51, np.nan]))
    assert found.decisions(0.5).tolist() == [0, 1, 1, -1]
    labels = Prediction("labels", np.array([0, 1, -1]))
    assert labels.decisions(0.9).tolist() == [0, 1, -1]
    assert labels.scores() is None
    with pytest.raises(ValueError, match="masks"):
        Prediction("masks", np.zeros((1, 2, 2), bool)).decisions(0.5)
