"""The tiny declared world of the command line's tests, under the names that the documents use."""

import importlib.util
import shutil
from pathlib import Path

import pytest
import yaml

_SPEC = importlib.util.spec_from_file_location("cli_world", Path(__file__).parents[1] / "cli" / "conftest.py")
_WORLD = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_WORLD)

world = _WORLD.world


@pytest.fixture(scope="session")
def edits(tmp_path_factory):
    """One cache for all documents, so that the edits are made once."""
    return tmp_path_factory.mktemp("edits")


@pytest.fixture
def as_documented(world, edits, tmp_path, monkeypatch):
    """Work in a folder whose shift "manifestation" takes seconds, with a model in ``chest-ai.yaml``."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RADBENCH_CACHE", str(edits))
    (tmp_path / "shifts").mkdir()
    shift = yaml.safe_load((world / "shifts" / "tiny.yaml").read_text(encoding="utf-8"))
    shift |= {"name": "manifestation", "bundle": str(world / "bundle"), "models": ["pneumothorax-biased"]}
    shift |= {"limit": 4}
    (tmp_path / "shifts" / "manifestation.yaml").write_text(yaml.safe_dump(shift), encoding="utf-8")
    model = yaml.safe_load((world / "models_under_test" / "first.yaml").read_text(encoding="utf-8"))
    shutil.copyfile(world / "models_under_test" / model["weights"], tmp_path / model["weights"])
    (tmp_path / "chest-ai.yaml").write_text(yaml.safe_dump(model | {"name": "chest-ai"}), encoding="utf-8")
    return tmp_path
