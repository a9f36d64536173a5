"""The directional cosine: its geometry, and what it says where there is no direction."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radbench.quality.editing_score import EditingScorer, editing_score


def vectors(seed, n=5, d=8):
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, d)) for _ in range(4)]


@given(st.integers(0, 10_000), st.floats(0.01, 100))
@settings(max_examples=30, deadline=None)
def test_a_bounded_cosine_of_differences(seed, scale):
    before, after, report, prompt = vectors(seed)
    score = editing_score(before, after, report, prompt)
    assert score.dtype == np.float64 and score.shape == (5,)
    assert np.all(np.abs(score) <= 1)
    shift = np.ones_like(before)
    np.testing.assert_allclose(editing_score(before + shift, after + shift, report, prompt), score, atol=1e-9)
    np.testing.assert_allclose(editing_score(after, before, report, prompt), -score, atol=1e-9)
    np.testing.assert_allclose(editing_score(after, before, prompt, report), score, atol=1e-9)
    longer = before + scale * (after - before)
    np.testing.assert_allclose(editing_score(before, longer, report, prompt), score, atol=1e-6)


def test_a_change_as_asked_scores_one_and_its_opposite_minus_one():
    before, _, report, prompt = vectors(0)
    change = prompt - report
    np.testing.assert_allclose(editing_score(before, before + change, report, prompt), 1)
    np.testing.assert_allclose(editing_score(before, before - change, report, prompt), -1)


@pytest.mark.parametrize("unchanged", ["image", "text", "both"])
def test_no_change_scores_zero_and_never_nan(unchanged):
    before, after, report, prompt = vectors(1)
    if unchanged != "text":
        after = before.copy()
    if unchanged != "image":
        prompt = report + 1e-9
    with np.errstate(all="raise"):
        assert np.array_equal(editing_score(before, after, report, prompt), np.zeros(5))


def test_sizes_and_values_are_checked():
    before, after, report, prompt = vectors(2)
    with pytest.raises(ValueError, match="one size"):
        editing_score(before, after, report[:3], prompt)
    with pytest.raises(ValueError, match="one size"):
        editing_score(before[0], after[0], report[0], prompt[0])
    with pytest.raises(ValueError, match="finite"):
        editing_score(before * np.nan, after, report, prompt)


class Words:
    """Embeds a text by its letters and an image by its mean grey value."""

    name, digest = "words", "d" * 64

    def __init__(self):
        self.asked = []

    def embed_images(self, images):
        return np.array([[image.mean(), 1.0] for image in images], dtype=np.float32)

    def embed_texts(self, texts):
        self.asked += texts
        return np.array([[text.count("a"), text.count("b")] for text in texts], dtype=np.float32)


def test_scorer_embeds_each_text_once_and_keeps_the_order():
    dark, light = np.zeros((4, 4), np.uint8), np.full((4, 4), 200, np.uint8)
    encoder = Words()
    scorer = EditingScorer(encoder)
    score = scorer.score([dark, dark, light], [light, light, dark], ["", "", ""], ["a", "b", "a"])
    np.testing.assert_allclose(score, [1, 0, -1], atol=1e-9)
    assert sorted(encoder.asked) == ["", "a", "b"]
    assert (scorer.name, scorer.digest) == ("words", "d" * 64)
    assert scorer.score([], [], [], []).shape == (0,)
    with pytest.raises(ValueError, match="as many"):
        scorer.score([dark], [light], ["a", "b"], ["a"])
