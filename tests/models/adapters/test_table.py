"""A table or folder of masks as a model, and masks read from PNG files."""

import numpy as np
import pytest
from conformance import AdapterConformance, Case, changed, declared, pictures
from PIL import Image

from radbench.errors import UsageError
from radbench.models.adapters.table import PredictionTable, read_mask, read_masks, refuse_no_masks
from radbench.models.base import ModelFailureError
from radbench.models.cache import image_sha256


def write_table(path, images, answers, column="score"):
    rows = [f"{image_sha256(image)},{answer}" for image, answer in zip(images, answers, strict=True)]
    path.write_text("\n".join([f"image_sha256,{column}", *rows]) + "\n")


def brightness(images):
    return np.array([image.mean() / 255 for image in images])


class TestScores(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        images = pictures(19)
        write_table(tmp_path / "answers.csv", images, brightness(images))
        return Case(
            declared(tmp_path, format="table", path="answers.csv", output="probabilities"), images, brightness
        )

    @pytest.fixture
    def silent(self, case, tmp_path):
        write_table(tmp_path / "silent.csv", case.images, ["nan"] * len(case.images))
        return changed(case.spec, path="silent.csv")

    @pytest.fixture
    def miscounted(self):
        return None

    def test_an_image_that_is_not_in_the_table_has_no_answer_and_is_counted(self, case):
        model, others = self.made(case.spec), pictures(2, seed=1)
        shown = [others[0], case.images[3], others[1]]
        found = model.predict(shown)
        assert found.decisions(0.0).tolist() == [-1, 1, -1]
        assert model.missing(shown) == 2

    def test_the_size_is_part_of_what_an_image_is(self, case):
        model = self.made(case.spec)
        assert model.missing([case.images[0].reshape(16, 64)]) == 1

    def test_faults_are_found_before_any_image_is_shown(self, case, tmp_path):
        write_table(tmp_path / "answers.csv", case.images[:1], [2.0])
        with pytest.raises(UsageError, match=r"answers\.csv, line 2: score is 2"):
            self.made(case.spec)


class TestLabels(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        images = pictures(19)

        def expected(some):
            return np.array([int(image[0, 0] > 127) for image in some])

        names = np.array(["normal", "pneumothorax"])[expected(images)]
        write_table(tmp_path / "answers.csv", images, names, "label")
        settings = {"format": "table", "path": "answers.csv", "output": "labels"}
        return Case(declared(tmp_path, classes=["normal", "pneumothorax"], **settings), images, expected)

    @pytest.fixture
    def silent(self, case, tmp_path):
        write_table(tmp_path / "silent.csv", case.images, ["reject"] * len(case.images), "label")
        return changed(case.spec, path="silent.csv", indeterminate=["reject"])

    @pytest.fixture
    def miscounted(self):
        return None


def bright(images):
    return np.array([image > 127 for image in images])


def write_masks(folder, images):
    folder.mkdir()
    for image in images:
        Image.fromarray(image > 127).save(folder / f"{image_sha256(image)}.png")


class TestMasks(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        images = pictures(19)
        write_masks(tmp_path / "masks", images)
        settings = {"format": "table", "path": "masks", "output": "labels", "task": "segmentation"}
        return Case(declared(tmp_path, target="lungs", **settings), images, bright, tolerance=0.0)

    @pytest.fixture
    def miscounted(self):
        return None

    def test_nan_is_no_answer(self, case):
        """A mask cannot say nothing, and one that is not there is a failure that says how many are missing."""
        shown = [case.images[0], *pictures(2, seed=1)]
        model = self.made(case.spec)
        assert model.missing(shown) == 2
        with pytest.raises(ModelFailureError, match="lacks the masks of 2 of 3 images") as caught:
            model.predict(shown)
        assert caught.value.kind == "output"

    def test_several_sizes_in_one_call_are_refused(self, case):
        with pytest.raises(UsageError, match="2 sizes"):
            self.made(case.spec).predict([case.images[0], *pictures(1, (16, 16))])


def test_a_folder_is_no_table(tmp_path):
    (tmp_path / "answers").mkdir()
    (tmp_path / "answers" / "a.csv").write_text("image_sha256,score\n")
    with pytest.raises(UsageError, match="is a link, a folder or a device, expected a plain file"):
        PredictionTable(declared(tmp_path, format="table", path="answers"))


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
