import numpy as np
import pytest
from conformance import AdapterConformance, Case, changed, declared, pictures
from PIL import Image

from radbench.errors import UsageError
from radbench.models.adapters.table import PredictionTable
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
