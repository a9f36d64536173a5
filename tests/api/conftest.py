"""The tiny declared world of the command line's tests."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("cli_world", Path(__file__).parents[1] / "cli" / "conftest.py")
_WORLD = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_WORLD)

world, make_shift = _WORLD.world, _WORLD.make_shift


@pytest.fixture
def in_world(world, monkeypatch):
    """Work in a folder with the shift "tiny", whose edits take seconds, and the models "first" and "second"."""
    monkeypatch.chdir(world)
    return world


@pytest.fixture(scope="session")
def edits(tmp_path_factory):
    """One cache for all tests, so that the edits are made once."""
    return tmp_path_factory.mktemp("edits")
