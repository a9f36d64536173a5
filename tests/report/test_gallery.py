"""Which cases are shown, and what is burned into their pixels."""

import base64
import io
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from radbench.errors import RadbenchError
from radbench.report.cases import BEST, RANDOM, WORST, Candidate, badness, choose, choose_rejected
from radbench.report.gallery import GalleryItem, RejectedItem, panels
from radbench.report.images import difference, fit, heatmap, overlay, stamp


def item(index, after, label=0):
    plane = np.zeros((8, 8), np.uint8)
    scores = {"model": (0.9, after)}
    return GalleryItem(f"s{index:03d}", "a", plane, plane, plane > 0, scores=scores, label_after=label)


def pixels(uri):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))))


def candidate(index, bad):
    return Candidate(f"s{index:03d}", "a", bad, lambda: pytest.fail("read an image"))


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0, 1), max_size=40),
    st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 6)),
    st.integers(0, 3),
    st.randoms(),
)
def test_the_choice_holds_the_extremes_and_a_lot_and_knows_no_order(badnesses, seats, seed, random):
    worst, best, lot = seats
    items = [candidate(index, bad) for index, bad in enumerate(badnesses)]
    chosen, total = choose(items, worst=worst, best=best, random=lot, seed=seed)
    random.shuffle(items)
    assert choose(iter(items), worst=worst, best=best, random=lot, seed=seed) == (chosen, total)
    assert total == len(items)
    assert len(chosen) == min(len(items), sum(seats)) == len({one.candidate.study_id for one in chosen})
    found = {
        why: [one.candidate.badness for one in chosen if one.why == why] for why in (WORST, BEST, RANDOM)
    }
    ranked = sorted(badnesses, reverse=True)
    assert found[WORST] == ranked[:worst]
    if len(items) > worst + best:
        assert found[BEST] == sorted(badnesses)[:best]


def test_another_seed_draws_another_lot():
    items = [candidate(index, 0.5) for index in range(200)]
    drawn = [
        {one.candidate.study_id for one in choose(items, worst=0, best=0, random=8, seed=seed)[0]}
        for seed in range(4)
    ]
    assert len(set(map(frozenset, drawn))) == 4


def test_badness_is_the_distance_from_the_label_or_the_change():
    assert badness(item(0, 0.8).scores, 0) == pytest.approx(0.8)
    assert badness(item(0, 0.8).scores, 1) == pytest.approx(0.2)
    assert badness(item(0, 0.8).scores, None) == pytest.approx(0.1)
    assert badness({"labels only": (None, None)}, 0) == 0


def test_saliency_says_how_much_of_it_lies_in_the_edit_mask(make_gallery):
    case = make_gallery(1, size=128)[0]
    seen = replace(
        case, saliency={"m": case.edit_mask.astype(np.float32), "n": np.zeros((128, 128), np.float32)}
    )
    first, second = (panel for panel in panels(seen) if panel.kind == "saliency")
    assert "100 % of it lies inside the edit mask" in first.alt
    assert "0 % of it lies inside" in second.alt
    assert not np.array_equal(pixels(first.uri), pixels(second.uri))
    with pytest.raises(RadbenchError, match="saliency of m"):
        replace(case, saliency={"m": np.zeros((3, 3), np.float32)})


def test_heat_is_warm_where_it_is_and_grey_where_it_is_not():
    image, heat = np.full((2, 2), 128, np.uint8), np.array([[0, 255], [0, 0]], np.uint8)
    drawn = np.asarray(heatmap(image, heat).convert("RGB")).astype(int)
    assert len(set(drawn[0, 0])) == 1
    assert drawn[0, 1, 0] > drawn[0, 1, 2] + 40


@pytest.mark.parametrize("size", [32, 128, 300])
def test_edited_images_carry_the_stamp_in_their_pixels(make_gallery, size):
    case = make_gallery(1, size=size)[0]
    drawn = {panel.kind: panel for panel in panels(case)}
    assert list(drawn) == ["original", "edited", "masks", "difference", "truth"]
    edited, plain = pixels(drawn["edited"].uri), fit(case.edited)
    assert edited.shape == plain.shape == (drawn["edited"].height, drawn["edited"].width)
    assert not np.array_equal(edited, plain)
    rows = np.flatnonzero((edited != plain).any(axis=1))
    assert rows.min() >= 0.85 * len(plain)
    assert np.array_equal(pixels(drawn["original"].uri), fit(case.original))
    assert "SYNTHETIC" in drawn["edited"].alt


def test_the_stamp_does_not_touch_its_argument_and_says_different_words():
    image = np.full((128, 128), 100, np.uint8)
    first, second = stamp(image), stamp(image, "RENDERED")
    assert (image == 100).all()
    assert (first == 245).sum() > 80
    assert not np.array_equal(first, second)


def test_the_stamp_fits_every_shape_that_fit_makes():
    for shape in ((8, 8), (1, 1), (40, 3000), (3000, 40), (40, 250), (112, 112), (700, 256)):
        fitted = fit(np.zeros(shape, np.uint8))
        assert 112 <= min(fitted.shape) <= max(fitted.shape) <= 256
        assert stamp(fitted).max() == 245


def test_the_keep_mask_wins_and_the_rest_stays_gray():
    image = np.full((16, 16), 80, np.uint8)
    edit, keep = np.zeros((2, 16, 16), bool)
    edit[4:12, 4:12] = True
    keep[8:10, :] = True
    drawn = overlay(image, edit, keep)
    assert (drawn[9, 8] == drawn[9, 1]).all()
    assert (drawn[0, 0] == 80).all()
    assert drawn[6, 6, 0] > drawn[6, 6, 2]


def test_no_change_is_one_dark_colour_and_signs_have_their_own():
    before = np.full((4, 4), 100, np.uint8)
    after = before.copy()
    after[0, 0], after[1, 1] = 200, 0
    drawn = np.asarray(difference(before, after).convert("RGB")).astype(int)
    assert (drawn[2:] == drawn[3, 3]).all()
    assert drawn[3, 3].max() < 40
    assert drawn[0, 0, 0] > drawn[0, 0, 2]
    assert drawn[1, 1, 2] > drawn[1, 1, 0]


def test_planes_of_different_shapes_are_refused():
    with pytest.raises(RadbenchError, match=r"edited is \(4, 4\)"):
        GalleryItem("s", "a", np.zeros((8, 8), np.uint8), np.zeros((4, 4), np.uint8), np.zeros((8, 8), bool))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.sampled_from(["seam 1.6 over 1.50", "seam 9 over 1.50", "empty", "score -0.1 under 0.2"])),
    st.integers(0, 6),
    st.randoms(),
)
def test_every_kind_of_rejection_is_shown_before_one_is_shown_twice(reasons, cases, random):
    plane = np.zeros((4, 4), np.uint8)
    items = [RejectedItem(f"s{number:03d}", "a", reason, plane) for number, reason in enumerate(reasons)]
    chosen, total = choose_rejected(items, cases)
    random.shuffle(items)
    assert (chosen, total) == choose_rejected(iter(items), cases)
    assert total == len(items)
    assert len(chosen) == min(cases, len(reasons))
    kinds = {reason.split()[0] for reason in reasons}
    assert len({item.reason.split()[0] for item in chosen}) == min(len(kinds), cases)


@pytest.mark.parametrize(
    "words", ["SYNTHETIC", "Rejected: editing score −0.03 under 0.20; seam 2.31 over 1.50 §", "A" * 90, ""]
)
def test_any_words_can_be_stamped_on_any_image(words):
    for shape in ((112, 112), (128, 128), (256, 112), (112, 256)):
        drawn = stamp(np.full(shape, 100, np.uint8), words)
        assert drawn.shape == shape
        assert (drawn[: shape[0] // 2 - 4] == 100).all()
        assert (drawn == 245).any() == bool(words)
