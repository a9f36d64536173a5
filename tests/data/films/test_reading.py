import numpy as np
import pytest
from PIL import Image

from radbench.data.films import film_shape, read_film
from radbench.errors import UsageError

tifffile = pytest.importorskip("tifffile")


@pytest.fixture
def film():
    """A smooth film of 12 bits, 40 x 60, that reaches both ends."""
    rows, columns = np.indices((40, 60))
    plane = 0.5 + 0.5 * np.sin(rows / 9) * np.cos(columns / 11)
    plane = (plane - plane.min()) / (plane.max() - plane.min())
    return np.rint(plane * 4095).astype(np.uint16)


def full(film):
    return np.rint(film * (65535 / 4095)).astype(np.uint16)


def test_eight_bits_stay_as_they_are(film, tmp_path):
    eight = (film // 16).astype(np.uint8)
    Image.fromarray(eight).save(tmp_path / "a.png")
    tifffile.imwrite(tmp_path / "a.tif", eight)
    Image.fromarray(np.dstack([eight] * 3)).save(tmp_path / "rgb.png")
    for name in ("a.png", "a.tif", "rgb.png"):
        read = read_film(tmp_path / name)
        assert read.pixels.dtype == np.uint8
        np.testing.assert_array_equal(read.pixels, eight)
        assert film_shape(tmp_path / name) == (40, 60)


def test_twelve_bits_are_the_same_film_in_every_container(film, tmp_path):
    imagecodecs = pytest.importorskip("imagecodecs")
    Image.fromarray(film).save(tmp_path / "gray.png")
    tifffile.imwrite(tmp_path / "a.tif", film)
    tifffile.imwrite(tmp_path / "white.tif", 4095 - film, photometric="miniswhite")
    (tmp_path / "rgb.png").write_bytes(imagecodecs.png_encode(np.dstack([film] * 3)))
    (tmp_path / "alpha.png").write_bytes(imagecodecs.png_encode(np.dstack([film, film * 0 + 65535])))
    for name in ("gray.png", "a.tif", "rgb.png", "alpha.png"):
        np.testing.assert_array_equal(read_film(tmp_path / name).pixels, full(film))
    np.testing.assert_allclose(
        read_film(tmp_path / "white.tif").pixels.astype(int), full(film).astype(int), atol=1
    )
    assert any("12 bits" in clause for clause in read_film(tmp_path / "gray.png").provenance)


def test_sixteen_full_bits_and_eight_in_a_wide_container_are_exact(film, tmp_path):
    wide = full(film)
    Image.fromarray(wide).save(tmp_path / "wide.png")
    np.testing.assert_array_equal(read_film(tmp_path / "wide.png").pixels, wide)
    narrow = (film // 16).astype(np.uint16)
    Image.fromarray(narrow).save(tmp_path / "narrow.png")
    read = read_film(tmp_path / "narrow.png").pixels
    assert read.dtype == np.uint8
    np.testing.assert_array_equal(read, narrow)


def test_real_colour_becomes_luminance_and_is_said(film, tmp_path):
    eight = (film // 16).astype(np.uint8)
    Image.fromarray(np.dstack([eight, eight // 2, eight // 3])).save(tmp_path / "colour.png")
    read = read_film(tmp_path / "colour.png")
    expected = 0.299 * eight + 0.587 * (eight // 2) + 0.114 * (eight // 3)
    np.testing.assert_allclose(read.pixels, expected, atol=0.51)
    assert "colour turned to luminance (BT.601)" in read.provenance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_exif_orientation_is_applied(orientation, film, tmp_path):
    upright = Image.fromarray((film // 16).astype(np.uint8))
    back = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(back[orientation]) if orientation in back else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "a.jpg", quality=98, exif=exif)
    assert film_shape(tmp_path / "a.jpg") == (40, 60)
    read = read_film(tmp_path / "a.jpg").pixels.astype(float)
    assert np.abs(read - np.asarray(upright)).mean() < 2


@pytest.mark.parametrize(
    ("values", "warned"),
    [
        (np.linspace(0, 1, 2400, dtype=np.float32).reshape(40, 60), False),
        (np.linspace(-900, 1200, 2400, dtype=np.float32).reshape(40, 60), True),
        (np.linspace(-900, 1200, 2400).astype(np.int16).reshape(40, 60), True),
    ],
)
def test_a_range_that_has_to_be_guessed_is_warned_of(values, warned, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", values)
    read = read_film(tmp_path / "a.tif")
    assert (read.pixels.min(), read.pixels.max(), read.pixels.dtype) == (0, 65535, np.uint16)
    assert bool(read.warnings) == warned


def test_what_is_no_radiograph_is_refused_with_a_sentence(film, tmp_path):
    Image.fromarray(np.zeros((1, 700), np.uint8)).save(tmp_path / "line.png")
    with pytest.raises(UsageError, match=r"line\.png has 1 x 700 pixels .*at least 16"):
        read_film(tmp_path / "line.png")
    Image.fromarray(np.zeros((20, 700), np.uint8)).save(tmp_path / "long.png")
    with pytest.raises(UsageError, match="no longer than 8 times"):
        read_film(tmp_path / "long.png")
    tifffile.imwrite(tmp_path / "two.tif", np.stack([film, film]), photometric="minisblack")
    with pytest.raises(UsageError, match="TIFF of 2 pages"):
        read_film(tmp_path / "two.tif")
    stub = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"
    (tmp_path / "stub.png").write_text(stub, encoding="utf-8")
    with pytest.raises(UsageError, match=r"Git LFS stub.*git lfs pull"):
        read_film(tmp_path / "stub.png")


def test_one_grey_is_warned_of(tmp_path):
    Image.fromarray(np.full((40, 60), 77, np.uint8)).save(tmp_path / "flat.png")
    assert read_film(tmp_path / "flat.png").warnings == ("a film of (nearly) one grey",)
