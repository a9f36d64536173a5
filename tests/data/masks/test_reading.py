import json

import numpy as np
import pytest
from PIL import Image

from radbench.data.masks import mask_reference, read_mask
from radbench.data.masks.runlength import decode_run_lengths
from radbench.errors import UsageError

SHAPE = (40, 56)
INSIDE = np.zeros(SHAPE, bool)
INSIDE[10:25, 12:40] = True
INSIDE[14:18, 20:24] = False


def read(folder, cell):
    return read_mask(mask_reference(cell, folder), SHAPE)


def paint(inside, outside):
    return np.where(INSIDE[..., None], np.array(inside), np.array(outside)).astype(np.uint8)


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ((255, 0, 0), (0, 0, 0)),
        ((0, 90, 0), (0, 0, 0)),
        ((255, 255, 255), (0, 0, 0)),
        ((200, 30, 60), (255, 255, 255)),
        ((255, 255, 255, 255), (255, 255, 255, 0)),
        ((0, 0, 0, 255), (0, 0, 0, 0)),
        ((255, 0, 0, 255), (0, 0, 0, 0)),
        ((255, 0, 0, 128), (12, 99, 3, 0)),
    ],
)
def test_one_paint_or_the_alpha_channel_is_the_shape(inside, outside, tmp_path):
    Image.fromarray(paint(inside, outside)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read(tmp_path, "m.png"), INSIDE)


@pytest.mark.parametrize("values", [INSIDE * 1, INSIDE * 255, INSIDE * 76])
def test_gray_masks_of_two_values(values, tmp_path):
    Image.fromarray(values.astype(np.uint8)).save(tmp_path / "m.png")
    np.testing.assert_array_equal(read(tmp_path, "m.png"), INSIDE)


def test_a_jpeg_of_red_paint_keeps_its_outline(tmp_path):
    Image.fromarray(paint((255, 0, 0), (0, 0, 0))).save(tmp_path / "m.jpg", quality=85)
    assert (read(tmp_path, "m.jpg") != INSIDE).mean() < 0.03


def test_label_maps_and_colours_are_named_or_refused(tmp_path):
    labels = np.zeros(SHAPE, np.uint8)
    labels[5:10, 5:10], labels[20:30, 30:40] = 1, 3
    Image.fromarray(labels).save(tmp_path / "labels.png")
    with pytest.raises(UsageError, match=r"values 0, 1, 3.*label map.*labels\.png#3"):
        read(tmp_path, "labels.png")
    np.testing.assert_array_equal(read(tmp_path, "labels.png#3"), labels == 3)
    np.testing.assert_array_equal(read(tmp_path, "labels.png#1,3"), labels > 0)
    colours = np.zeros((*SHAPE, 3), np.uint8)
    colours[labels == 1], colours[labels == 3] = (255, 0, 0), (0, 0, 255)
    Image.fromarray(colours).save(tmp_path / "organs.png")
    with pytest.raises(UsageError, match="several colours"):
        read(tmp_path, "organs.png")
    np.testing.assert_array_equal(read(tmp_path, "organs.png#0000ff"), labels == 3)


def _runs(order):
    flat = INSIDE.ravel() if order == "row" else INSIDE.T.ravel()
    edges = np.flatnonzero(np.diff(np.concatenate([[0], flat.view(np.int8), [0]])))
    return list(zip(edges[::2], edges[1::2] - edges[::2], strict=True))


@pytest.mark.parametrize("order", ["row", "column"])
@pytest.mark.parametrize("relative", [False, True])
def test_run_lengths_of_every_dialect(order, relative, tmp_path):
    numbers, end = [], 0
    for start, length in _runs(order):
        numbers += [start - end if relative else start + 1, length]
        end = start + length
    code = " ".join(map(str, numbers))
    np.testing.assert_array_equal(decode_run_lengths(code, SHAPE, relative=relative, order=order), INSIDE)
    half = len(numbers) // 4 * 2
    lines = ["ImageId, EncodedPixels", f"a,{' '.join(map(str, numbers))}", "b,-1", "c,"]
    (tmp_path / "rle.csv").write_text("\n".join(lines), encoding="utf-8")
    kind = "relative" if relative else "absolute"
    np.testing.assert_array_equal(read(tmp_path, f"rle.csv#id=a,rle={kind},order={order}"), INSIDE)
    assert not read(tmp_path, "rle.csv#id=b").any()
    assert not read(tmp_path, "rle.csv#id=c").any()
    with pytest.raises(UsageError, match="no row of image 'z'"):
        read(tmp_path, "rle.csv#id=z")
    if not relative:
        parts = [" ".join(map(str, numbers[:half])), " ".join(map(str, numbers[half:]))]
        (tmp_path / "two.csv").write_text(
            "\n".join(["id,rle", *(f"a,{part}" for part in parts)]), encoding="utf-8"
        )
        np.testing.assert_array_equal(read(tmp_path, f"two.csv#id=a,order={order}"), INSIDE)


def test_boxes_in_a_cell_and_coco(tmp_path):
    np.testing.assert_array_equal(np.argwhere(read(tmp_path, "box:2,3,4,5"))[[0, -1]], [[3, 2], [7, 5]])
    pytest.importorskip("pycocotools")
    square = [12.0, 10.0, 40.0, 10.0, 40.0, 25.0, 12.0, 25.0]
    content = {
        "images": [{"id": 7, "file_name": "a.png"}],
        "categories": [{"id": 1, "name": "lung"}, {"id": 2, "name": "heart"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "segmentation": [square]},
            {"id": 2, "image_id": 7, "category_id": 2, "bbox": [0, 0, 5, 5]},
        ],
    }
    (tmp_path / "coco.json").write_text(json.dumps(content), encoding="utf-8")
    lung = read(tmp_path, "coco.json#image=a.png,category=lung")
    assert (lung != (INSIDE | read(tmp_path, "box:20,14,4,4"))).mean() < 0.03
    assert read(tmp_path, "coco.json#image=a.png,category=heart").sum() == 25
    with pytest.raises(UsageError, match="no category 'liver'"):
        read(tmp_path, "coco.json#image=a.png,category=liver")


def test_nifti_and_numpy(tmp_path):
    np.save(tmp_path / "m.npy", INSIDE)
    np.testing.assert_array_equal(read(tmp_path, "m.npy"), INSIDE)
    nibabel = pytest.importorskip("nibabel")
    volume = (INSIDE.T * 2).astype(np.uint8)[..., None]
    nibabel.save(nibabel.Nifti1Image(volume, np.eye(4)), tmp_path / "m.nii.gz")
    np.testing.assert_array_equal(read(tmp_path, "m.nii.gz#2"), INSIDE)


def test_a_name_with_a_hash_and_a_path_with_backslashes_are_files(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("a#1.png", "deep/m.png"):
        Image.fromarray(INSIDE).save(tmp_path / name)
    np.testing.assert_array_equal(read(tmp_path, "a#1.png"), INSIDE)
    np.testing.assert_array_equal(read(tmp_path, "deep\\m.png"), INSIDE)
