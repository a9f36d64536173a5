"""The prediction cache: no image is predicted twice, nothing damaged is believed."""

import json
import logging
from types import SimpleNamespace

import numpy as np
import pytest

from radbench.errors import UsageError
from radbench.models.base import Prediction
from radbench.models.cache import CachedModel, image_sha256, remembered
from radbench.specs import InputContract


class Counting:
    """Scores an image by its mean and counts what it is shown."""

    def __init__(self, digest="d", kind="probabilities", mean=0.5):
        contract = InputContract(spatial_shape=[8, 8], mean=[mean])
        self.spec = SimpleNamespace(task="binary", format="timm", input=contract)
        self.digest = digest
        self.kind = kind
        self.seen = 0

    def predict(self, images):
        self.seen += len(images)
        values = [image.mean() / 255 / 3 for image in images]
        return Prediction(self.kind, np.array(values if self.kind == "probabilities" else [1] * len(images)))


def pictures(count, seed=0):
    return list(np.random.default_rng(seed).integers(0, 256, (count, 8, 8), dtype=np.uint8))


def test_a_second_call_asks_nothing_and_answers_the_same(tmp_path):
    images = pictures(5)
    first = CachedModel(Counting(), tmp_path).predict([*images, images[0]])
    idle = Counting()
    second = CachedModel(idle, tmp_path).predict([*images, images[0]])
    assert idle.seen == 0
    np.testing.assert_array_equal(first.values, second.values)
    np.testing.assert_array_equal(first.values, Counting().predict([*images, images[0]]).values)


def test_only_new_images_are_shown(tmp_path):
    images = pictures(5)
    CachedModel(Counting(), tmp_path).predict(images[:3])
    model = Counting()
    CachedModel(model, tmp_path).predict(images)
    assert model.seen == 2


@pytest.mark.parametrize("other", [Counting(digest="e"), Counting(mean=0.4)])
def test_another_model_or_contract_has_its_own_predictions(tmp_path, other):
    images = pictures(2)
    CachedModel(Counting(), tmp_path).predict(images)
    CachedModel(other, tmp_path).predict(images)
    assert other.seen == 2


def test_another_device_has_its_own_predictions(tmp_path):
    assert CachedModel(Counting(), tmp_path).path != CachedModel(Counting(), tmp_path, "cuda").path


@pytest.mark.parametrize("damage", [lambda text: text[:-9], lambda text: text.replace("0.1", "0.2", 1)])
def test_a_damaged_file_is_reported_and_made_again(tmp_path, caplog, damage):
    images = pictures(6)
    cached = CachedModel(Counting(), tmp_path)
    expected = cached.predict(images).values
    text = cached.path.read_text()
    assert damage(text) != text
    cached.path.write_text(damage(text))
    model = Counting()
    with caplog.at_level(logging.WARNING):
        found = CachedModel(model, tmp_path).predict(images).values
    assert model.seen == 6
    assert str(cached.path) in caplog.text
    np.testing.assert_array_equal(found, expected)
    assert json.loads(cached.path.read_text())["entries"]["kind"] == "probabilities"


def test_labels_stay_labels(tmp_path):
    images = pictures(2)
    CachedModel(Counting(kind="labels"), tmp_path).predict(images)
    again = CachedModel(Counting(kind="labels"), tmp_path).predict(images)
    assert again.kind == "labels"
    assert again.values.tolist() == [1, 1]


class Silent(Counting):
    """Says nothing of the first image."""

    def predict(self, images):
        found = super().predict(images)
        found.values[0] = -1 if self.kind == "labels" else np.nan
        return found


@pytest.mark.parametrize("kind", ["probabilities", "labels"])
def test_no_answer_is_remembered_as_no_answer(tmp_path, kind):
    images = pictures(3)
    first = CachedModel(Silent(kind=kind), tmp_path).predict(images)
    idle = Silent(kind=kind)
    again = CachedModel(idle, tmp_path).predict(images)
    assert idle.seen == 0
    np.testing.assert_array_equal(again.values, first.values)
    assert again.decisions(0.0).tolist() == [-1, 1, 1]


def test_a_cache_that_cannot_be_written_is_a_usage_error(tmp_path):
    (tmp_path / "predictions").write_text("a file where the folder should be")
    with pytest.raises(UsageError, match="RADBENCH_CACHE"):
        CachedModel(Counting(), tmp_path).predict(pictures(1))


def test_the_hash_knows_the_shape():
    flat = np.zeros((2, 8), np.uint8)
    assert image_sha256(flat) != image_sha256(flat.reshape(4, 4))


def test_a_server_is_asked_every_time(tmp_path):
    server, file = Counting(), Counting()
    server.spec.format = "openinference"
    assert remembered(server, tmp_path) is server
    assert isinstance(remembered(file, tmp_path), CachedModel)
