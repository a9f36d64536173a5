import numpy as np
import pytest
from PIL import Image

from radbench.data.masks import read_mask
from radbench.errors import UsageError

SHAPE = (20, 30)


def _save(path, mask):
    Image.fromarray(mask.astype(np.uint8) * 255).save(path)
    return path


def test_an_empty_a_whole_and_an_inverted_mask_are_warned_of(tmp_path):
    mask = np.zeros(SHAPE, dtype=bool)
    assert "is empty: it covers nothing" in read_mask(_save(tmp_path / "m.png", mask), SHAPE).warnings[0]
    mask[:] = True
    mask[0, 0] = False
    assert "covers 99.8 % of its film" in read_mask(_save(tmp_path / "m.png", mask), SHAPE).warnings[0]
    mask[5:15, 5:25] = False
    assert (
        "of its film's border; is it inverted?"
        in read_mask(_save(tmp_path / "m.png", mask), SHAPE).warnings[0]
    )
    assert read_mask(_save(tmp_path / "m.png", ~mask), SHAPE).warnings == ()


def test_another_size_is_refused_with_both_names(tmp_path):
    path = _save(tmp_path / "m.png", np.ones((20, 20), dtype=bool))
    with pytest.raises(
        UsageError,
        match=r"^t\.csv, row 4: the mask .*m\.png has 20 x 20 pixels .* and its image f\.png has 20 x 30",
    ):
        read_mask(path, SHAPE, film="f.png", where="t.csv, row 4")


def test_a_missing_file_and_a_word_that_a_picture_does_not_know_are_said(tmp_path):
    with pytest.raises(UsageError, match=r"^The mask .*m\.png does not exist"):
        read_mask(tmp_path / "m.png", SHAPE)
    path = _save(tmp_path / "m.png", np.ones(SHAPE, dtype=bool))
    with pytest.raises(
        UsageError,
        match="cannot be selected by 'category'; expected above=, holes=, scale=, parts=, lung= or values",
    ):
        read_mask(f"{path}#category=lung", SHAPE)
