"""What models' processes import is compiled once, kept in the cache, and found there by their interpreter."""

import subprocess
import sys

import pytest

from radbench.models.isolation import bytecode

LOADED_FROM = "import radbench.errors as found; print(found.__cached__, found.__spec__.cached)"


@pytest.fixture(autouse=True)
def _small(monkeypatch, tmp_path):
    monkeypatch.setattr(bytecode, "_ALL", ("radbench.errors",))
    monkeypatch.setattr(bytecode, "_IMPORTED", {"onnx": ("radbench.runtime", "no.such.module")})
    monkeypatch.setattr(bytecode, "_known", {})
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path))


@pytest.fixture
def nowhere(monkeypatch):
    """As where nobody wrote bytecode."""
    monkeypatch.setattr(bytecode, "_is_compiled", lambda _package: False)


def test_where_the_bytecode_lies_already_nothing_is_made(monkeypatch, tmp_path):
    monkeypatch.setattr(bytecode, "_is_compiled", lambda _package: True)
    assert bytecode.compiled_folder("onnx") == sys.pycache_prefix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("nowhere")
def test_it_is_compiled_once_and_used_whatever_the_environment_forbids(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    folder = bytecode.compiled_folder("onnx")
    assert folder == str(tmp_path / "bytecode")
    kept = {path.name.partition(".")[0] for path in (tmp_path / "bytecode").rglob("*.pyc")}
    assert {"errors", "runtime"} <= kept
    monkeypatch.setattr(bytecode, "_compile", None)  # a second time would fail
    monkeypatch.setattr(bytecode, "_known", {})
    assert bytecode.compiled_folder("onnx") == folder
    told = subprocess.run(
        [sys.executable, "-B", "-X", f"pycache_prefix={folder}", "-c", LOADED_FROM],
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.count(folder) == 2


@pytest.mark.usefixtures("nowhere")
def test_one_folder_serves_a_process_to_its_end(monkeypatch, tmp_path):
    folder = bytecode.compiled_folder("onnx")
    monkeypatch.setenv("RADBENCH_CACHE", str(tmp_path / "another"))
    assert bytecode.compiled_folder("onnx") == folder
    assert bytecode.compiled_folder("program") == folder


@pytest.mark.usefixtures("nowhere")
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    (tmp_path / "bytecode").write_text("a file where the folder should be")
    assert bytecode.compiled_folder("onnx") == sys.pycache_prefix
