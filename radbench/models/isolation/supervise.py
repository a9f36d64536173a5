"""The first process of a sandbox: it waits for the model's process, measures the memory of all, and ends them all.

It runs none of the vendor's code. It goes when the harness goes (its end of a pipe closes), when the model's
process ends, or when all processes together hold more memory than they may; and with it goes everything that it
started, also what hid in another session: in a namespace of processes by the kernel, elsewhere by walking the tree.
"""

import contextlib
import json
import os
import select
import signal
from pathlib import Path
from typing import Any, Final, NoReturn

TICK: Final = 0.2
"""Seconds between two looks at the memory."""

_COUNTED: Final = ("RssAnon:", "RssShmem:", "VmSwap:")


def supervise(
    worker: int, *, lifeline: int, report: int, memory: int, alone: bool, shared: str | None
) -> NoReturn:
    """Wait for the end of ``worker`` and write how it ended as a line of JSON to ``report``.

    Args:
        worker: number of the model's process, a child of this one.
        lifeline: reading end of a pipe whose other end the harness holds.
        report: writing end of a pipe to the harness.
        memory: bytes that all processes together may hold.
        alone: whether /proc shows this sandbox only.
        shared: folder in memory that is the sandbox's own; what it holds is counted, again if it is mapped.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    while (ending := _ended(worker) or _too_much(memory, shared, alone=alone)) is None:
        ready, _, _ = select.select([lifeline, woken], [], [], TICK)
        if lifeline in ready:
            ending = {}
            break
        with contextlib.suppress(OSError):
            os.read(woken, 4096)
    # told before the others are ended, whose pipes close only then
    with contextlib.suppress(OSError):
        os.write(report, json.dumps(ending).encode() + b"\n")
    for number in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(number, signal.SIGKILL)
    os._exit(0)


def _ended(worker: int) -> dict[str, Any] | None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            if ended[0] == worker:
                code = os.waitstatus_to_exitcode(ended[1])
                return {"signal": -code} if code < 0 else {"status": code}
    return None


def _too_much(memory: int, shared: str | None, *, alone: bool) -> dict[str, Any] | None:
    used = held(everyone() if alone else descendants(os.getpid()))
    if shared is not None:
        room = os.statvfs(shared)
        used += (room.f_blocks - room.f_bfree) * room.f_frsize
    return {"memory": used} if used > memory else None


def everyone() -> list[int]:
    """Return the numbers of all processes that /proc shows, but the first."""
    with os.scandir("/proc") as entries:
        return [int(entry.name) for entry in entries if entry.name.isdigit() and entry.name != "1"]


def descendants(number: int) -> list[int]:
    """Return the numbers of all children of a process, and their children; none where /proc does not tell."""
    found: list[int] = []
    waiting = [number]
    while waiting:
        for path in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                children = [int(child) for child in path.read_text().split()]
                found += children
                waiting += children
    return found


def held(processes: list[int]) -> int:
    """Return the bytes of memory that are the processes' own, in RAM and in swap; files read are not counted."""
    total = 0
    for number in processes:
        with contextlib.suppress(OSError, ValueError, IndexError):
            for line in Path(f"/proc/{number}/status").read_text().splitlines():
                if line.startswith(_COUNTED):
                    total += int(line.split()[1]) * 1024
    return total
