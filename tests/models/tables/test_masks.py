import numpy as np
import pytest
from conformance import changed, declared
from PIL import Image

from radbench.errors import UsageError
from radbench.models.adapters.table import read_mask, read_masks, refuse_no_masks

INSIDE = np.zeros((6, 8), bool)
INSIDE[1:4, 2:7] = True


@pytest.fixture
def spec(tmp_path):
    return declared(
        tmp_path, format="table", path="masks", task="segmentation", target="lungs", output="labels"
    )


def png(path, pixels):
    Image.fromarray(pixels).save(path)
    return path


@pytest.mark.parametrize(
    "pixels",
    [INSIDE, INSIDE.astype(np.uint8), INSIDE.astype(np.uint8) * 255, INSIDE.astype(np.uint16) * 1],
    ids=["one bit", "0 and 1", "0 and 255", "16 bits"],
)
def test_a_mask_as_any_tool_writes_it(tmp_path, spec, pixels):
    np.testing.assert_array_equal(read_mask(png(tmp_path / "a.png", pixels), (6, 8), spec), INSIDE)


def test_class_numbers(tmp_path, spec):
    numbers = np.where(INSIDE, 2, 1).astype(np.uint8)
    numbers[0, 0] = 0
    several = changed(spec, mask_classes=["background", "heart", "lungs"])
    np.testing.assert_array_equal(read_mask(png(tmp_path / "a.png", numbers), (6, 8), several), INSIDE)
    with pytest.raises(UsageError, match=r"a\.png: .*value 255, expected whole numbers from 0 to 2"):
        read_mask(png(tmp_path / "a.png", INSIDE.astype(np.uint8) * 255), (6, 8), several)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_probabilities_are_cut_at_the_operating_point(tmp_path, spec, dtype):
    shares = np.where(INSIDE, 0.7, 0.5)
    path = png(tmp_path / "a.png", np.rint(shares * np.iinfo(dtype).max).astype(dtype))
    for point, expected in ((0.6, INSIDE), (0.4, np.ones_like(INSIDE)), (0.8, np.zeros_like(INSIDE))):
        cut = changed(spec, output="probabilities", operating_point=point, mask_classes=["heart", "lungs"])
        np.testing.assert_array_equal(read_mask(path, (6, 8), cut), expected)


def test_the_resize_rule_of_the_contract_does_not_touch_a_mask_of_the_image_s_own_size(tmp_path, spec):
    cropping = changed(spec, input=spec.input.model_copy(update={"resize": "crop"}))
    np.testing.assert_array_equal(read_mask(png(tmp_path / "a.png", INSIDE), (6, 8), cropping), INSIDE)


@pytest.mark.parametrize(
    ("pixels", "sentence"),
    [
        (INSIDE[:4], r"4 x 8 pixels .*expected 6 x 8 like its image"),
        (np.zeros((6, 8, 3), np.uint8), "channels RGB, expected a PNG of one channel"),
        (np.where(INSIDE, 254, 3).astype(np.uint8), r"value 3, expected whole numbers from 0 to 1"),
    ],
)
def test_what_is_no_mask_of_the_image_is_refused(tmp_path, spec, pixels, sentence):
    with pytest.raises(UsageError, match=sentence):
        read_mask(png(tmp_path / "a.png", pixels), (6, 8), spec)


def test_broken_missing_and_linked_files(tmp_path, spec):
    whole = png(tmp_path / "whole.png", np.random.default_rng(0).integers(0, 2, (6, 8), dtype=np.uint8))
    (tmp_path / "cut.png").write_bytes(whole.read_bytes()[:-30])
    (tmp_path / "link.png").symlink_to(whole)
    for name, sentence in (("cut", "no whole PNG"), ("gone", "cannot be read"), ("link", "is a link")):
        with pytest.raises(UsageError, match=rf"{name}\.png .*{sentence}|{name}\.png {sentence}"):
            read_mask(tmp_path / f"{name}.png", (6, 8), spec)


def test_masks_come_in_the_order_asked_for(tmp_path, spec):
    png(tmp_path / "a.png", INSIDE)
    png(tmp_path / "b.png", ~INSIDE)
    found = read_masks(tmp_path, ["b", "a", "b"], [(6, 8)] * 3, spec)
    np.testing.assert_array_equal(found, [~INSIDE, INSIDE, ~INSIDE])


def test_a_png_holds_no_logits_and_a_file_no_masks(tmp_path, spec):
    with pytest.raises(UsageError, match="logits, which a PNG cannot hold"):
        refuse_no_masks(tmp_path, changed(spec, output="logits"))
    with pytest.raises(UsageError, match="is no folder"):
        refuse_no_masks(tmp_path / "none", spec)
