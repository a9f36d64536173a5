"""The audit result of the report's tests, two models of a classification, and one of a segmentation."""

import importlib.util
import sys
from pathlib import Path

_FOLDER = Path(__file__).parents[1] / "report"
sys.path.insert(0, str(_FOLDER))
_SPEC = importlib.util.spec_from_file_location("report_world", _FOLDER / "conftest.py")
_WORLD = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_WORLD)

result = _WORLD.result
