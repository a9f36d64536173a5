import numpy as np
import pytest
from fake_models import PLAIN, SIDE, Fake, Whole, by_check, levels, opacity, probe, spot

from radbench.models.base import Prediction
from radbench.models.preflight import Probe, failures, preflight
from radbench.models.preflight.alternatives import depth, negative, readings, stored


def stored_as(given, change):
    """The probe with every image changed; labels and masks stay."""
    return Probe([change(image) for image in given.images], given.labels, given.masks)


def twelve(image):
    """12 bits in 16, as most devices store them."""
    return image.astype(np.uint16) * 16


def sixteen(image):
    return image.astype(np.uint16) * 257


def spread(rows):
    """A logit that is right for films spread over the whole of 0 to 1 only."""
    pixels = rows.mean(axis=1)
    return 20 * ((pixels[:, 5:11, 5:11].mean(axis=(1, 2)) - 0.6).clip(-1, 1))[:, None]


def contract(**changes):
    return PLAIN.model_copy(update=changes)


@pytest.mark.parametrize("change", [np.asarray, sixteen])
def test_films_that_are_read_rightly_get_no_word(change):
    findings = preflight(Fake(spot), stored_as(probe(), change))
    assert {finding.level for finding in findings} == {"ok"}
    assert "intensity" not in by_check(findings)


def test_eight_and_sixteen_bits_of_the_same_films_get_the_same_answers():
    eight, wide = (
        Fake(spot).predict(stored_as(probe(), change).images).values for change in (np.asarray, sixteen)
    )
    np.testing.assert_allclose(eight, wide, atol=1e-6)


def test_twelve_bits_read_as_sixteen_are_found():
    found = preflight(Fake(spread), stored_as(probe(), twelve))
    wrong = by_check(found)["intensity"]
    assert wrong.level in {"failure", "warning"}
    assert wrong.declared.startswith("stored-range, films of 16 bits with values ")
    assert "as declared" in wrong.observed and "interval" in wrong.observed
    assert "intensity: " in wrong.meaning and "Another reading of the stored values" in wrong.meaning
    declared = preflight(
        Fake(spread, input=contract(intensity="window", window=[0.0, 4095 / 65535])),
        stored_as(probe(), twelve),
    )
    assert not failures(declared) and "intensity" not in levels(declared)


@pytest.mark.parametrize(
    ("change", "mend"),
    [
        (lambda image: image // 4, "intensity: min-max"),
        (lambda image: sixteen(image) // 4, "intensity: window, window: [0.0, 0.249989]"),
    ],
)
def test_dark_films_that_a_model_wants_spread_are_found(change, mend):
    found = by_check(preflight(Fake(spread), stored_as(probe(), change)))["intensity"]
    assert found.level in {"failure", "warning"} and mend in found.meaning


def test_min_max_that_a_model_does_not_want_is_found():
    """Every film of one class is brighter as a whole, which its own smallest and largest value hide."""

    def bright(rows):
        return 40 * (rows.mean(axis=(1, 2, 3)) - 0.5)[:, None]

    rng = np.random.default_rng(0)
    labels = np.arange(48) % 2
    images = [(rng.integers(0, 60, (SIDE, SIDE)) + 70 + 70 * label).astype(np.uint8) for label in labels]
    found = preflight(Fake(bright, input=contract(intensity="min-max")), Probe(images, labels))
    assert by_check(found)["intensity"].level == "failure"
    assert "the whole stored range" in by_check(found)["intensity"].observed


def test_a_segmenter_is_asked_too():
    found = preflight(Fake(opacity, task="segmentation"), stored_as(probe(truth="masks"), twelve))
    assert by_check(found)["intensity"].level in {"failure", "warning"}
    assert "Dice" in by_check(found)["intensity"].observed


def test_only_readings_that_show_other_numbers_are_tried():
    full = [np.linspace(0, 255, SIDE * SIDE).reshape(SIDE, SIDE).astype(np.uint8)]
    assert list(readings(PLAIN, full)) == []
    assert list(readings(contract(intensity="min-max"), full)) == []
    narrow = [full[0] // 2]
    assert [changes["intensity"] for _, changes in readings(PLAIN, narrow)] == ["min-max"]
    windowed = contract(intensity="window", window=[0.0, 0.5])
    assert [changes["intensity"] for _, changes in readings(windowed, narrow)] == ["stored-range"]
    assert list(readings(PLAIN, [np.full((SIDE, SIDE), 9, np.uint8)])) == []


@pytest.mark.parametrize(("top", "bits"), [(255, 8), (256, 10), (4095, 12), (16383, 14), (16384, None)])
def test_the_bits_that_films_hold(top, bits):
    film = np.array([[0, top]], np.uint16)
    assert depth([film, film // 2]) == bits
    assert depth([film, np.zeros((2, 2), np.uint8)]) is None
    assert stored([film]) == f"films of 16 bits with values 0 to {top}"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_a_negative_keeps_its_depth(dtype):
    film = np.array([[0, 7, np.iinfo(dtype).max]], dtype)
    assert negative(film).dtype == dtype
    assert negative(film).tolist() == [[np.iinfo(dtype).max, np.iinfo(dtype).max - 7, 0]]
    np.testing.assert_array_equal(negative(negative(film)), film)


def test_sixteen_bits_are_turned_for_a_model_that_takes_images_only():
    def dark_middle(images):
        seen = np.array([1 - image[5:11, 5:11].mean() / np.iinfo(image.dtype).max for image in images])
        return Prediction("probabilities", seen)

    found = preflight(Whole(dark_middle, output="probabilities"), stored_as(probe(), sixteen))
    assert by_check(found)["inverted film"].level in {"failure", "warning"}


def test_films_of_several_sizes_and_depths_go_through_every_check():
    given = probe()
    images = [
        sixteen(np.kron(image, np.ones((2, 2), np.uint8))) if index % 3 else image
        for index, image in enumerate(given.images)
    ]
    findings = preflight(Fake(spot), Probe(images, given.labels))
    assert not levels(findings)
    assert "images of 2 sizes, 16 x 16 to 32 x 32" in by_check(findings)["resize rule"].observed
    wide = [image if index % 2 else image[:, :12] for index, image in enumerate(given.images)]
    assert (
        "with 2 alternatives"
        in by_check(preflight(Fake(spot), Probe(wide, given.labels)))["resize rule"].observed
    )
