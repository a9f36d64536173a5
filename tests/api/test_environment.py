import os

import pytest

from radbench.api.environment import prepare_environment, usable_cache
from radbench.errors import UsageError


@pytest.fixture(autouse=True)
def _bare(monkeypatch):
    for name in [*os.environ]:
        if name.startswith(("HF_", "TRANSFORMERS_", "DIFFUSERS_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(os, "environ", dict(os.environ))


def test_the_hub_is_off_and_so_is_telemetry():
    prepare_environment()
    assert os.environ["HF_HUB_OFFLINE"] == "1"
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_the_hub_is_asked_only_when_a_bundle_names_it():
    prepare_environment(hub=True)
    assert "HF_HUB_OFFLINE" not in os.environ
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == "1"


def test_what_the_user_set_stays():
    os.environ["HF_HUB_OFFLINE"] = "0"
    prepare_environment()
    assert os.environ["HF_HUB_OFFLINE"] == "0"


def test_the_cache_is_made_and_left_clean(monkeypatch, tmp_path):
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "a" / "b"))
    cache = usable_cache()
    assert cache == tmp_path / "a" / "b"
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("below", ["", "deeper"])
def test_a_file_in_its_place_is_a_usage_error(monkeypatch, tmp_path, below):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "file" / below))
    with pytest.raises(UsageError, match="RADBENCH_CACHE"):
        usable_cache()
    assert (tmp_path / "file").read_text() == "mine"


def test_a_full_disk_is_a_usage_error(monkeypatch, tmp_path):
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path))

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("radbench.api.environment.os.fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        usable_cache()
    assert list(tmp_path.iterdir()) == []
