"""MONAI's figures against their definitions written out, and the policy on empty masks."""

import numpy as np
import pytest

from radbench.metrics.segmentation import (
    DISTANCES,
    MEASURED,
    OVERLAPS,
    SEGMENTATION,
    in_millimetres,
    mask_metrics,
    missed,
)


def blobs(count, seed, size=24):
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:size, :size]
    found = np.zeros((count, size, size), bool)
    for number in range(count):
        for _ in range(2):
            row, column = rng.uniform(6, size - 6, 2)
            tall, wide = rng.uniform(2, 6, 2)
            found[number] |= ((rows - row) / tall) ** 2 + ((columns - column) / wide) ** 2 < 1
    return found


def border(mask):
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return np.argwhere(mask & ~inner)


def by_hand(predicted, truth):
    gaps = np.linalg.norm(border(predicted)[:, None] - border(truth)[None], axis=2)
    there, back = gaps.min(axis=1), gaps.min(axis=0)
    both = (predicted & truth).sum()
    return {
        "dice": 2 * both / (predicted.sum() + truth.sum()),
        "iou": both / (predicted | truth).sum(),
        "hausdorff_95": max(np.percentile(there, 95), np.percentile(back, 95)),
        "average_surface_distance": there.mean(),
        "average_symmetric_surface_distance": np.r_[there, back].mean(),
    }


def test_every_figure_is_what_its_name_says():
    predicted, truth = blobs(12, 0), blobs(12, 1)
    found = mask_metrics(SEGMENTATION, predicted, truth)
    for number in range(12):
        expected = by_hand(predicted[number], truth[number])
        for name in SEGMENTATION:
            assert found[name][number] == pytest.approx(expected[name], abs=1e-4), name


def test_only_the_directed_distance_cares_which_mask_is_which():
    predicted, truth = blobs(8, 2), blobs(8, 3)
    one, other = mask_metrics(SEGMENTATION, predicted, truth), mask_metrics(SEGMENTATION, truth, predicted)
    for name in set(SEGMENTATION) - {"average_surface_distance"}:
        np.testing.assert_allclose(one[name], other[name], atol=1e-5)
    assert not np.allclose(one["average_surface_distance"], other["average_surface_distance"])


def test_the_same_mask_is_perfect_and_an_image_does_not_depend_on_its_neighbours():
    truth = blobs(5, 4)
    same = mask_metrics(SEGMENTATION, truth, truth)
    assert all((same[name] == (name in OVERLAPS)).all() for name in SEGMENTATION)
    predicted = blobs(5, 5)
    together = mask_metrics(SEGMENTATION, predicted, truth)
    alone = [mask_metrics(SEGMENTATION, predicted[n : n + 1], truth[n : n + 1]) for n in range(5)]
    for name in SEGMENTATION:
        assert together[name].tolist() == [found[name][0] for found in alone]


def test_empty_masks():
    mask, nothing = blobs(1, 6), np.zeros((1, 24, 24), bool)
    predicted, truth = np.r_[nothing, mask, nothing, mask], np.r_[mask, nothing, nothing, mask]
    found = mask_metrics(SEGMENTATION, predicted, truth)
    for name in OVERLAPS:
        assert found[name].tolist() == [0, 0, 1, 1]
    for name in DISTANCES:
        assert found[name][:2] == pytest.approx(24 * 2**0.5)
        assert np.isnan(found[name][2])
        assert found[name][3] == 0
    assert missed(predicted, truth).tolist() == [True, True, False, False]
    wide = np.zeros((1, 30, 40), bool)
    assert mask_metrics(["hausdorff_95"], wide, ~wide)["hausdorff_95"].tolist() == [50]
    assert mask_metrics(SEGMENTATION, nothing[:0], mask[:0])["dice"].shape == (0,)


def test_no_distance_within_an_image_reaches_what_a_miss_counts():
    far = np.zeros((1, 24, 24), bool)
    far[0, 0, 0] = True
    other = far[:, ::-1, ::-1]
    nothing = np.zeros_like(far)
    found, miss = mask_metrics(DISTANCES, far, other), mask_metrics(DISTANCES, nothing, other)
    assert all(found[name][0] < miss[name][0] for name in DISTANCES)


def test_what_cannot_be_measured_is_refused():
    mask = blobs(1, 7)
    with pytest.raises(ValueError, match="unknown metric 'ahd'"):
        mask_metrics(["ahd"], mask, mask)
    with pytest.raises(ValueError, match="expected \\[N, H, W\\]"):
        mask_metrics(["dice"], mask, mask[:, :10])


def test_a_square_pixel_s_millimetres_are_its_pixels_times_its_side():
    predicted, truth = blobs(6, 8), blobs(6, 9)
    truth[0] = False
    names = [*DISTANCES, *in_millimetres(["dice", *DISTANCES])]
    assert set(names) == set(MEASURED)
    sides = np.array([0.1, 0.5, 1.0, 0.143, 2.0, 0.3])
    found = mask_metrics(names, predicted, truth, np.stack([sides, sides], axis=1))
    for name in DISTANCES:
        np.testing.assert_allclose(found[f"{name}_mm"], found[name] * sides, rtol=1e-5)


def test_each_axis_has_its_own_spacing():
    truth = np.zeros((2, 20, 20), bool)
    truth[:, 5, 5] = True
    predicted = np.stack([np.roll(truth[0], 4, axis=0), np.roll(truth[1], 4, axis=1)])
    found = mask_metrics(["hausdorff_95_mm"], predicted, truth, np.array([[0.5, 2.0]] * 2))
    assert found["hausdorff_95_mm"].tolist() == [2, 8]
    nothing = np.zeros_like(truth)
    missed_mm = mask_metrics(["hausdorff_95_mm"], nothing, truth, np.array([[0.3, 0.4]] * 2))
    assert missed_mm["hausdorff_95_mm"] == pytest.approx([10, 10])


def test_millimetres_without_a_spacing_are_refused():
    mask = blobs(1, 7)
    with pytest.raises(ValueError, match="'hausdorff_95_mm' needs the spacing of every image"):
        mask_metrics(["hausdorff_95_mm"], mask, mask)
