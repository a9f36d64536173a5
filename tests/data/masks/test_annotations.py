import json
import sys

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


mask_tools = pytest.importorskip("pycocotools.mask")

SHAPE = (40, 50)
DISC = (np.indices(SHAPE)[0] - 20) ** 2 + (np.indices(SHAPE)[1] - 15) ** 2 < 80
SQUARE = np.zeros(SHAPE, dtype=bool)
SQUARE[5:15, 30:45] = True
POLYGON = [[30, 5, 45, 5, 45, 15, 30, 15]]


def _compressed(mask):
    runs = mask_tools.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": list(runs["size"]), "counts": runs["counts"].decode()}


def _counts(mask):
    flat = mask.T.ravel()
    edges = np.flatnonzero(np.diff(flat.astype(int))) + 1
    counts = np.diff(np.concatenate([[0], edges, [flat.size]])).tolist()
    return {"size": list(mask.shape), "counts": ([0, *counts] if flat[0] else counts)}


def _file(tmp_path, *annotations, categories=("lung", "heart"), images=None):
    images = images or [
        {"id": 7, "file_name": "films/a.png", "height": 40, "width": 50},
        {"id": 8, "file_name": "films/b.png", "height": 40, "width": 50},
    ]
    content = {
        "images": images,
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(categories)],
        "annotations": [{"id": i, "image_id": 7, **one} for i, one in enumerate(annotations)],
    }
    (tmp_path / "a.json").write_text(json.dumps(content))
    return tmp_path / "a.json"


@pytest.mark.parametrize(
    "shape", [_compressed(SQUARE), _counts(SQUARE), POLYGON], ids=["compressed", "counts", "polygon"]
)
def test_every_kind_of_segmentation_is_read(shape, tmp_path):
    path = _file(tmp_path, {"category_id": 1, "segmentation": shape})
    reading = read_mask(f"{path}#image=films/a.png,category=lung", SHAPE)
    np.testing.assert_array_equal(reading.mask, SQUARE)
    assert reading.warnings == ()


def test_annotations_are_united_and_categories_kept_apart(tmp_path):
    path = _file(
        tmp_path,
        {"category_id": 1, "segmentation": _compressed(SQUARE)},
        {"category_id": 1, "segmentation": _counts(DISC), "iscrowd": 1},
        {"category_id": 2, "segmentation": [[0, 0, 5, 0, 5, 5, 0, 5]]},
        {"category_id": 1, "segmentation": [[0, 0, 5, 0, 5, 5, 0, 5]], "image_id": 8},
    )
    np.testing.assert_array_equal(read_mask(f"{path}#image=7,category=lung", SHAPE).mask, SQUARE | DISC)
    assert read_mask(f"{path}#image=7,category=heart", SHAPE).mask.sum() == 25
    assert read_mask(f"{path}#image=7,category=lung|2", SHAPE).mask.sum() == (SQUARE | DISC).sum() + 25
    assert read_mask(f"{path}#category=lung", SHAPE, film="/far/away/b.png").mask.sum() == 25
    assert not read_mask(f"{path}#category=heart", SHAPE, film="b.png").mask.any()


def test_a_box_stands_in_for_an_outline_and_is_said(tmp_path):
    path = _file(tmp_path, {"category_id": 1, "bbox": [30, 5, 15, 10]}, categories=("lung",))
    reading = read_mask(path, SHAPE, film="a.png")
    np.testing.assert_array_equal(reading.mask, SQUARE)
    assert "a box and no outline" in reading.warnings[0]


def test_a_file_by_names_is_read_as_chexlocalize_writes_it(tmp_path):
    content = {"p1_study1_view1": {"Pneumothorax": _compressed(DISC), "Support Devices": _compressed(SQUARE)}}
    (tmp_path / "gt.json").write_text(json.dumps(content))
    film = "CheXpert/val/p1/study1/view1.jpg"
    found = read_mask(f"{tmp_path / 'gt.json'}#category=Support Devices", SHAPE, film=film)
    np.testing.assert_array_equal(found.mask, SQUARE)
    with pytest.raises(UsageError, match=r"has the categories Pneumothorax, Support Devices"):
        read_mask(tmp_path / "gt.json", SHAPE, film=film)
    with pytest.raises(UsageError, match=r"no image 'x\.jpg'"):
        read_mask(f"{tmp_path / 'gt.json'}#category=Pneumothorax", SHAPE, film="x.jpg")


def test_one_run_length_alone_is_a_mask(tmp_path):
    (tmp_path / "m.json").write_text(json.dumps(_compressed(DISC)))
    np.testing.assert_array_equal(read_mask(tmp_path / "m.json", SHAPE).mask, DISC)


@pytest.mark.parametrize(
    ("words", "annotation", "sentence"),
    [
        ("image=7", {}, "has the categories heart, lung; name those that are the mask with category="),
        ("category=lung", {}, "has no image 'c.png'"),
        ("image=7,category=lungs", {}, "no category 'lungs'; it has heart, lung. Did you mean 'lung'"),
        ("image=7,category=lung", {"segmentation": _counts(DISC[:30])}, "30 x 50 in an image of 40 x 50"),
        ("image=7,category=lung", {"segmentation": {"size": [40, 50], "counts": [3, 4]}}, "do not fill"),
        ("image=7,category=lung", {}, r"broken image or annotation \(KeyError: 'bbox'\)"),
        ("image=7,category=lung,order=row", {}, "cannot be selected by 'order'"),
        ("image=7,category=lung,3", {}, "has no values such as '3'"),
    ],
)
def test_what_is_wrong_is_named(words, annotation, sentence, tmp_path):
    path = _file(tmp_path, {"category_id": 1, **annotation})
    with pytest.raises(UsageError, match=sentence):
        read_mask(f"{path}#{words}", SHAPE, film="c.png")


def test_another_size_than_the_film_is_refused(tmp_path):
    path = _file(tmp_path, {"category_id": 1, "segmentation": POLYGON})
    with pytest.raises(UsageError, match=r"has 40 x 50 pixels .* its image films/a\.png has 80 x 100"):
        read_mask(f"{path}#category=lung", (80, 100), film="films/a.png")


def test_a_file_of_something_else_and_a_missing_reader_are_said(tmp_path, monkeypatch):
    (tmp_path / "m.json").write_text("[1]")
    with pytest.raises(UsageError, match="is no COCO file"):
        read_mask(tmp_path / "m.json", SHAPE)
    (tmp_path / "m.json").write_text("{")
    with pytest.raises(UsageError, match="is not JSON"):
        read_mask(tmp_path / "m.json", SHAPE)
    (tmp_path / "m.json").write_text(json.dumps(_compressed(DISC)))
    monkeypatch.setitem(sys.modules, "pycocotools", None)
    with pytest.raises(
        UsageError, match=r"needs pycocotools; install it with: pip install 'radbench\[coco\]'"
    ):
        read_mask(tmp_path / "m.json", SHAPE)
