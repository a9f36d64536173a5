import pytest

from radbench.cli.cache import usable_cache
from radbench.errors import UsageError


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

    monkeypatch.setattr("radbench.cli.cache.os.fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        usable_cache()
    assert list(tmp_path.iterdir()) == []
