import numpy as np
import pytest

from radbench.bench.composite import WAYS, Example, _errors
from radbench.data.geometry import Framing, Geometry

RNG = np.random.default_rng(3)


@pytest.fixture
def example():
    """A film of 128 pixels whose square has 32; the edit darkens the middle, as the truth does."""
    rows, _ = np.indices((128, 128))
    film = (140 + 60 * np.sin(rows / 17) + 8 * RNG.standard_normal((128, 128))).clip(0, 255).astype(np.uint8)
    framing = Framing(Geometry(128, 128, 32), 0.0, 255.0)
    source = framing.square(film)
    edit = np.zeros((32, 32), bool)
    edit[10:22, 10:22] = True
    edited, truth = source.copy(), film.copy()
    edited[edit] = source[edit] - 40
    truth[40:88, 40:88] = film[40:88, 40:88] - 40
    return Example(film, framing, source, edited, source, edit, None, truth)


def test_adding_the_difference_beats_the_square_and_leaves_the_rest_alone(example):
    errors = {way: _errors(example, make(example)) for way, make in WAYS.items()}
    used = errors["difference to the source added (used)"]
    assert used[0] < errors["the square enlarged"][0] < errors["not edited"][0]
    assert used[1] < errors["the square enlarged"][1]
    assert used[2] <= errors["the square enlarged"][2] * 1.05
    np.testing.assert_array_equal(WAYS["not edited"](example), example.film)
