import itertools
import os
import signal
from pathlib import Path

import pytest
from testset_world import TinyCohort, TinyEditor, bundle, plan_of

from radbench.testsets.build import build_testset

pytestmark = pytest.mark.skipif(
    not hasattr(os, "fork"), reason="needs a process that can be killed and copied"
)


def _build(cache, editor=None):
    cohort = TinyCohort(6)
    plan = plan_of(cohort, limit=1)
    return build_testset(plan, cohort, bundle, cache=cache, editor=editor or TinyEditor())


def _tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


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
