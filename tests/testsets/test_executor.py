import threading
import time

import pytest
from testset_world import TinyCohort, TinyEditor, bundle, plan_of

from radbench.errors import UsageError
from radbench.testsets.build import build_testset, edit_shard
from radbench.testsets.editing import edit_chunks
from radbench.testsets.executor import Shard
from radbench.testsets.storage import free_lock


@pytest.mark.parametrize("text", ["", "1", "0/4", "5/4", "a/b", "1/0", "-1/4", "1/4/2"])
def test_a_wrong_shard_is_one_sentence(text):
    with pytest.raises(UsageError, match="expected NUMBER/COUNT such as 2/8"):
        Shard.read(text)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_shards_hold_every_chunk_once_and_helpers_hold_all(count):
    chunks = list(edit_chunks(plan_of(TinyCohort(24)).tasks, 1))
    parts = [Shard(number, count).order(chunks) for number in range(1, count + 1)]
    found = [chunk[0].key for part in parts for chunk in part]
    assert sorted(found) == sorted(chunk[0].key for chunk in chunks)
    helping = Shard(1, count, only_own=False).order(chunks)
    assert helping[: len(parts[0])] == parts[0] and len(helping) == len(chunks)


def test_parts_that_were_edited_apart_are_put_together_without_an_edit(cache, tmp_path):
    cohort = TinyCohort(24)
    plan, editors = plan_of(cohort), [TinyEditor() for _ in range(3)]
    for number, editor in enumerate(editors, 1):
        assert (
            edit_shard(plan, cohort, bundle, Shard(number, 3), cache=cache, batch_size=2, editor=editor) == 0
        )
    assert sorted(key for editor in editors for key in editor.edited) == sorted(
        task.key for task in plan.tasks
    )
    assert all(editor.edited for editor in editors) and not list(cache.glob("testsets/*"))
    last = TinyEditor()
    parts = build_testset(plan, cohort, bundle, cache=cache, editor=last)
    whole = build_testset(plan, cohort, bundle, cache=tmp_path / "whole", editor=TinyEditor())
    assert not last.edited and len(parts.usable) == 12
    assert (parts.path / "records.parquet").read_bytes() == (whole.path / "records.parquet").read_bytes()


def test_what_a_lost_part_left_is_edited_at_the_end(cache):
    cohort = TinyCohort(24)
    plan, last = plan_of(cohort), TinyEditor()
    edit_shard(plan, cohort, bundle, Shard(1, 3), cache=cache, batch_size=2, editor=TinyEditor())
    assert len(build_testset(plan, cohort, bundle, cache=cache, editor=last).usable) == 12
    assert 0 < len(last.edited) < 12


def test_a_part_counts_what_cannot_be_edited(cache):
    cohort = TinyCohort(24)
    plan = plan_of(cohort)
    broken = TinyEditor(breaks=[plan.tasks[0].key])
    failed = [
        edit_shard(plan, cohort, bundle, Shard(number, 2), cache=cache, batch_size=2, editor=broken)
        for number in (1, 2)
    ]
    assert sum(failed) == 1


def test_builders_at_the_same_time_edit_nothing_twice(cache):
    cohort = TinyCohort(48)
    plan, editors = plan_of(cohort), [TinyEditor(pause=0.01) for _ in range(4)]

    def help_with(number):
        shard = Shard(number, 4, only_own=False)
        edit_shard(plan, cohort, bundle, shard, cache=cache, batch_size=1, editor=editors[number - 1])

    threads = [threading.Thread(target=help_with, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    edited = [key for editor in editors for key in editor.edited]
    assert sorted(edited) == sorted(task.key for task in plan.tasks)


def test_builders_that_join_late_edit_nothing_twice(cache):
    """Who comes later finds less missing, so that its chunks are cut otherwise."""
    cohort = TinyCohort(32)
    plan, editors = plan_of(cohort), [TinyEditor(pause=0.02) for _ in range(3)]

    def build(number):
        build_testset(plan, cohort, bundle, cache=cache, batch_size=1, editor=editors[number])

    threads = [threading.Thread(target=build, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
        time.sleep(0.05)
    for thread in threads:
        thread.join()
    edited = [key for editor in editors for key in editor.edited]
    assert sorted(edited) == sorted(task.key for task in plan.tasks)


def test_a_lock_that_is_held_is_left_and_free_again_after_its_holder(cache):
    with free_lock(cache, "claim-abc") as first:
        with free_lock(cache, "claim-abc") as second:
            assert first and not second
        with free_lock(cache, "claim-abd") as other:
            assert other
    with free_lock(cache, "claim-abc") as again:
        assert again
