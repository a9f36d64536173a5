"""Links in a model's folder: followed into a cache that may be meant, refused anywhere else; stubs named."""

import numpy as np
import onnx
import pytest
from tiny_networks import Classifier, logits
from tiny_onnx import classifier

from radbench.errors import UsageError
from radbench.models.isolation.model import IsolatedModel
from radbench.models.source import link_targets, source_sha256
from radbench.specs import InputContract, ModelSpec


def declared(folder, **settings):
    contract = InputContract(spatial_shape=[32, 32], mean=[0.5], std=[0.25])
    filled = {"name": "tiny", "title": "Tiny", "target": "covid", "input": contract, "format": "onnx"}
    return ModelSpec(**(filled | settings)).read_from(folder / "model.yaml")


def cached(place, store="blobs"):
    """A folder of links as the hub's cache lays it out; returns the folder, relative to ``place``."""
    blobs, snapshot = place / "models--x--y" / store, place / "models--x--y" / "snapshots" / "0a1b"
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    onnx.save(
        classifier(Classifier()),
        blobs / "model.onnx",
        save_as_external_data=True,
        location="model.onnx.data",
        size_threshold=0,
    )
    for number, name in enumerate(("model.onnx", "model.onnx.data")):
        (blobs / name).rename(blobs / f"{number}")
        (snapshot / name).symlink_to(f"../../{store}/{number}")
    return "models--x--y/snapshots/0a1b"


@pytest.mark.slow
def test_a_model_of_links_answers_in_its_sandbox(tmp_path):
    spec = declared(tmp_path, path=cached(tmp_path))
    images = [np.random.default_rng(0).integers(0, 256, (32, 32), dtype=np.uint8) for _ in range(5)]
    with IsolatedModel(spec) as model:
        found = model.predict(images).values
    expected = logits(Classifier(), images)[:, 0].sigmoid().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_another_cache_has_to_be_named(tmp_path):
    path = cached(tmp_path, store="objects")
    with pytest.raises(UsageError, match=r"outside the model's folder.*cache_root"):
        source_sha256(declared(tmp_path, path=path))
    spec = declared(tmp_path, path=path, cache_root="models--x--y/objects")
    assert source_sha256(spec) == source_sha256(declared(tmp_path, path=path, cache_root="models--x--y"))
    assert [target.name for target in link_targets(spec)] == ["0", "1"]


def test_a_link_elsewhere_is_refused_also_in_a_cache(tmp_path):
    path = cached(tmp_path)
    (tmp_path / "secret").write_text("x")
    (tmp_path / path / "config.json").symlink_to(tmp_path / "secret")
    with pytest.raises(UsageError, match=r"config\.json: a link to .*secret"):
        source_sha256(declared(tmp_path, path=path))
    assert len(link_targets(declared(tmp_path, path=path))) == 2


@pytest.mark.parametrize("root", ["gone", "~", "/"])
def test_a_cache_that_is_none_or_holds_everything_is_refused(tmp_path, root, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    path = cached(tmp_path, store="objects")
    root = {"~": str(tmp_path)}.get(root, root)
    with pytest.raises(UsageError, match="cache_root names"):
        source_sha256(declared(tmp_path, path=path, cache_root=root))


@pytest.mark.parametrize("as_folder", [False, True])
def test_a_stub_of_git_lfs_is_named(tmp_path, as_folder):
    (tmp_path / "model").mkdir()
    stub = "version https://git-lfs.github.com/spec/v1\noid sha256:" + "0" * 64 + "\nsize 1234\n"
    (tmp_path / "model" / "model.onnx").write_text(stub)
    with pytest.raises(UsageError, match=r"stub of Git LFS.*git lfs pull"):
        source_sha256(declared(tmp_path, path="model" if as_folder else "model/model.onnx"))


def test_what_was_not_fetched_names_who_fetches_it(tmp_path):
    (tmp_path / "model.onnx.dvc").write_text("outs: []")
    with pytest.raises(UsageError, match="dvc pull"):
        source_sha256(declared(tmp_path, path="model.onnx"))
