import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from testset_world import TinyCohort, TinyEditor, bundle, plan_of

from radbench.testsets.build import build_testset

WORLD = Path(__file__).with_name("testset_world.py")


def _start(cache, log, count=6, pause=0.0, seed=0):
    words = [sys.executable, str(WORLD), str(cache), str(log), str(count), str(pause), str(seed)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def _end(process):
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


def _edits(log):
    return log.read_text().split() if log.exists() else []


def _tree(folder):
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()}


def test_a_killed_build_goes_on_where_it_was(cache, tmp_path):
    log, after = tmp_path / "log", 3
    process = _start(cache, log, count=8, pause=0.1)
    while len(_edits(log)) < after and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not list(cache.glob("testsets/*"))
    stored = len(list(cache.glob("edits/*/*/record.json")))
    assert after - 1 <= stored < 8
    started = len(_edits(log))
    result = _end(_start(cache, log, count=8))
    assert result["ok"] == 8
    assert len(_edits(log)) - started == 8 - stored
    assert not list(cache.glob("tmp/*"))
    cohort = TinyCohort(16)
    fresh = build_testset(plan_of(cohort), cohort, bundle, cache=tmp_path / "fresh", editor=TinyEditor())
    assert _tree(result["path"]) == _tree(fresh.path)


def test_processes_side_by_side_share_one_store(cache, tmp_path):
    same, other = tmp_path / "same", tmp_path / "other"
    processes = [
        _start(cache, same, pause=0.05),
        _start(cache, same, pause=0.05),
        _start(cache, other, count=7, pause=0.05),
    ]
    results = [_end(process) for process in processes]
    assert [result["ok"] for result in results] == [6, 6, 7]
    assert sorted(_edits(same)) == sorted(set(_edits(same)))
    assert len(list(cache.glob("edits/*/*/record.json"))) == 7
    assert not list(cache.glob("tmp/*"))
    assert not {"torch", "diffusers"} & {name for result in results for name in result["heavy"]}
    warm = _end(_start(cache, same))
    assert warm == {"path": results[0]["path"], "ok": 6, "heavy": []}
    assert len(_edits(same)) <= 6


def test_sixty_four_images_are_verified_within_a_second(cache):
    cohort = TinyCohort(128)
    plan = plan_of(cohort)
    build_testset(plan, cohort, bundle, cache=cache, editor=TinyEditor())
    start = time.process_time()
    assert len(build_testset(plan, cohort, bundle, cache=cache, editor=TinyEditor()).usable) == 64
    assert time.process_time() - start < 1


def _build(cache, editor=None):
    cohort = TinyCohort(6)
    plan = plan_of(cohort, limit=1)
    return build_testset(plan, cohort, bundle, cache=cache, editor=editor or TinyEditor())


def _dies_at(cache, moment):
    """Build in a copy of this process that is killed just before its ``moment``-th write, link or rename."""
    child = os.fork()
    if child == 0:
        try:
            _killed_at(moment)
            _build(cache)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def _killed_at(moment):
    moments = itertools.count(1)

    def counted(call):
        def step(*args, **options):
            if next(moments) == moment:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **options)

        return step

    os.fsync, os.link = counted(os.fsync), counted(os.link)
    for name in ("rename", "replace", "mkdir", "unlink"):
        setattr(Path, name, counted(getattr(Path, name)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be killed and copied")
def test_a_kill_at_any_moment_leaves_a_cache_that_the_next_build_mends(tmp_path):
    expected = _tree(_build(tmp_path / "whole").path)
    moment = 0
    died = True
    while died:
        moment += 1
        cache = tmp_path / f"killed-{moment}"
        died = _dies_at(cache, moment)
        stored = len(list(cache.glob("edits/*/*/record.json")))
        editor = TinyEditor()
        built = _build(cache, editor)
        assert _tree(built.path) == expected
        assert built.repaired == []
        assert len(editor.edited) == 1 - stored
        assert not list(cache.glob("tmp/*"))
    assert moment > 20
