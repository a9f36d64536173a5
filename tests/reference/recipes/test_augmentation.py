"""Transforms are seeded, independent of each other, within their ranges, and move a mask with its film."""

import math

import pytest
import torch
from recipe_world import AUGMENT, recipe

from radbench.reference.recipes.augmentation import Augmenter
from radbench.specs.augmentation import Augment

SIDE = 64


def augmenter(*steps, **changes):
    spec = recipe(input={"spatial_shape": [SIDE, SIDE]} | changes)
    return Augmenter([Augment.model_validate(step) for step in steps], spec.input)


def picture(seed=0):
    image = torch.rand(1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
    return image, (image > 0.5).to(torch.uint8)


def bar():
    """A bar along the rows above the middle, on the left."""
    image = torch.zeros(1, SIDE, SIDE)
    image[:, 20:28, 8:40] = 1.0
    return image, image.to(torch.uint8)


def test_one_seed_one_result_and_the_caller_s_numbers_stay():
    change = augmenter(*AUGMENT)
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first, again, other = (change(*picture(), seed) for seed in (1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(first[0], again[0]) and torch.equal(first[1], again[1])
    assert not torch.equal(first[0], other[0])
    assert type(first[0]) is torch.Tensor and type(first[1]) is torch.Tensor


def test_the_number_of_threads_changes_no_bit():
    change = augmenter(*AUGMENT)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        one = change(*picture(), 3)
        torch.set_num_threads(2)
        two = change(*picture(), 3)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert torch.equal(one[0], two[0]) and torch.equal(one[1], two[1])


@pytest.mark.parametrize("step", AUGMENT, ids=lambda step: next(iter(step)))
def test_every_transform_keeps_size_type_and_range(step):
    change = augmenter(step)
    for seed in range(8):
        image, mask = change(*picture(seed), seed)
        assert image.shape == mask.shape == (1, SIDE, SIDE)
        assert (image.dtype, mask.dtype) == (torch.float32, torch.uint8)
        assert image.min() >= 0 and image.max() <= 1
        assert set(mask.unique().tolist()) <= {0, 1}
        assert change(picture(seed)[0], None, seed)[1] is None


@pytest.mark.parametrize("name", ["flip", "affine", "crop", "elastic"])
def test_a_mask_moves_with_its_film(name):
    change = augmenter(next(step for step in AUGMENT if name in step))
    for seed in range(8):
        image, mask = change(*bar(), seed)
        inside = (image >= 0.5).to(torch.uint8)
        assert (inside != mask).float().mean() < 0.02, seed
        assert mask.any()


@pytest.mark.parametrize("name", ["jitter", "noise"])
def test_grey_values_change_in_the_film_alone(name):
    change = augmenter(next(step for step in AUGMENT if name in step))
    image, mask = change(*bar(), 0)
    assert torch.equal(mask, bar()[1])
    assert not torch.equal(image, bar()[0])


def test_the_angles_stay_within_the_declared_ones():
    change = augmenter({"affine": {"rotation": 30.0}})
    angles = []
    for seed in range(60):
        _, mask = change(*bar(), seed)
        rows, columns = torch.nonzero(mask[0], as_tuple=True)
        points = torch.stack([columns.double(), rows.double()])
        along = torch.linalg.eigh(torch.cov(points)).eigenvectors[:, 1]
        angles.append(math.degrees(math.atan(float(along[1] / along[0]))))
    assert max(map(abs, angles)) < 32
    assert min(angles) < -15 and max(angles) > 15


def test_sizes_and_brightness_stay_within_their_ranges():
    grow = augmenter({"affine": {"scale": [0.9, 1.1]}})
    area = [float(grow(*bar(), seed)[1].sum()) / float(bar()[1].sum()) for seed in range(40)]
    assert 0.7 < min(area) < 0.9 and 1.1 < max(area) < 1.35
    crop = augmenter({"crop": {"scale": [0.8, 1.0]}})
    full = torch.ones(1, SIDE, SIDE)
    assert torch.equal(crop(full, None, 0)[0], full)  # nothing of outside comes in
    light = augmenter({"jitter": {"brightness": [0.8, 1.2], "contrast": [1.0, 1.0]}})
    grey = torch.full((1, SIDE, SIDE), 0.5)
    found = [float(light(grey, None, seed)[0].mean()) for seed in range(60)]
    assert 0.4 <= min(found) < 0.43 and 0.57 < max(found) <= 0.6
    noisy = augmenter({"noise": {"std": 0.05}})
    assert abs(float(noisy(grey, None, 0)[0].std()) - 0.05) < 0.003


def test_a_small_elastic_step_changes_little_and_black_comes_from_outside():
    image, mask = bar()
    found, _ = augmenter({"elastic": {"scale": 0.001}})(image, mask, 0)
    assert (found - image).abs().mean() < 0.02
    turned, _ = augmenter({"affine": {"rotation": 45.0}}, photometric="MONOCHROME1")(
        torch.ones(1, SIDE, SIDE), None, 1
    )
    assert turned.mean() > 0.98  # air is white in an inverted film; edges are interpolated


def test_flips_happen_as_often_as_declared():
    change = augmenter({"flip": {"probability": 0.5}})
    image, mask = bar()
    flipped = [torch.equal(change(image, mask, seed)[0], image.flip(-1)) for seed in range(200)]
    assert 70 < sum(flipped) < 130
