import numpy as np
import pytest

from radbench.data.masks import read_mask
from radbench.errors import UsageError


def test_a_box_is_x_y_width_height():
    mask = read_mask("3,2,4,5", (10, 12)).mask
    expected = np.zeros((10, 12), dtype=bool)
    expected[2:7, 3:7] = True
    np.testing.assert_array_equal(mask, expected)
    np.testing.assert_array_equal(read_mask("3,2,7,7#box=xyxy", (10, 12)).mask, expected)
    np.testing.assert_array_equal(read_mask("3 2 4 5", (10, 12)).mask, expected)


def test_boxes_are_united_and_clipped_to_the_film():
    mask = read_mask("0,0,1,1; 10,8,50,50", (10, 12)).mask
    assert mask[0, 0]
    assert mask[8:, 10:].all()
    assert mask.sum() == 5


def test_a_fraction_of_a_pixel_counts_from_its_centre():
    assert read_mask("2.5,2.4,1,1", (10, 12)).mask.sum() == 1
    assert read_mask("2.4,2.4,1,1", (10, 12)).mask[2, 2]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("1,2,3", "is no box; expected x,y,width,height"),
        ("1,2,0,5", "which has no area"),
        ("9,9,4,4#box=xyxy", "which has no area"),
        ("100,100,4,4", "outside the film of 10 x 12"),
        ("1,2,3,4#box=yxyx", "expected box=xywh or box=xyxy"),
        ("1,2,3,4#order=row", "cannot be selected by 'order'"),
    ],
)
def test_what_is_no_box_is_said(text, sentence):
    with pytest.raises(UsageError, match=sentence):
        read_mask(text, (10, 12))


@pytest.mark.parametrize(
    "text",
    [
        '[{"label": "A", "xywh": [3, 2, 4, 5]}]#category=A',
        '[{"label": "A", "xywh": [3, 2, 4, 5]}, {"label": "B", "xywh": [0, 0, 1, 1]}]#category=A',
        "[{'x': 3.0, 'y': 2.0, 'width': 4.0, 'height': 5.0}]",
        "{'x': 3, 'y': 2, 'w': 4, 'h': 5}",
        "[{'bbox': [3, 2, 4, 5]}]",
        "[{'xyxy': [3, 2, 7, 7]}]",
        "[[3, 2, 4, 5]]",
        "[3, 2, 4, 5]",
    ],
)
def test_a_list_of_boxes_is_read_as_programs_write_it(text):
    np.testing.assert_array_equal(read_mask(text, (10, 12)).mask, read_mask("3,2,4,5", (10, 12)).mask)


def test_a_list_without_the_category_is_an_empty_mask():
    assert not read_mask("[{'label': 'A', 'xywh': [3, 2, 4, 5]}]#category=B", (10, 12)).mask.any()
    assert not read_mask("[]", (10, 12)).mask.any()


@pytest.mark.parametrize(
    "text", ["[1, 2]", "[{'x': 1}]", "[open('x')]", "{", "[1,2,3,4", "[[1,2,3,4]]#category=A"]
)
def test_a_list_of_something_else_is_refused(text):
    with pytest.raises(UsageError, match=r"The mask in the cell .* is no box"):
        read_mask(text, (10, 12))
