"""Workers are real processes here: they edit the phantom with the embedded bundle."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

import radbench
from radbench.errors import UsageError

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="looks at processes in /proc"),
]


def children():
    """Processes of this one that are alive."""
    listed = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children")
    if not listed.exists():
        pytest.skip("no /proc")
    return {int(word) for word in listed.read_text(encoding="ascii").split()}


def digests(testset):
    return {path.name: path.read_bytes() for path in testset.stored.path.rglob("*") if path.is_file()}


def shift(tmp_path):
    """Two steps an edit: what is tested is who edits, and not how well."""
    text = (Path(__file__).parents[2] / "shifts" / "manifestation.yaml").read_text(encoding="utf-8")
    text = text.replace("num_inference_steps: 50", "num_inference_steps: 2").replace(
        "[2.5, 0.0, 1.0, 5.0]", "2.5"
    )
    path = tmp_path / "quick.yaml"
    path.write_text(text.replace("name: manifestation", "name: quick"), encoding="utf-8")
    return path


def test_workers_make_the_same_set_also_when_one_is_killed_and_none_is_left(tmp_path):
    quick, before = shift(tmp_path), children()
    alone = radbench.build(quick, limit=10, cache=tmp_path / "alone", progress=False)
    killed = []

    def kill_one():
        while not killed:
            for child in children() - before:
                stored = (
                    list((tmp_path / "many" / "edits").glob("*/*")) if (tmp_path / "many").exists() else []
                )
                command = (
                    Path(f"/proc/{child}/cmdline").read_bytes() if Path(f"/proc/{child}").exists() else b""
                )
                if stored and b"spawn_main" in command:
                    os.kill(child, signal.SIGKILL)
                    killed.append(child)
                    return
            time.sleep(0.02)

    watcher = threading.Thread(target=kill_one, daemon=True)
    watcher.start()
    told = []
    many = radbench.build(
        quick, limit=10, workers=2, cache=tmp_path / "many", progress=lambda *counts: told.append(counts)
    )
    killed.append(0)
    watcher.join()
    assert digests(many) == digests(alone)
    assert told[-1][1] == told[-1][2]
    spawned = {
        child for child in children() - before if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    }
    assert not spawned, "no worker is left behind"


def test_a_wrong_number_of_workers_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match="workers is 0, expected a whole number from 1 on"):
        radbench.build("manifestation", workers=0, cache=tmp_path)


def test_a_wrong_precision_is_one_sentence(tmp_path):
    for ask in (radbench.build, radbench.audit):
        with pytest.raises(UsageError, match="precision is 'half', expected one of float32, tf32, bfloat16"):
            ask("manifestation", precision="half", cache=tmp_path)
