from pathlib import Path

import numpy as np
import pytest

from radbench.data.masks import read_mask
from radbench.data.sources.boxes import box_reference, box_text
from radbench.data.sources.source import Problems
from radbench.errors import UsageError

COLUMNS = ("x", "y", "w", "h")


def text(cells, kind="xywh", problems=None):
    row = dict(zip(COLUMNS, cells.split(","), strict=True))
    return box_text(row, COLUMNS, kind, Path("boxes.csv"), 7, problems or Problems())


@pytest.mark.parametrize("seed", range(8))
def test_boxes_cover_their_pixels_and_are_united_on_films_that_are_not_square(seed):
    rng = np.random.default_rng(seed)
    height, width = int(rng.integers(20, 60)), int(rng.integers(20, 60))
    expected = np.zeros((height, width), dtype=bool)
    by_size, by_corners = [], []
    for _ in range(3):
        x, y = int(rng.integers(0, width - 2)), int(rng.integers(0, height - 2))
        w, h = int(rng.integers(1, width - x + 1)), int(rng.integers(1, height - y + 1))
        expected[y : y + h, x : x + w] = True
        by_size.append(text(f"{x},{y},{w},{h}"))
        by_corners.append(text(f"{x},{y},{x + w},{y + h}", "xyxy"))
    size = f"{height}x{width}"
    for reference in (
        box_reference(by_size, "xywh"),
        box_reference(by_size, "xywh", size),
        box_reference(by_corners, "xyxy", size),
    ):
        assert np.array_equal(read_mask(reference, (height, width)).mask, expected)


def test_a_film_of_another_size_than_the_boxes_is_refused():
    reference = box_reference([text("10,20,5,8")], "xywh", "60x40")
    assert read_mask(reference, (60, 40)).mask.sum() == 40
    for shape in ((40, 60), (30, 20), (120, 80)):
        with pytest.raises(
            UsageError, match=rf"has 60 x 40 pixels .*its image a.png has {shape[0]} x {shape[1]}"
        ):
            read_mask(reference, shape, film="a.png")


def test_blank_cells_are_no_box_and_a_flat_one_is_counted():
    problems = Problems()
    assert text(",,,") == ""
    assert text("1,2,0,4", problems=problems) == text("5,2,5,9", "xyxy", problems) == ""
    assert problems.counts == {"boxes without an area, left out": 2}
    assert problems.examples["boxes without an area, left out"] == ["boxes.csv row 7", "boxes.csv row 7"]


@pytest.mark.parametrize("cells", ["1,2,3,", "1,2,three,4", "nan,2,3,4"])
def test_a_broken_box_is_named_with_its_row(cells):
    with pytest.raises(
        UsageError, match=r"boxes.csv, row 7 has the box .* expected four numbers \(x, y, w, h\)"
    ):
        text(cells)
