"""The trainer learns, repeats itself, and resumes as if it had never stopped."""

import numpy as np
import pytest
import torch

from radbench.errors import UsageError
from radbench.reference.training.augmentation import Augmentation, augment
from radbench.reference.training.config import ClassifierConfig
from radbench.reference.training.tasks import train_classifier
from radbench.specs import InputContract

TINY = {"in_chans": 1, "num_classes": 1, "channels": [4, 8, 8, 8], "layers": [1, 1, 1, 1]}


def config(**changes):
    settings = {"epochs": 2, "batch_size": 8, "seed": 3} | changes
    return ClassifierConfig("resnet18", TINY, InputContract(spatial_shape=[32, 32]), **settings)


def samples(count=32, side=32, seed=0):
    rng = np.random.default_rng(seed)
    labels = np.arange(count) % 2
    images = rng.integers(0, 120, (count, side, side), dtype=np.uint8)
    images[labels == 1, : side // 2] += 120
    return images, labels


def test_learns_an_easy_difference(tmp_path):
    report = train_classifier(
        config(epochs=6, learning_rate=5e-3), [samples(64)], weights=tmp_path / "w.safetensors"
    )
    assert report.loss < 0.4
    assert (report.samples, report.positives, report.steps) == (64, 32, 48)


def test_same_inputs_same_bytes_and_the_callers_random_state_is_kept(tmp_path):
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    images, labels = samples()
    whole = train_classifier(config(), [(images, labels)], weights=tmp_path / "a.safetensors")
    pieces = [(images[:5], labels[:5]), (images[5:], labels[5:])]
    split = train_classifier(config(), pieces, weights=tmp_path / "b.safetensors")
    assert whole == split
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()
    assert torch.equal(torch.rand(1), expected)


def test_resumes_to_the_same_weights(tmp_path):
    whole = train_classifier(config(), [samples()], weights=tmp_path / "a.safetensors")
    checkpoint = tmp_path / "run" / "checkpoint.safetensors"

    def stop(done, total, loss):
        if done == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_classifier(
            config(),
            [samples()],
            weights=tmp_path / "b.safetensors",
            checkpoint=checkpoint,
            checkpoint_every=5,
            progress=stop,
        )
    assert checkpoint.is_file()
    assert not (tmp_path / "b.safetensors").exists()
    seen = []
    resumed = train_classifier(
        config(),
        [samples()],
        weights=tmp_path / "b.safetensors",
        checkpoint=checkpoint,
        progress=lambda done, total, loss: seen.append(done),
    )
    assert seen == [6, 7, 8]
    assert resumed == whole
    assert not checkpoint.exists()


def test_a_checkpoint_of_other_settings_is_refused(tmp_path):
    checkpoint = tmp_path / "c.safetensors"

    def stop(done, total, loss):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_classifier(
            config(),
            [samples()],
            weights=tmp_path / "w.safetensors",
            checkpoint=checkpoint,
            checkpoint_every=1,
            progress=stop,
        )
    with pytest.raises(UsageError, match="other settings"):
        train_classifier(
            config(seed=4), [samples()], weights=tmp_path / "w.safetensors", checkpoint=checkpoint
        )
    checkpoint.write_bytes(b"rubbish")
    with pytest.raises(UsageError, match="not a checkpoint"):
        train_classifier(config(), [samples()], weights=tmp_path / "w.safetensors", checkpoint=checkpoint)


@pytest.mark.parametrize(
    ("batches", "words"),
    [
        ([], "no training samples"),
        ([(np.zeros((2, 32, 32)), np.zeros(2, int))], "expected uint8"),
        ([(np.zeros((2, 32, 32), np.uint8), np.array([0, 2]))], "labels other than"),
        ([samples(4, 32), samples(4, 16)], "several sizes"),
    ],
)
def test_bad_samples_are_usage_errors(tmp_path, batches, words):
    with pytest.raises(UsageError, match=words):
        train_classifier(config(), batches, weights=tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("architecture", "arguments", "words"),
    [
        ("resnet81", TINY, "Did you mean 'resnet"),
        ("resnet18", TINY | {"chanels": [1]}, "cannot build"),
        ("resnet18", TINY | {"pretrained": True}, "pretrained"),
        ("resnet18", TINY | {"num_classes": 2}, "one logit"),
    ],
)
def test_bad_architectures_are_usage_errors(tmp_path, architecture, arguments, words):
    settings = ClassifierConfig(architecture, arguments, InputContract(spatial_shape=[32, 32]), epochs=1)
    with pytest.raises(UsageError, match=words):
        train_classifier(settings, [samples()], weights=tmp_path / "w.safetensors")


def test_augmentation_is_seeded_bounded_and_none_at_width_zero():
    images = torch.rand(4, 1, 16, 16)

    def changed(seed, settings=None):
        return augment(images, settings or Augmentation(), torch.Generator().manual_seed(seed))

    assert torch.equal(changed(1), changed(1))
    assert not torch.equal(changed(1), changed(2))
    assert changed(1).min() >= 0
    assert changed(1).max() <= 1
    still = changed(1, Augmentation(rotation=0, shift=0, scale=0, gamma=0, noise=0))
    assert torch.allclose(still, images, atol=1e-5)
