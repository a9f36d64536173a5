"""A built test set as a torch Dataset."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

import radbench

pytestmark = pytest.mark.slow


@pytest.fixture
def testset(in_world, edits):
    return radbench.build("tiny", limit=2, device="cpu", cache=edits, progress=False)


def test_an_item_is_what_the_models_see(testset):
    assert isinstance(testset, Dataset)
    assert len(testset) == 2
    item = testset[0]
    assert item["image"].dtype == torch.float32
    assert item["image"].shape == item["original"].shape == (1, 128, 128)
    assert item["image"].min() >= 0 and item["image"].max() <= 1
    assert item["label"] == 0
    record = testset.stored.usable[0]
    assert (item["study"], item["scenario"]) == (record.study_id, record.scenario)
    np.testing.assert_array_equal(item["masks"]["edit"].numpy(), testset.stored.edit_mask(record))
    shown = np.rint(item["image"][0].numpy() * 255).astype(np.uint8)
    np.testing.assert_array_equal(shown, testset.stored.image(record))
    assert torch.equal(testset[-1]["image"], testset[1]["image"])
    with pytest.raises(IndexError, match="no item of 2"):
        testset[2]


def test_a_loader_batches_it(testset):
    (batch,) = DataLoader(testset, batch_size=2)
    assert batch["image"].shape == (2, 1, 128, 128)
    assert batch["masks"]["keep"].shape == (2, 128, 128)
    assert "eligible" in testset.attrition
    assert "tiny" in repr(testset)


def test_a_set_without_a_usable_edit_is_empty(in_world, edits):
    from radbench.api.dataset import EditedImages

    found = radbench.build("tiny", limit=2, device="cpu", cache=edits, progress=False)
    nothing = replace(found.stored, records=[replace(one, status="rejected") for one in found.stored.records])
    empty = EditedImages(found.shift, found.cohort, nothing)
    assert len(empty) == 0
    with pytest.raises(IndexError, match="no item of 0"):
        empty[0]
