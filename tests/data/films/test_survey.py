"""A cohort's survey finds what was put there, and nothing in a cohort without it."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest

from radbench.data.films import read_film
from radbench.data.films.film import Film
from radbench.data.films.survey import MIN_FILMS, FilmSurvey, film_digest
from radbench.data.images import array_digest

CXR = os.environ.get("RADBENCH_TEST_CXR", "")


def chest(seed, size=96):
    """Two dark lungs in a bright body on black, lower on one side, with a bright abdomen: no symmetry."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size] / size + rng.normal(0, 0.01)
    body = 0.7 * np.exp(-(((x - 0.5) / 0.42) ** 6)) + 0.25 * (y > 0.8)
    for centre, low in ((0.32, 0.45), (0.68, 0.5)):
        body -= 0.5 * (((x - centre) / 0.13) ** 2 + ((y - low) / 0.28) ** 2 < 1)
    return np.rint(255 * np.clip(body + rng.normal(0, 0.03, body.shape), 0, 1)).astype(np.uint8)


def survey(films, patients=None, splits=None):
    found = FilmSurvey()
    for i, given in enumerate(films):
        film = given if isinstance(given, Film) else Film(given)
        found.add(f"s{i}", patients[i] if patients else f"p{i}", splits[i] if splits else None, film)
    return found


def test_nothing_is_said_of_good_films():
    assert survey([chest(i) for i in range(20)]).warnings() == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda film: 255 - film, "looks inverted"),
        (lambda film: np.rot90(film, 1), "looks turned by 90 degrees counterclockwise"),
        (lambda film: np.rot90(film, -1), "looks turned by 90 degrees clockwise"),
        (lambda film: np.rot90(film, 2), "looks upside down"),
    ],
)
@pytest.mark.parametrize("size", [96, 150])
def test_one_film_that_is_wrong_is_named_and_how(change, words, size):
    films = [chest(i) for i in range(19)] + [np.ascontiguousarray(change(chest(19, size)))]
    assert survey(films).warnings() == [f"1 of 20 films {words} beside the rest: study s19."]


def test_a_handful_has_no_common_look():
    films = [chest(i) for i in range(MIN_FILMS - 2)] + [255 - chest(50)]
    assert survey(films).warnings() == []


def test_the_same_pixels_under_two_patients_or_in_two_splits_are_named():
    films = [chest(0), chest(0), chest(1), chest(1), chest(2), chest(2)]
    found = survey(films, ["a", "b", "c", "c", "d", "d"], ["test", "test", "test", "train", "test", "test"])
    first, second = found.warnings()
    assert first == "The same pixels are under 2 patients (patient a, patient b): study s0, study s1."
    assert second == "The same pixels are in 2 splits (test, train): study s2, study s3."
    assert list(found.duplicates().values()) == [("s0", "s1"), ("s2", "s3"), ("s4", "s5")]
    assert next(iter(found.duplicates())) == array_digest(films[0])


def test_eight_bits_spread_over_sixteen_are_the_same_pixels():
    film = chest(0)
    assert film_digest(film) == film_digest(film.astype(np.uint16) * 257)
    assert film_digest(film.astype(np.uint16) * 257 + 1) != film_digest(film)


def test_constant_films_and_other_depths_are_named():
    films = [Film(chest(i).astype(np.uint16) * 200, bits=12) for i in range(3)]
    films += [Film(chest(5), bits=8), Film(np.full((40, 40), 9, np.uint16), bits=12)]
    flat, depths = survey(films).warnings()
    assert flat == "Study s4: the film is constant: every pixel is 9."
    assert "(8 bits in 1, 12 bits in 4): study s3 (8)" in depths


def test_no_pixels_are_kept():
    found = survey([chest(i, 400) for i in range(2)])
    kept = sum(one.look.nbytes for one in found._seen)
    assert kept == 2 * 32 * 32 * 8
    assert not any(isinstance(value, Film) for one in found._seen for value in vars(one).values())


@pytest.mark.skipif(not CXR, reason="RADBENCH_TEST_CXR names no folder of X-rays")
def test_real_films_raise_no_alarm_and_wrong_ones_do():
    with Path(CXR, "manifest.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for subset in sorted({row["subset"] for row in rows}):
        films = [read_film(Path(CXR, row["file"])) for row in rows if row["subset"] == subset][:80]
        assert survey(films).warnings() == []
        for change, words in ((lambda x: 255 - x, "inverted"), (np.rot90, "counterclockwise")):
            wrong = [Film(np.ascontiguousarray(change(film.pixels))) for film in films[:4]]
            said = survey([*films[4:], *wrong]).warnings()
            assert any(words in sentence for sentence in said)
