"""Batches depend on seed, epoch and film alone."""

import pytest
import torch
from recipe_world import Films, kept, recipe, segmenter

from radbench.reference.recipes.augmentation import Augmenter
from radbench.reference.recipes.samples import Epochs, FilmSet, loader


def batches(spec, films, workers, epoch):
    augmenter = Augmenter(spec.augment, spec.input)
    order = Epochs(len(films), spec.batch_size, seed=3)
    order.epoch = epoch
    made = loader(FilmSet([films], spec.input, augmenter, 3), order, workers=workers, pinned=False)
    return [(batch.inputs, batch.labels, batch.masks) for batch in made]


@pytest.mark.slow
def test_the_number_of_workers_changes_no_bit(tmp_path):
    spec = segmenter()
    films = kept(spec, tmp_path, Films())
    torch.manual_seed(1)
    here = batches(spec, films, 0, epoch=1)
    torch.manual_seed(2)
    there = batches(spec, films, 2, epoch=1)
    assert len(here) == 3
    for one, other in zip(here, there, strict=True):
        assert all(torch.equal(first, second) for first, second in zip(one, other, strict=True))


def test_every_epoch_has_another_order_and_other_changes(tmp_path):
    spec = recipe()
    films = kept(spec, tmp_path, Films())
    first, again, later = (batches(spec, films, 0, epoch=epoch) for epoch in (0, 0, 1))
    assert all(torch.equal(one[0], other[0]) for one, other in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], later[0][0])


def test_whole_batches_in_training_and_every_film_in_validation():
    training = Epochs(22, 8, seed=1)
    assert len(training) == len(list(training)) == 2
    assert all(len(batch) == 8 for batch in training)
    checks = Epochs(22, 8, seed=None)
    assert [number for batch in checks for _, number in batch] == list(range(22))
    assert len(checks) == 3
    assert len(Epochs(5, 8, seed=1)) == 1


def test_films_are_standardised_as_the_contract_says(tmp_path):
    spec = recipe(
        augment=[], input={"spatial_shape": [32, 32], "channels": 3, "mean": [0.5] * 3, "std": [0.25] * 3}
    )
    films = kept(spec, tmp_path, Films())
    item = FilmSet([films, films], spec.input, None, 0)[(-1, 25)]
    expected = (torch.from_numpy(films.images[1].copy()).float() / 255 - 0.5) / 0.25
    assert torch.allclose(item["inputs"], expected.expand(3, -1, -1))
