"""The segmentation trainer learns, repeats itself, and moves masks with their images."""

import numpy as np
import pytest
import torch

from radbench.errors import UsageError
from radbench.reference.training.augmentation import Augmentation, augment, augment_pair
from radbench.reference.training.config import SegmenterConfig
from radbench.reference.training.tasks import dice_loss, train_segmenter
from radbench.specs import InputContract

TINY = {
    "encoder_name": "tu-resnet18",
    "encoder_depth": 3,
    "decoder_channels": [8, 4, 4],
    "in_channels": 1,
    "channels": [4, 8, 8, 8],
    "layers": [1, 1, 1, 1],
}
STILL = Augmentation(rotation=0, shift=0, scale=0, gamma=0, noise=0)


def config(arguments=None, **changes):
    settings = {"epochs": 2, "batch_size": 8, "seed": 3} | changes
    contract = InputContract(spatial_shape=[32, 32], mean=[0.5], std=[0.25])
    return SegmenterConfig("Unet", TINY | (arguments or {}), contract, **settings)


def samples(count=16, side=32, seed=0):
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, side, side), dtype=bool)
    for mask in masks:
        row, column = rng.integers(2, side // 2, 2)
        mask[row : row + side // 3, column : column + side // 3] = True
    images = rng.integers(0, 60, masks.shape, dtype=np.uint8) + 150 * masks.astype(np.uint8)
    return images, masks


def test_learns_an_easy_shape_and_resumes_to_the_same_weights(tmp_path):
    pieces = [samples(32)]
    settings = config(epochs=8, learning_rate=2e-2)
    whole = train_segmenter(settings, pieces, weights=tmp_path / "a.safetensors")
    assert whole.loss < 0.5
    assert (whole.samples, whole.steps, whole.positives) == (32, 32, int(pieces[0][1].sum()))
    checkpoint = tmp_path / "checkpoint.safetensors"

    def stop(done, total, loss):
        if done == 21:
            raise KeyboardInterrupt

    again = {"weights": tmp_path / "b.safetensors", "checkpoint": checkpoint}
    with pytest.raises(KeyboardInterrupt):
        train_segmenter(settings, pieces, checkpoint_every=20, progress=stop, **again)
    assert train_segmenter(settings, pieces, **again) == whole
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_every_setting_and_mask_counts(tmp_path):
    images, masks = samples()
    digests = {
        train_segmenter(settings, [(images, truth)], weights=tmp_path / "w.safetensors").weights_sha256
        for settings, truth in [
            (config(epochs=1), masks),
            (config(epochs=1, seed=4), masks),
            (config(epochs=1, dice_weight=0.0), masks),
            (config(epochs=1, augmentation=None), masks),
            (config(epochs=1), masks[::-1]),
        ]
    }
    assert len(digests) == 5


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "no training samples"),
        ([(np.zeros((2, 32, 32)), np.zeros((2, 32, 32), bool))], "expected uint8 and bool"),
        ([(np.zeros((2, 32, 32), np.uint8), np.zeros((2, 32, 32), np.uint8))], "expected uint8 and bool"),
        ([(np.zeros((2, 32, 32), np.uint8), np.zeros((2, 16, 16), bool))], "expected uint8 and bool"),
        ([samples(4, 32), samples(4, 16)], "several sizes"),
    ],
)
def test_bad_samples_are_usage_errors(tmp_path, batches, words):
    with pytest.raises(UsageError, match=words):
        train_segmenter(config(), batches, weights=tmp_path / "w.safetensors")


def test_a_network_of_several_maps_is_refused(tmp_path):
    with pytest.raises(UsageError, match="one map an image"):
        train_segmenter(config({"classes": 2}), [samples()], weights=tmp_path / "w.safetensors")


def test_masks_move_with_their_images():
    images = (torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(0)) > 0.5).float()
    only_place = Augmentation(rotation=20, shift=0.2, scale=0.2, gamma=0, noise=0)

    def pair(settings, seed=1):
        return augment_pair(images, images, settings, torch.Generator().manual_seed(seed))

    moved, masks = pair(only_place)
    assert not torch.equal(masks, images)
    torch.testing.assert_close((moved >= 0.5).float(), masks)
    assert set(masks.unique().tolist()) <= {0.0, 1.0}
    torch.testing.assert_close(pair(STILL)[1], images)
    alone = augment(images, Augmentation(), torch.Generator().manual_seed(1))
    assert torch.equal(pair(Augmentation())[0], alone)


def test_dice_loss_ends_at_perfect_and_at_disjoint():
    mask = torch.zeros(2, 1, 8, 8)
    mask[:, :, :4] = 1
    assert dice_loss(mask, mask).item() == pytest.approx(0)
    assert dice_loss(1 - mask, mask).item() > 0.95
    empty = torch.zeros_like(mask)
    assert dice_loss(empty, empty).item() == pytest.approx(0)
    half = 0.5 * mask
    assert 0 < dice_loss(half, mask).item() < dice_loss(0.25 * mask, mask).item()
