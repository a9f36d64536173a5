import numpy as np
import pytest

from radbench.api.answers_match import refuse_strange_table
from radbench.errors import UsageError
from radbench.harness.arms import ArmImages
from radbench.models.adapters.table import PredictionTable
from radbench.models.cache import image_sha256
from radbench.specs import InputContract, ModelSpec


def picture(seed):
    return np.random.default_rng(seed).integers(0, 256, (9, 8), dtype=np.uint8)


def arm(name, seeds, loaded=None):
    def load(index):
        if loaded is not None:
            loaded.append(seeds[index])
        return picture(seeds[index])

    words = tuple(str(seed) for seed in seeds)
    return ArmImages(name, words, words, words, words, np.zeros(len(seeds), np.int64), load)


@pytest.fixture
def table(tmp_path):
    rows = "".join(f"{image_sha256(picture(seed))},\n" for seed in (1, 2, 3))
    (tmp_path / "answers.csv").write_text(f"image_sha256,score\n{rows}")
    spec = ModelSpec(
        name="vendor",
        title="Vendor",
        format="table",
        path="answers.csv",
        target="pneumothorax",
        output="probabilities",
        input=InputContract(spatial_shape=[9, 8]),
    )
    return PredictionTable(spec.read_from(tmp_path / "vendor.yaml"))


def test_one_named_image_an_arm_is_enough_and_no_more_are_read(table):
    loaded = []
    refuse_strange_table(table, {"real": arm("real", [8, 1, 9, 2], loaded), "dose": arm("dose", [])})
    assert loaded == [8, 1]


def test_an_arm_of_which_nothing_is_named_is_another_test_set_s(table):
    arms = {"real": arm("real", [1, 2]), "stress": arm("stress", [7, 8, 9])}
    with pytest.raises(
        UsageError, match=r"names none of the 3 images of the arm 'stress'.*export the test set again"
    ):
        refuse_strange_table(table, arms)
