"""What a model's process gets: its own files and the interpreter's, and a short environment."""

import os
import sys
from pathlib import Path

import pytest
from hostile import declare

from radbench.models.isolation.permits import THREADS, environment, permits
from radbench.models.isolation.seccomp import program


def read_by(spec, **changes):
    return permits(spec, "cpu", **({"trust": False} | changes)).read


def covers(paths, path):
    return any(Path(path).is_relative_to(each) for each in paths)


def test_a_model_reads_its_own_file_and_not_what_lies_beside_it(tmp_path):
    for name in ("a.pt", "b.pt"):
        (tmp_path / name).write_text("x")
    found = read_by(declare("a.pt", tmp_path))
    assert covers(found, tmp_path / "a.pt") and not covers(found, tmp_path / "b.pt")
    assert covers(found, sys.executable) and covers(found, Path(os.__file__))


def test_an_onnx_model_reads_its_folder_for_the_data_beside_it(tmp_path):
    (tmp_path / "a.onnx").write_text("x")
    assert covers(read_by(declare("a.onnx", tmp_path, format="onnx")), tmp_path / "a.data")


def test_no_model_reads_a_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a.onnx").write_text("x")
    script = tmp_path / "run.sh"
    script.write_text("x")
    script.chmod(0o755)
    for spec in (
        declare("a.onnx", tmp_path, format="onnx"),
        declare(None, tmp_path, format="program", command=["./run.sh", "{input}", "{output}"]),
        declare(None, tmp_path / "x", format="program", command=[str(script), str(tmp_path), "/"]),
        declare(str(tmp_path), format="monai"),
        declare("/", format="huggingface"),
        declare(f"{tmp_path}/..", format="monai"),
    ):
        found = read_by(spec)
        assert not covers(found, tmp_path / ".ssh" / "id_rsa")
    assert covers(read_by(declare(None, tmp_path, format="program", command=["./run.sh"])), script)


def test_a_program_reads_where_it_is_installed_and_the_files_that_it_is_given(tmp_path):
    places = [
        tmp_path / "vendor" / "bin" / "judge",
        tmp_path / "vendor" / "lib" / "x.so",
        tmp_path / "weights",
    ]
    for path in places:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    places[0].chmod(0o755)
    (tmp_path / "yaml").mkdir()
    command = [str(places[0]), str(places[2]), "{input}", "{output}"]
    found = read_by(declare(None, tmp_path / "yaml", format="program", command=command))
    assert all(covers(found, path) for path in places)
    assert not covers(found, tmp_path / "secret")


def test_only_a_server_gets_the_network_and_only_a_trusted_program_is_let_go(tmp_path):
    plain = permits(declare("a", tmp_path), "cpu", trust=True)
    assert plain.guarded and not plain.network
    server = declare(None, format="openinference", endpoint="http://127.0.0.1:1")
    assert permits(server, "cpu", trust=False).network and permits(server, "cpu", trust=False).guarded
    command = declare(None, tmp_path, format="program", command=["true", "{input}", "{output}"])
    assert permits(command, "cpu", trust=False).guarded and not permits(command, "cpu", trust=False).network
    assert not permits(command, "cpu", trust=True).guarded


def test_the_environment_is_short_and_fixes_the_threads(monkeypatch):
    for name in (
        "TOKEN",
        "HF_TOKEN",
        "SSH_AUTH_SOCK",
        "PYTHONPATH",
        "LD_PRELOAD",
        "DBUS_SESSION_BUS_ADDRESS",
    ):
        monkeypatch.setenv(name, "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    found = environment("/own", "cpu", network=False)
    assert "secret" not in found.values()
    assert found["OMP_NUM_THREADS"] == str(THREADS) and found["HOME"] == found["TMPDIR"] == "/own"
    assert found["HF_HUB_OFFLINE"] == "1" and found["CUDA_VISIBLE_DEVICES"] == ""
    assert environment("/own", "cuda", network=False)["CUDA_VISIBLE_DEVICES"] == "3"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_a_filter_is_as_long_as_its_jumps_need_and_opens_sockets_only_for_the_network(machine):
    closed, opened = program(machine, network=False), program(machine, network=True)
    assert len(closed) - len(opened) == 16 and len(closed) % 8 == 0
    with pytest.raises(OSError, match="no filter"):
        program("riscv64", network=False)
