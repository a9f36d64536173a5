import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radbench.errors import UsageError
from radbench.runtime import atomic_write, canonical_json, resolve_device, sha256_bytes, sha256_file

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_importing_runtime_does_not_import_torch():
    code = "import sys, radbench.runtime; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_device_names():
    assert resolve_device("cpu").type == "cpu"
    assert resolve_device("auto").type in {"cpu", "cuda"}
    with pytest.raises(UsageError, match="Did you mean 'cuda'"):
        resolve_device("cudaa")


def test_cuda_asked_but_absent(monkeypatch):
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="no GPU"):
        resolve_device("cuda")


def test_digest_of_file_and_bytes_agree(tmp_path: Path):
    data = os.urandom((1 << 20) + 17)
    (tmp_path / "a.bin").write_bytes(data)
    assert sha256_file(tmp_path / "a.bin") == sha256_bytes(data)
    with pytest.raises(UsageError, match=r"missing\.bin"):
        sha256_file(tmp_path / "missing.bin")


@given(JSON)
def test_canonical_json_round_trips_and_is_canonical(value):
    data = canonical_json(value)
    assert canonical_json(json.loads(data)) == data


def test_canonical_json_ignores_key_order_and_refuses_nan():
    assert (
        canonical_json({"b": 1, "a": [1.5, None]})
        == b'{"a":[1.5,null],"b":1}'
        == canonical_json({"a": [1.5, None], "b": 1})
    )
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(float("nan"))


def test_atomic_write_makes_parents_replaces_and_leaves_nothing_else(tmp_path: Path):
    target = tmp_path / "deep" / "er" / "file.txt"
    atomic_write(target, b"one")
    atomic_write(target, b"two")
    assert target.read_bytes() == b"two"
    assert [entry.name for entry in target.parent.iterdir()] == ["file.txt"]
    assert stat.S_IMODE(target.stat().st_mode) & 0o400


def test_atomic_write_on_a_full_disk_keeps_the_old_bytes(tmp_path: Path, monkeypatch):
    target = tmp_path / "file.txt"
    atomic_write(target, b"old")

    def full(_handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UsageError, match=f"{tmp_path}.*No space left"):
        atomic_write(target, b"new")
    assert target.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file.txt"]


def test_atomic_write_below_a_file_is_a_usage_error(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="Cannot write"):
        atomic_write(tmp_path / "file" / "below.txt", b"x")
