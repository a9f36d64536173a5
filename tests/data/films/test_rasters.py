"""PNG, JPEG and TIFF of every kind, and what is refused."""

import os
import struct
import zlib
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from radbench.data.films import film_shape, image_shape, read_film, read_pixels
from radbench.data.images import decode_png, encode_png
from radbench.errors import UsageError

CXR = os.environ.get("RADBENCH_TEST_CXR", "")


@pytest.fixture
def eight():
    return np.random.default_rng(0).integers(0, 256, (40, 52), dtype=np.uint8)


@pytest.fixture
def twelve():
    values = np.random.default_rng(1).integers(0, 4096, (40, 52), dtype=np.uint16)
    values[0, 0] = 4095
    return values


def full(values, bits):
    return np.rint(values.astype(float) * 65535 / (2**bits - 1)).astype(np.uint16)


def same(path, expected):
    film = read_film(path)
    assert film.pixels.dtype == expected.dtype
    np.testing.assert_array_equal(film.pixels, expected)
    assert film_shape(path) == expected.shape
    return film


@pytest.mark.parametrize("mode", ["L", "RGB", "LA", "RGBA", "P"])
def test_eight_bits_stay_to_the_bit_in_every_mode_of_png(mode, eight, tmp_path):
    Image.fromarray(eight).convert(mode).save(tmp_path / "x.png")
    film = same(tmp_path / "x.png", eight)
    assert (film.bits, film.warnings) == (8, ())


def test_one_bit_is_black_and_white_and_real_colour_is_luminance(eight, tmp_path):
    Image.fromarray(eight > 127).save(tmp_path / "one.png")
    same(tmp_path / "one.png", np.where(eight > 127, 255, 0).astype(np.uint8))
    colour = np.random.default_rng(2).integers(0, 256, (40, 52, 3), dtype=np.uint8)
    Image.fromarray(colour).save(tmp_path / "rgb.png")
    film = same(tmp_path / "rgb.png", np.asarray(Image.fromarray(colour).convert("L")))
    assert any("BT.601" in done for done in film.provenance)
    assert "strongly coloured" in film.warnings[0]


def test_an_alpha_that_hides_something_is_left_out_and_said(eight, tmp_path):
    Image.fromarray(np.dstack([eight, np.where(eight > 9, 255, 0).astype(np.uint8)])).save(tmp_path / "x.png")
    assert "alpha" in same(tmp_path / "x.png", eight).warnings[0]


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_a_12_bit_film_is_the_same_in_every_16_bit_png(channels, twelve, tmp_path):
    planes = [twelve] * (1 if channels <= 2 else 3) + [np.full_like(twelve, 65535)] * (channels % 2 == 0)
    (tmp_path / "x.png").write_bytes(imagecodecs.png_encode(np.squeeze(np.dstack(planes))))
    film = same(tmp_path / "x.png", full(twelve, 12))
    assert film.bits == 12
    assert any("12 of 16 bits used" in done for done in film.provenance)
    np.testing.assert_array_equal(read_pixels(tmp_path / "x.png"), twelve)


@pytest.mark.parametrize(
    ("largest", "bits"), [(255, 8), (256, 10), (1023, 10), (4095, 12), (16383, 14), (16384, 16)]
)
def test_depth_is_the_smallest_that_holds_the_largest_value_and_can_be_undone(largest, bits, tmp_path):
    values = np.random.default_rng(largest).integers(0, largest + 1, (20, 30)).astype(np.uint16)
    values[3, 4] = largest
    (tmp_path / "x.png").write_bytes(encode_png(values))
    film = read_film(tmp_path / "x.png")
    assert film.bits == bits
    white = np.iinfo(film.pixels.dtype).max
    assert film.pixels.dtype == (np.uint8 if bits == 8 else np.uint16)
    np.testing.assert_array_equal(np.rint(film.pixels * ((2**bits - 1) / white)), values)


def with_chunk(png, name, body):
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return png[:33] + chunk + png[33:]


def test_declared_significant_bits_are_believed_where_samples_are_low(twelve, tmp_path):
    dark = twelve // 16
    (tmp_path / "low.png").write_bytes(with_chunk(encode_png(dark), b"sBIT", b"\x0c"))
    same(tmp_path / "low.png", full(dark, 12))
    (tmp_path / "high.png").write_bytes(with_chunk(encode_png(twelve << 4), b"sBIT", b"\x0c"))
    same(tmp_path / "high.png", twelve << 4)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["jpg", "png", "tif"])
def test_an_exif_orientation_is_applied_as_it_is_meant(orientation, kind, tmp_path):
    turn = Image.Transpose
    ways = [None, None, turn.FLIP_LEFT_RIGHT, turn.ROTATE_180, turn.FLIP_TOP_BOTTOM,
            turn.TRANSPOSE, turn.ROTATE_270, turn.TRANSVERSE, turn.ROTATE_90]  # fmt: skip
    y, x = np.mgrid[0:32, 0:48]
    path = tmp_path / f"x.{kind}"
    picture = Image.fromarray((3 * y + 2 * x).astype(np.uint8))
    if kind == "tif":
        picture.save(path, tiffinfo={274: orientation})
    else:
        exif = Image.Exif()
        exif[0x0112] = orientation
        picture.save(path, exif=exif)
    expected = picture if orientation == 1 else picture.transpose(ways[orientation])
    if kind == "jpg":
        film = read_film(path)
        assert np.abs(film.pixels.astype(int) - np.asarray(expected)).max() < 8
    else:
        film = same(path, np.asarray(expected))
    expected = np.asarray(expected)
    assert image_shape(path) == expected.shape
    assert any(f"orientation {orientation}" in done for done in film.provenance) == (orientation > 1)


def test_jpegs_of_12_bits_and_without_loss(twelve, tmp_path):
    (tmp_path / "lossless.jpg").write_bytes(imagecodecs.ljpeg_encode(twelve, bitspersample=12))
    same(tmp_path / "lossless.jpg", full(twelve, 12))
    smooth = np.add.outer(np.arange(40), np.arange(52)).astype(np.uint16) * 40
    (tmp_path / "twelve.jpg").write_bytes(imagecodecs.jpeg_encode(smooth, bitspersample=12, level=100))
    film = read_film(tmp_path / "twelve.jpg")
    assert np.abs(film.pixels.astype(int) - full(smooth, 12)).max() < 200


@pytest.mark.parametrize("compression", [None, "zlib", "lzw"])
def test_tiff_of_8_and_16_bits(compression, eight, twelve, tmp_path):
    tifffile.imwrite(tmp_path / "8.tif", eight, compression=compression)
    same(tmp_path / "8.tif", eight)
    tifffile.imwrite(tmp_path / "16.tif", twelve, compression=compression)
    assert same(tmp_path / "16.tif", full(twelve, 12)).bits == 12
    tifffile.imwrite(tmp_path / "white.tif", 4095 - twelve, compression=compression, photometric="miniswhite")
    assert "MinIsWhite inverted" in same(tmp_path / "white.tif", full(twelve, 12)).provenance
    tifffile.imwrite(
        tmp_path / "rgb.tif", np.dstack([twelve] * 3), compression=compression, photometric="rgb"
    )
    same(tmp_path / "rgb.tif", full(twelve, 12))


def test_tiff_declares_its_depth(twelve, tmp_path):
    dark = twelve // 16
    tifffile.imwrite(tmp_path / "x.tif", dark, extratags=[(281, 3, 1, 4095, True)])
    assert "12 of 16 bits used (declared)" in same(tmp_path / "x.tif", full(dark, 12)).provenance
    tifffile.imwrite(tmp_path / "y.tif", twelve, extratags=[(281, 3, 1, 1023, True)])
    assert "declares 10 bits" in same(tmp_path / "y.tif", full(twelve, 12)).warnings[0]


@pytest.mark.parametrize("offset", [1024, 2048, 32768])
def test_signed_tiff_finds_its_black(offset, twelve, tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", (twelve.astype(int) - offset).astype(np.int16))
    film = same(tmp_path / "x.tif", full(twelve, 12))
    assert "signed" in film.warnings[0]


def test_float_tiff(eight, twelve, tmp_path):
    tifffile.imwrite(tmp_path / "unit.tif", (eight / 255).astype(np.float32))
    same(tmp_path / "unit.tif", eight.astype(np.uint16) * 257)
    tifffile.imwrite(tmp_path / "whole.tif", twelve.astype(np.float32))
    same(tmp_path / "whole.tif", full(twelve, 12))
    wild = np.linspace(-1, 3, 40 * 52, dtype=np.float32).reshape(40, 52)
    tifffile.imwrite(tmp_path / "wild.tif", wild)
    film = read_film(tmp_path / "wild.tif")
    assert "nothing says what black and white are" in film.warnings[0]
    assert np.abs(film.pixels / 65535 - (wild + 1) / 4).max() < 1e-4
    wild[0, :5] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", wild)
    film = read_film(tmp_path / "nan.tif")
    assert "not a number" in film.warnings[0]
    assert not film.pixels[0, :5].any()


def test_several_pages_are_refused_and_a_preview_is_not(eight, tmp_path):
    tifffile.imwrite(tmp_path / "two.tif", np.stack([eight, eight]), photometric="minisblack")
    for call in (read_film, film_shape):
        with pytest.raises(UsageError, match=r"two\.tif is a TIFF of 2 pages"):
            call(tmp_path / "two.tif")
    with tifffile.TiffWriter(tmp_path / "preview.tif") as file:
        file.write(eight)
        file.write(eight[::2, ::2], subfiletype=1)
    same(tmp_path / "preview.tif", eight)


@pytest.mark.parametrize("shape", [(1, 700), (15, 15), (16, 129)])
def test_what_cannot_be_a_film_is_refused(shape, tmp_path):
    (tmp_path / "x.png").write_bytes(encode_png(np.zeros(shape, np.uint8)))
    for call in (read_film, film_shape):
        with pytest.raises(UsageError, match=rf"x\.png has {shape[0]} x {shape[1]} pixels"):
            call(tmp_path / "x.png")


def test_a_picture_of_over_200_megapixels_is_refused_unread(eight, tmp_path):
    data = bytearray(encode_png(eight))
    data[16:24] = struct.pack(">II", 20_000, 10_001)
    data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
    (tmp_path / "x.png").write_bytes(data)
    for call in (read_film, film_shape, read_pixels):
        with pytest.raises(UsageError, match="at most 200 million"):
            call(tmp_path / "x.png")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "git lfs pull"),
        (b"../.git/annex/objects/aa/bb/SHA256E-s3--00.png", "git annex get"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"", "is empty"),
        (b"GIF89a" + bytes(20), "a GIF"),
        (b"study,patient\n1,2\n", "unknown format"),
    ],
)
def test_what_is_no_image_is_named(content, said, tmp_path):
    (tmp_path / "x.png").write_bytes(content)
    for call in (read_film, film_shape):
        with pytest.raises(UsageError, match=said):
            call(tmp_path / "x.png")


def test_content_decides_and_not_the_name(eight, tmp_path):
    tifffile.imwrite(tmp_path / "x.tif", eight)
    (tmp_path / "x.tif").rename(tmp_path / "x.png")
    assert same(tmp_path / "x.png", eight).provenance[0] == "read from TIFF"


@pytest.mark.parametrize("level", [0, 77])
def test_a_constant_film_is_warned_of(level, eight, tmp_path):
    (tmp_path / "flat.png").write_bytes(encode_png(np.full((40, 40), level, np.uint8)))
    assert f"constant: every pixel is {level}" in read_film(tmp_path / "flat.png").warnings[0]
    (tmp_path / "nearly.png").write_bytes(
        encode_png((np.arange(1600).reshape(40, 40) % 2 + level).astype(np.uint8))
    )
    assert "nearly constant" in read_film(tmp_path / "nearly.png").warnings[0]


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_spoilt_file_is_a_film_or_one_sentence(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("spoilt")
    values = np.random.default_rng(3).integers(0, 4096, (24, 24), dtype=np.uint16)
    kind = data.draw(st.sampled_from(["png", "jpg", "tif"]))
    path = folder / f"x.{kind}"
    if kind == "tif":
        tifffile.imwrite(path, values)
    elif kind == "png":
        path.write_bytes(encode_png(values))
    else:
        Image.fromarray((values >> 4).astype(np.uint8)).save(path)
    spoilt = bytearray(path.read_bytes())
    for place in data.draw(st.lists(st.integers(0, min(400, len(spoilt) - 1)), max_size=4)):
        spoilt[place] = data.draw(st.integers(0, 255))
    path.write_bytes(spoilt[: data.draw(st.integers(0, len(spoilt)))])
    for call in (read_film, film_shape):
        try:
            call(path)
        except UsageError as error:
            assert str(path) in str(error)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_round_trip_at_both_depths(dtype):
    values = np.random.default_rng(4).integers(0, np.iinfo(dtype).max + 1, (17, 23)).astype(dtype)
    assert decode_png(encode_png(values)).dtype == dtype
    np.testing.assert_array_equal(decode_png(encode_png(values)), values)


@pytest.mark.skipif(not CXR, reason="RADBENCH_TEST_CXR names no folder of X-rays")
def test_real_films_are_the_same_in_every_container(tmp_path):
    films = sorted(path for path in Path(CXR).rglob("*.png") if "mask" not in str(path))[::18][:20]
    assert films
    for path in films:
        pixels = read_film(path).pixels
        (tmp_path / "x.png").write_bytes(encode_png(pixels.astype(np.uint16) * 257))
        tifffile.imwrite(tmp_path / "x.tif", pixels.astype(np.uint16) * 257)
        for name in ("x.png", "x.tif"):
            np.testing.assert_array_equal(read_film(tmp_path / name).pixels, pixels.astype(np.uint16) * 257)
