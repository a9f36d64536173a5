"""What every test leans on: no network, an own cache, one thread."""

import os
from pathlib import Path

import hypothesis
import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")
for _name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "DIFFUSERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("MPLBACKEND", "Agg")
hypothesis.settings.register_profile(
    "radbench", deadline=None
)  # how long a test takes is no property of the code
hypothesis.settings.load_profile("radbench")
# Real radiographs that some tests read, where a checkout has them beside it; those tests are skipped elsewhere.
_FILMS = Path(__file__).resolve().parents[2] / "shared" / "cxr"
if (_FILMS / "manifest.csv").is_file():
    os.environ.setdefault("RADBENCH_TEST_CXR", str(_FILMS))


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep tests out of the user's cache."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("RADBENCH_CACHE", str(cache))
    return cache
