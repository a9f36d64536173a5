import errno
import os
import subprocess
import sys

import pytest

from radbench.errors import UsageError
from radbench.testsets.storage import Workshop, link_or_copy, locked, storing, write_synced

HOLD = """
import sys, time
from pathlib import Path
from radbench.testsets.storage import Workshop
with Workshop(Path(sys.argv[1])) as workshop:
    (workshop.folder() / "half").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def _holder(cache):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(cache)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def test_a_living_process_keeps_its_workshop_and_a_dead_one_loses_it(cache):
    process = _holder(cache)
    try:
        with Workshop(cache):
            assert len(list(cache.glob("tmp/*/*/half"))) == 1
        assert len(list(cache.glob("tmp/*/*/half"))) == 1
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert len(list(cache.glob("tmp/*/*/half"))) == 1
    with Workshop(cache):
        assert not list(cache.glob("tmp/*/*/half"))
    assert not list(cache.glob("tmp/*"))


def test_an_error_inside_leaves_nothing(cache):
    def work():
        with Workshop(cache) as workshop:
            (workshop.folder() / "half").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert not list(cache.glob("tmp/*"))


def test_a_discarded_folder_is_gone_even_twice(cache):
    with Workshop(cache) as workshop:
        folder = workshop.folder()
        (folder / "x").write_text("x")
        workshop.discard(folder)
        workshop.discard(folder)
        assert not folder.exists()


def test_a_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("in the way")
    named = r"Cannot write to the cache folder .*file: (Not a directory|File exists)"
    with pytest.raises(UsageError, match=named), Workshop(tmp_path / "file"):
        pass
    with pytest.raises(UsageError, match=named), locked(tmp_path / "file", "x"):
        pass


def test_a_full_disk_is_one_sentence(tmp_path):
    with pytest.raises(UsageError, match=r"No space left on device.*RADBENCH_CACHE"), storing(tmp_path):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_file_is_copied_where_links_do_not_work(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise OSError(errno.EPERM, "no links here")

    write_synced(tmp_path / "a", b"abc")
    link_or_copy(tmp_path / "a", tmp_path / "b")
    monkeypatch.setattr(os, "link", refuse)
    link_or_copy(tmp_path / "a", tmp_path / "c")
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes() == b"abc"
    assert (tmp_path / "a").stat().st_nlink == 2
    with pytest.raises(FileExistsError):
        write_synced(tmp_path / "a", b"")


def test_a_lock_is_free_again_after_an_error(cache):
    with pytest.raises(ValueError, match="x"), locked(cache, "set"):
        raise ValueError("x")
    with locked(cache, "set"):
        assert (cache / "locks" / "set.lock").exists()
