"""TorchScript models: run in their own interpreter, a pickle of Python refused before anything reads it."""

import pickle
import zipfile

import numpy as np
import pytest
import torch
from conformance import AdapterConformance, Case, changed, declared, pictures
from tiny_networks import Classifier, Segmenter, Silent, logits

from radbench.errors import UsageError
from radbench.models.base import ModelFailureError
from radbench.models.registry import make_adapter

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit.*:Warning")


def saved(folder, network, extra=None, **settings):
    torch.jit.trace(network, torch.zeros(2, 1, 32, 32)).save(folder / "model.ts", _extra_files=extra or {})
    return declared(folder, **({"format": "torchscript", "path": "model.ts"} | settings))


class TestBinary(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        network = Classifier()
        expected = lambda images: logits(network, images)[:, 0].sigmoid().numpy()  # noqa: E731
        extra = {"class_names.json": '["pneumothorax"]'}
        return Case(saved(tmp_path, network, extra), pictures(19), expected, class_names=["pneumothorax"])

    @pytest.fixture
    def silent(self, tmp_path):
        (tmp_path / "silent").mkdir()
        return saved(tmp_path / "silent", Silent())


class TestSegmenterOfThreeClasses(AdapterConformance):
    names = ("background", "lungs", "heart")

    @pytest.fixture
    def case(self, tmp_path):
        network = Segmenter(classes=3)
        spec = saved(tmp_path, network, task="segmentation", target="lungs", mask_classes=list(self.names))
        images = pictures(18)
        point = float(logits(network, images).softmax(1)[:, 1].median())
        expected = lambda found: (logits(network, found).softmax(1)[:, 1] >= point).numpy()  # noqa: E731
        return Case(changed(spec, operating_point=point), images, expected, tolerance=1e-3)

    @pytest.fixture
    def silent(self, tmp_path):
        (tmp_path / "silent").mkdir()
        broken = Segmenter()
        with torch.no_grad():
            broken.head.bias[:] = float("nan")
        return saved(tmp_path / "silent", broken, task="segmentation")

    @pytest.fixture
    def miscounted(self, case):
        return changed(case.spec, mask_classes=["background", "lungs"])


class Two(Classifier):
    def forward(self, images):
        return images.mean((1, 2, 3))[:, None], super().forward(images)


def test_a_tuple_is_read_by_the_number_of_the_output(tmp_path):
    images = pictures(3)
    spec = saved(tmp_path, Two(), output_names={"classification": "output_1"})
    expected = logits(Classifier(), images)[:, 0].sigmoid().numpy()
    np.testing.assert_allclose(make_adapter(spec).predict(images).values, expected, atol=1e-5)
    with pytest.raises(
        ModelFailureError, match="gave the outputs 'output_0', 'output_1', expected one called 'scores'"
    ):
        make_adapter(changed(spec, output_names={"classification": "scores"})).predict(images)


class Bomb:
    def __init__(self, mark):
        self.mark = mark

    def __reduce__(self):
        return (open, (str(self.mark), "w"))


def test_a_pickled_model_is_refused_before_anything_of_it_runs(tmp_path):
    mark, path = tmp_path / "mark", tmp_path / "model.ts"
    for write in (
        lambda: torch.save(Bomb(mark), path),
        lambda: torch.save(Bomb(mark), path, _use_new_zipfile_serialization=False),
        lambda: path.write_bytes(pickle.dumps(Bomb(mark))),
    ):
        write()
        with pytest.raises(
            UsageError, match=r"runs whatever code .* expected a TorchScript archive .* safetensors"
        ):
            make_adapter(declared(tmp_path, format="torchscript", path="model.ts"))
    assert not mark.exists()


def test_a_name_twice_in_an_archive_is_refused(tmp_path):
    spec = saved(tmp_path, Classifier())
    with zipfile.ZipFile(tmp_path / "model.ts", "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("model/constants.pkl", b"")
    with pytest.raises(UsageError, match="names a file twice"):
        make_adapter(spec)


def test_a_model_that_fails_on_an_image_is_a_crash_of_the_model(tmp_path):
    network = Classifier(channels=3)
    torch.jit.trace(network, torch.zeros(2, 3, 32, 32)).save(tmp_path / "model.ts")
    with pytest.raises(ModelFailureError, match=r"failed on images of shape \[16, 1, 32, 32\]") as caught:
        make_adapter(declared(tmp_path, format="torchscript", path="model.ts")).predict(pictures(1))
    assert caught.value.kind == "crash"
