"""Remembered masks: packed without loss, never asked for twice, never believed when damaged."""

import logging
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.errors import UsageError
from radbench.models.base import Prediction
from radbench.models.cache import CachedModel, MaskMemory
from radbench.specs import InputContract


class Counting:
    """Draws a mask where an image is bright and counts what it is shown."""

    def __init__(self, digest="d"):
        self.spec = SimpleNamespace(
            task="segmentation", format="smp", input=InputContract(spatial_shape=[8, 8])
        )
        self.digest = digest
        self.seen = 0

    def predict(self, images):
        self.seen += len(images)
        return Prediction("masks", np.array([image > 128 for image in images]))


def pictures(count, seed=0, shape=(5, 7)):
    return list(np.random.default_rng(seed).integers(0, 256, (count, *shape), dtype=np.uint8))


def test_a_second_call_asks_nothing_and_answers_the_same(tmp_path):
    images = pictures(5)
    first = CachedModel(Counting(), tmp_path).predict([*images, images[0]])
    idle = Counting()
    second = CachedModel(idle, tmp_path).predict([*images, images[0]])
    assert idle.seen == 0
    assert second.kind == "masks"
    assert second.values.dtype == np.bool_
    for found in (first, second):
        np.testing.assert_array_equal(found.values, np.array([image > 128 for image in [*images, images[0]]]))


def test_only_new_images_are_shown_and_shards_add_up(tmp_path):
    images = pictures(5)
    model = Counting()
    CachedModel(model, tmp_path).predict(images[:3])
    cached = CachedModel(model, tmp_path)
    cached.predict(images)
    assert model.seen == 5
    assert len(list(cached.path.iterdir())) == 2
    np.testing.assert_array_equal(
        CachedModel(model, tmp_path).predict(images[::-1]).values, np.array(images[::-1]) > 128
    )
    assert model.seen == 5


def test_two_processes_that_write_at_once_lose_nothing(tmp_path):
    here, there = pictures(2, 1), pictures(2, 2)
    one, two = CachedModel(Counting(), tmp_path), CachedModel(Counting(), tmp_path)
    one.predict([])
    two.predict([])
    one.predict(here)
    two.predict(there)
    late = Counting()
    CachedModel(late, tmp_path).predict([*here, *there])
    assert late.seen == 0


def test_another_model_has_its_own_masks(tmp_path):
    CachedModel(Counting(), tmp_path).predict(pictures(1))
    other = Counting("e")
    CachedModel(other, tmp_path).predict(pictures(1))
    assert other.seen == 1


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-9], lambda data: bytes([data[0] ^ 1]) + data[1:], lambda data: b""]
)
def test_a_damaged_shard_is_reported_and_made_again(tmp_path, caplog, damage):
    images = pictures(4)
    cached = CachedModel(Counting(), tmp_path)
    expected = cached.predict(images).values
    (shard,) = cached.path.iterdir()
    whole = shard.read_bytes()
    shard.write_bytes(damage(whole))
    model = Counting()
    with caplog.at_level(logging.WARNING):
        found = CachedModel(model, tmp_path).predict(images).values
    assert model.seen == 4
    assert str(shard) in caplog.text
    np.testing.assert_array_equal(found, expected)
    assert shard.read_bytes() == whole


def test_no_image_is_no_mask(tmp_path):
    cached = CachedModel(Counting(), tmp_path)
    assert cached.predict([]).values.shape == (0, 0, 0)
    assert not cached.path.exists()


def test_a_cache_that_cannot_be_written_is_a_usage_error(tmp_path):
    (tmp_path / "predictions").write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="RADBENCH_CACHE"):
        CachedModel(Counting(), tmp_path).predict(pictures(1))


@given(
    count=st.integers(1, 4), height=st.integers(1, 19), width=st.integers(1, 19), seed=st.integers(0, 2**32)
)
def test_packing_loses_nothing(tmp_path_factory, count, height, width, seed):
    masks = np.random.default_rng(seed).random((count, height, width)) < 0.5
    keys = [f"{seed + index:064x}" for index in range(count)]
    folder = tmp_path_factory.mktemp("masks")
    memory = MaskMemory(folder)
    memory.add(keys, Prediction("masks", masks))
    for known in (memory, MaskMemory(folder)):
        np.testing.assert_array_equal(known.recall(keys).values, masks)
