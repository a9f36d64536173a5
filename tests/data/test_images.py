import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from radbench.data.films import image_shape, read_image, read_pixels
from radbench.data.images import array_digest, as_bool, decode_png, dilate, encode_png, min_max, write_png
from radbench.errors import UsageError


@pytest.fixture
def picture():
    return np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)


def test_png_round_trip_has_the_same_bytes_every_time(picture, tmp_path):
    write_png(tmp_path / "a.png", picture)
    assert (tmp_path / "a.png").read_bytes() == encode_png(picture) == encode_png(picture[:, ::1].copy())
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), picture)
    np.testing.assert_array_equal(decode_png(encode_png(picture)), picture)
    assert image_shape(tmp_path / "a.png") == (20, 30)


def test_a_bool_mask_is_written_black_and_white():
    mask = np.eye(5, dtype=bool)
    np.testing.assert_array_equal(decode_png(encode_png(mask)) == 255, mask)


def test_only_gray_arrays_become_png(picture):
    with pytest.raises(ValueError, match="float64"):
        encode_png(picture / 255)


def test_sixteen_bits_keep_their_values_and_map_to_the_whole_range(tmp_path):
    wide = (np.arange(12, dtype=np.uint16) * 300 + 100).reshape(3, 4)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    stored = read_pixels(tmp_path / "wide.png")
    assert stored.dtype == np.uint16
    np.testing.assert_array_equal(stored, wide)
    image = read_image(tmp_path / "wide.png")
    assert image.dtype == np.uint8
    assert (image.min(), image.max()) == (0, 255)


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P", "1"])
def test_other_modes_become_gray(mode, tmp_path):
    black_and_white = Image.fromarray((np.eye(8) * 255).astype(np.uint8))
    black_and_white.convert(mode).save(tmp_path / "x.png")
    np.testing.assert_array_equal(read_image(tmp_path / "x.png"), np.eye(8) * 255)


def test_a_jpeg_is_read(picture, tmp_path):
    Image.fromarray(picture).save(tmp_path / "x.jpg", quality=95)
    assert read_image(tmp_path / "x.jpg").shape == picture.shape


@given(cut=st.integers(0, 150))
@settings(max_examples=20, deadline=None)
def test_a_truncated_image_is_named(cut, tmp_path_factory):
    path = tmp_path_factory.mktemp("cut") / "short.png"
    path.write_bytes(encode_png(np.random.default_rng(2).integers(0, 256, (12, 12), dtype=np.uint8))[:cut])
    with pytest.raises(UsageError, match=r"short\.png"):
        read_image(path)


def test_a_flipped_byte_in_the_pixels_is_found(picture, tmp_path):
    data = bytearray(encode_png(picture))
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "bad.png").write_bytes(data)
    with pytest.raises(UsageError, match=r"bad\.png is corrupt"):
        read_image(tmp_path / "bad.png")


@pytest.mark.parametrize("call", [read_image, image_shape])
def test_what_is_missing_or_no_image_is_said(call, tmp_path):
    with pytest.raises(UsageError, match="does not exist"):
        call(tmp_path / "none.png")
    buffer = io.BytesIO()
    Image.new("L", (4, 4)).save(buffer, format="GIF")
    (tmp_path / "x.gif").write_bytes(buffer.getvalue())
    with pytest.raises(UsageError, match="a GIF, not a PNG, JPEG"):
        call(tmp_path / "x.gif")


def test_min_max_covers_the_range_and_survives_a_constant_image():
    image, window = min_max(np.array([[-3.0, 1.0], [0.0, 5.0]]))
    assert (image.min(), image.max(), window) == (0, 255, (-3.0, 5.0))
    assert not min_max(np.full((2, 2), 9))[0].any()


def test_the_digest_knows_shape_dtype_and_values(picture):
    variants = [picture, picture.T, picture.reshape(30, 20), picture.astype(np.uint16), picture ^ 1]
    assert len({array_digest(variant) for variant in variants}) == len(variants)
    assert array_digest(picture) == array_digest(np.asfortranarray(picture))


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
