import numpy as np
import pytest

from radbench.data.films.raw import RawLayout, raw_shape, read_raw
from radbench.errors import UsageError

LAYOUT = RawLayout(40, 60, ">u2", 12, inverted=True, spacing=(0.175, 0.175))


@pytest.fixture
def values():
    found = np.random.default_rng(0).integers(0, 4096, (40, 60))
    found[0, :2] = 0, 4095
    return found


def test_big_endian_densities_become_a_film(values, tmp_path):
    values.astype(">u2").tofile(tmp_path / "a.img")
    film = read_raw(tmp_path / "a.img", LAYOUT)
    assert (film.pixels.dtype, film.bits, film.spacing) == (np.uint16, 12, (0.175, 0.175))
    assert film.pixels[0, 0] == 65535 and film.pixels[0, 1] == 0, "0 is white in the file"
    np.testing.assert_array_equal(65535 - film.pixels, np.rint(values * (65535 / 4095)))
    assert any("inverted" in clause for clause in film.provenance)
    assert raw_shape(tmp_path / "a.img", LAYOUT) == (40, 60)


def test_eight_bits_stay(tmp_path):
    pixels = np.arange(400, dtype=np.uint8).reshape(20, 20)
    pixels.tofile(tmp_path / "a.raw")
    np.testing.assert_array_equal(read_raw(tmp_path / "a.raw", RawLayout(20, 20, "u1", 8)).pixels, pixels)


def test_another_number_of_bytes_and_another_byte_order_are_named(values, tmp_path):
    path = tmp_path / "a.img"
    values.astype(">u2").tofile(path)
    path.write_bytes(path.read_bytes()[:-2])
    for call in (read_raw, raw_shape):
        with pytest.raises(
            UsageError, match=r"has 4,798 bytes; expected 4,800 \(40 x 60 raw values of 16 bits\)"
        ):
            call(path, LAYOUT)
    values.astype("<u2").tofile(path)
    with pytest.raises(
        UsageError, match=r"holds a value of \d{5}; expected 12 bits, at most 4095, so its bytes"
    ):
        read_raw(path, LAYOUT)
    path.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        raw_shape(path, LAYOUT)


def test_a_constant_film_is_said_to_be_one(tmp_path):
    np.full((40, 60), 7, dtype=">u2").tofile(tmp_path / "a.img")
    assert "constant" in read_raw(tmp_path / "a.img", LAYOUT).warnings[0]
