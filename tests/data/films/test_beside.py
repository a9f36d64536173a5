import imagecodecs
import numpy as np
import pytest
from pydicom.dataset import Dataset

from radbench.data.films import read_film


@pytest.fixture
def ramp():
    """Values from 0 to 4095, uint16 [32, 64]: white is to the right."""
    return (np.linspace(0, 4095, 64) + np.zeros((32, 1))).astype(np.uint16)


def written(path, values):
    path.write_bytes(imagecodecs.png_encode(values))
    return path


def header(**values):
    found = Dataset()
    for name, value in {"PhotometricInterpretation": "MONOCHROME2", "BitsStored": 12, **values}.items():
        setattr(found, name, value)
    return found


def test_a_window_beside_a_film_is_applied_and_monochrome1_turned_round(tmp_path, ramp):
    path = written(tmp_path / "a.png", ramp)
    film = read_film(path, header=header(WindowCenter=2048, WindowWidth=1024))
    low, high = ramp < 2048 - 512, ramp > 2048 + 512
    assert (film.pixels[low] == 0).all() and (film.pixels[high] == 65535).all() and film.bits == 12
    turned = read_film(
        path, header=header(WindowCenter=2048, WindowWidth=1024, PhotometricInterpretation="MONOCHROME1")
    )
    assert np.array_equal(turned.pixels, 65535 - film.pixels)
    assert "the header beside the film applied" in turned.provenance


def test_a_lut_goes_before_a_window_and_ends_at_its_first_and_last_entry(tmp_path, ramp):
    lookup = Dataset()
    lookup.LUTDescriptor, lookup.LUTData = [1000, 1500, 10], list(range(1000))
    film = read_film(
        written(tmp_path / "a.png", ramp),
        header=header(VOILUTSequence=[lookup], WindowCenter=1, WindowWidth=2),
    )
    expected = np.clip(ramp.astype(int) - 1500, 0, 999)
    assert np.array_equal(film.pixels, np.rint(expected * 65535 / 1023).astype(np.uint16))


def test_without_window_the_stored_depth_is_the_range_and_spacing_is_the_headers(tmp_path, ramp):
    film = read_film(written(tmp_path / "a.png", ramp // 2), header=header(ImagerPixelSpacing=[0.1, 0.2]))
    assert film.bits == 12 and int(film.pixels.max()) == round(2047 * 65535 / 4095)
    assert film.spacing == (0.1, 0.2)


def test_a_film_of_8_bits_was_shown_already(tmp_path, ramp):
    shown = (ramp // 16).astype(np.uint8)
    film = read_film(
        written(tmp_path / "a.png", shown), header=header(PhotometricInterpretation="MONOCHROME1")
    )
    assert np.array_equal(film.pixels, shown)
    assert any("shown already" in warning for warning in film.warnings)


@pytest.mark.parametrize(
    ("largest", "bits"), [(900, 10), (1023, 10), (1024, 12), (4095, 12), (9000, 16), (60000, 16)]
)
def test_a_dataset_may_say_which_depths_its_files_have(tmp_path, largest, bits):
    values = (np.arange(32 * 32).reshape(32, 32) % (largest + 1)).astype(np.uint16)
    values[0, 0] = largest
    film = read_film(written(tmp_path / "a.png", values), depths=(10, 12, 16))
    assert film.bits == bits
    assert int(film.pixels[0, 0]) == round(largest * 65535 / (2**bits - 1))
