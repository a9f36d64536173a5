"""The small diffusion bundle of the editors' tests."""

import importlib.util
import sys
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "diffusion"
sys.path.insert(0, str(_FOLDER))
_SPEC = importlib.util.spec_from_file_location("diffusion_world", _FOLDER / "conftest.py")
_WORLD = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_WORLD)

bundle, folder, parts = _WORLD.bundle, _WORLD.folder, _WORLD.parts
