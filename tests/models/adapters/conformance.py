"""What every adapter promises, held once: a test class inherits ``AdapterConformance`` and says what is special.

class TestOnnx(AdapterConformance):
    @pytest.fixture
    def case(self, tmp_path):
        return Case(declare(tmp_path), pictures(19), lambda images: ...)

    @pytest.fixture
    def silent(self, tmp_path):
        return declare(tmp_path, of_a_model_that_answers_nan)
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from radbench.errors import UsageError
from radbench.models.base import ModelFailureError
from radbench.models.registry import make_adapter
from radbench.specs import InputContract, ModelSpec


@dataclass
class Case:
    """A model of one format.

    Attributes:
        spec: its declaration; its file lies in a temporary folder.
        images: uint8 [H, W], of one size, at least 18 that differ (more than one batch).
        expected: the prediction's values for images, worked out without the adapter.
        class_names: the names that its files hold.
        tolerance: largest difference of a score; of masks, the share of pixels that may differ.
    """

    spec: ModelSpec
    images: Sequence[np.ndarray]
    expected: Callable[[Sequence[np.ndarray]], np.ndarray]
    class_names: list[str] | None = None
    tolerance: float = 1e-5


def pictures(count, shape=(32, 32), seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(count)]


def same(found, expected):
    """Alike but for rounding: to the bit is promised in a model's own process only (``MKL_CBWR``), not in this one."""
    if found.dtype == np.bool_:
        assert found.shape == expected.shape and (found != expected).mean() < 1e-4
    else:
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


def declared(folder: Path, **settings) -> ModelSpec:
    """A declaration in ``folder``; what a test does not care for is filled in."""
    filled = {
        "name": "tiny",
        "title": "Tiny",
        "target": "pneumothorax",
        "input": InputContract(spatial_shape=[32, 32], mean=[0.5], std=[0.25]),
    }
    return ModelSpec(**(filled | settings)).read_from(folder / "model.yaml")


def changed(spec: ModelSpec, **changes) -> ModelSpec:
    """The same declaration, in the same place, with other values."""
    return ModelSpec(**(dict(spec) | changes)).read_from(spec.origin)


class AdapterConformance:
    """Inherited by the test class of every adapter."""

    trust = False
    on_disk = True
    """Whether the model is a file or folder (a server is none)."""

    @pytest.fixture
    def case(self) -> Case:
        raise NotImplementedError

    @pytest.fixture
    def silent(self) -> ModelSpec:
        """A model of this format that answers NaN for every image."""
        raise NotImplementedError

    @pytest.fixture
    def miscounted(self, case) -> ModelSpec | None:
        """The case's model with three classes declared where it has another number; None if none can be wrong."""
        names = ["one", "two", case.spec.wanted]
        if case.spec.task == "segmentation":
            return changed(case.spec, mask_classes=names)
        return changed(case.spec, task="multiclass", classes=names)

    def alter(self, source: Path) -> None:
        """Change a model's file, or one file of its folder, by one byte."""
        file = source if source.is_file() else max(source.rglob("*"), key=lambda path: path.stat().st_size)
        file.write_bytes(file.read_bytes() + b"\n")

    def made(self, spec):
        return make_adapter(spec, trust=self.trust)

    def test_answers_what_the_model_answers(self, case):
        found = self.made(case.spec).predict(case.images)
        expected = np.asarray(case.expected(case.images))
        assert found.values.shape == expected.shape
        if case.spec.task == "segmentation":
            assert (found.kind, found.values.dtype) == ("masks", np.bool_)
            assert np.mean(found.values != expected) <= case.tolerance
            assert 0 < found.values.mean() < 1
            return
        kind = "labels" if case.spec.output == "labels" else "probabilities"
        assert (found.kind, found.values.dtype) == (kind, np.int64 if kind == "labels" else np.float64)
        np.testing.assert_allclose(found.values, expected, atol=case.tolerance)
        assert len(set(found.values.tolist())) > 1

    def test_no_answer_depends_on_its_neighbours(self, case):
        model = self.made(case.spec)
        together = model.predict(case.images).values
        alone = np.concatenate([model.predict([image]).values for image in case.images])
        same(together, alone)
        same(together, model.predict(case.images[::-1]).values[::-1])

    def test_the_same_twice(self, case):
        first, second = (self.made(case.spec).predict(case.images).values for _ in range(2))
        same(first, second)

    def test_no_image_no_answer(self, case):
        found = self.made(case.spec).predict([])
        assert found.values.shape == ((0, 0, 0) if case.spec.task == "segmentation" else (0,))

    def test_an_image_of_another_type_is_refused(self, case):
        with pytest.raises(UsageError, match="float64"):
            self.made(case.spec).predict([np.zeros((32, 32))])

    def test_the_digest_says_which_model_it_is(self, case):
        digest = self.made(case.spec).digest
        assert self.made(changed(case.spec, title="Other", limits={"memory_gib": 2.0})).digest == digest
        point = self.made(changed(case.spec, operating_point=0.25)).digest
        assert (point == digest) == (case.spec.task != "segmentation")

    def test_the_digest_follows_the_file_and_not_its_place(self, case, tmp_path):
        if not self.on_disk:
            pytest.skip("no file")
        elsewhere = tmp_path / "elsewhere"
        source = case.spec.source_path
        kept = elsewhere / (case.spec.weights or case.spec.path)
        kept.parent.mkdir(parents=True)
        (shutil.copytree if source.is_dir() else shutil.copy2)(source, kept)
        moved = changed(case.spec).read_from(elsewhere / "model.yaml")
        assert self.made(moved).digest == self.made(case.spec).digest
        self.alter(kept)
        if case.spec.weights is None:
            assert self.made(changed(moved, sha256=None)).digest != self.made(case.spec).digest
        pinned = changed(moved, sha256=self.made(case.spec).sha256)
        with pytest.raises(UsageError, match="SHA-256 is"):
            self.made(pinned)

    def test_another_file_than_declared_is_refused(self, case):
        if not self.on_disk:
            pytest.skip("no file")
        with pytest.raises(UsageError, match=rf"SHA-256 is [0-9a-f]{{64}}, expected {'0' * 64}"):
            self.made(changed(case.spec, sha256="0" * 64))

    def test_a_missing_file_is_named(self, case):
        if not self.on_disk:
            pytest.skip("no file")
        source = case.spec.source_path
        source.rename(source.with_name("gone"))
        with pytest.raises(UsageError, match=rf"{source.name}, which is not there"):
            self.made(case.spec)

    def test_nan_is_no_answer(self, silent, case):
        if silent.task == "segmentation":
            with pytest.raises(ModelFailureError, match="not finite") as caught:
                self.made(silent).predict(case.images[:2])
            assert caught.value.kind == "output"
            return
        found = self.made(silent).predict(case.images[:2])
        assert found.decisions(0.5).tolist() == [-1, -1]

    def test_another_number_of_classes_is_a_failure(self, miscounted, case):
        if miscounted is None:
            pytest.skip("classes are named, not counted")
        with pytest.raises(ModelFailureError, match=r"shape .* expected") as caught:
            self.made(miscounted).predict(case.images[:2])
        assert caught.value.kind == "output"

    def test_class_names_are_those_of_the_files(self, case):
        model = self.made(case.spec)
        model.prepare()
        assert model.class_names() == case.class_names
