"""Where a model's process begins: it locks itself in, one layer after the other, before anything heavy is read.

Run as ``python -I -m radbench.models.isolation.launch SETTINGS`` with nothing but a scrubbed environment and the
ends of five pipes. Three processes come of it: this one, which waits; the first of a new namespace of processes,
which supervises (``supervise``); and the model's own (``worker``), which gives up files and system calls last.

The supervisor runs none of the vendor's code. It goes when the harness goes (its end of a pipe closes), when the
model's process ends, or when all processes together hold more memory than they may; and with it goes everything that
it started, also what hid in another session: in a namespace of processes by the kernel, elsewhere by walking the tree.
"""

import contextlib
import json
import os
import resource
import select
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from radbench.models.isolation import landlock, namespaces, seccomp, syscalls

TICK: Final = 0.2
"""Seconds between two looks at the memory."""

_COUNTED: Final = ("RssAnon:", "RssShmem:", "VmSwap:")
_NUMBERED_PROCESSES: Final = 1024
_OPEN_FILES: Final = 4096


@dataclass(frozen=True)
class Settings:
    """What the sandbox is to be.

    Attributes:
        folder: The one folder that may be written to.
        memory: Bytes that the model's processes may hold.
        network: Whether the network stays open.
        guarded: Whether files, processes and system calls are held; not for a program that its user trusts.
        read: Paths that may be read.
        devices: Device files that may be used.
        requests: Number of the open file that requests are read from; ``replies`` they are answered to;
            ``report`` the sandbox is described to; ``lifeline`` closes when the harness ends.
    """

    folder: str
    memory: int
    network: bool
    guarded: bool
    read: tuple[str, ...]
    devices: tuple[str, ...]
    requests: int
    replies: int
    report: int
    lifeline: int

    def to_json(self) -> str:
        """Return the settings as one argument of a command line."""
        return json.dumps(asdict(self))


def main(argument: str) -> None:
    """Lock this process in and serve; see the module.

    Args:
        argument: ``Settings`` as JSON.
    """
    settings = Settings(**json.loads(argument))
    _be_first_to_go()
    left = namespaces.leave(network=settings.network) if settings.guarded else set()
    supervisor = os.fork()
    if supervisor:
        _wait(supervisor, settings)
    _die_with_parent()
    if namespaces.PROCESSES in left:
        left |= namespaces.own_mounts(settings.folder, settings.memory)
        os.chdir(settings.folder)  # the one just mounted, which is writable
    worker = os.fork()
    if worker:
        _become_supervisor(worker, settings, left)
    _die_with_parent()
    os.close(settings.lifeline)
    achieved = _lock_in(settings, left)
    os.write(settings.report, json.dumps({"sandbox": achieved}).encode() + b"\n")
    os.close(settings.report)

    from radbench.models.isolation.worker import serve

    serve(settings.requests, settings.replies)


def _wait(supervisor: int, settings: Settings) -> NoReturn:
    for held in (settings.requests, settings.replies, settings.report, settings.lifeline, 1, 2):
        os.close(held)
    os.waitpid(supervisor, 0)
    os._exit(0)


def _become_supervisor(worker: int, settings: Settings, left: set[str]) -> NoReturn:
    for held in (settings.requests, settings.replies, 1, 2):
        os.close(held)
    if syscalls.LINUX:
        with contextlib.suppress(OSError):
            syscalls.prctl(syscalls.PR_SET_CHILD_SUBREAPER, 1)
            syscalls.prctl(syscalls.PR_SET_DUMPABLE, 0)
    supervise(
        worker,
        lifeline=settings.lifeline,
        report=settings.report,
        memory=settings.memory,
        alone=namespaces.PROC in left,
        shared=namespaces.SHARED_MEMORY if namespaces.SHARED in left else None,
    )


def _be_first_to_go() -> None:
    """Where the machine itself runs out of memory, let the kernel end a model before anything else."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


def _die_with_parent() -> None:
    if syscalls.LINUX:
        with contextlib.suppress(OSError):
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, signal.SIGKILL)


def _lock_in(settings: Settings, left: set[str]) -> dict[str, str]:
    """Give up all that the model's process does not need; return in words what was achieved."""
    layers = {"memory": _limit(settings, counted_apart=namespaces.PROCESSES in left and _counts_apart())}
    if settings.guarded and syscalls.LINUX:
        with contextlib.suppress(OSError):
            syscalls.prctl(syscalls.PR_SET_NO_NEW_PRIVS, 1)
            syscalls.drop_capabilities()
        with contextlib.suppress(OSError):
            rules = [(path, landlock.READ) for path in settings.read]
            rules += [(path, landlock.DEVICE) for path in settings.devices]
            own = [settings.folder, *([namespaces.SHARED_MEMORY] if namespaces.SHARED in left else [])]
            rules += [(path, landlock.WRITE) for path in own]
            abi = landlock.restrict(rules, network=settings.network)
            layers["landlock"] = str(abi)
        with contextlib.suppress(OSError):
            seccomp.restrict(network=settings.network)
            layers["seccomp"] = "yes"
    return _words(settings, left, layers)


def _limit(settings: Settings, *, counted_apart: bool) -> str:
    """Set the limits of the process; return in words how memory is held.

    The number of processes is limited where only the sandbox's own are counted (``counted_apart``).
    """
    _set(resource.RLIMIT_CORE, 0)
    _set(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _set(resource.RLIMIT_FSIZE, settings.memory)
    if counted_apart:
        _set(resource.RLIMIT_NPROC, _NUMBERED_PROCESSES)
    if not syscalls.LINUX:
        return "not limited"
    held = _set(resource.RLIMIT_DATA, settings.memory)
    by = "RLIMIT_DATA and a watch over all its processes" if held else "a watch"
    return f"{settings.memory / (1 << 30):g} GiB by {by}"


def _counts_apart() -> bool:
    """Return whether the kernel (5.14 and later) counts a user's processes by namespace."""
    numbers = os.uname().release.split("-")[0].split(".")[:2]
    return len(numbers) == 2 and all(map(str.isdigit, numbers)) and tuple(map(int, numbers)) >= (5, 14)


def _set(kind: int, most: int) -> bool:
    _, hard = resource.getrlimit(kind)
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(kind, (limit, limit))
    except (OSError, ValueError):
        return False
    return True


def _words(settings: Settings, left: set[str], layers: dict[str, str]) -> dict[str, str]:
    unblocked = "needed, and open" if settings.network else "not blocked"
    network = "namespace" if namespaces.NETWORK in left else unblocked
    if network == "not blocked" and "seccomp" in layers:
        network = "seccomp"
    if "landlock" in layers:
        files = "reads its own files and the system's, writes to one folder (Landlock)"
    elif namespaces.DISK in left:
        files = "reads what its user may read, writes to one folder (read-only mounts)"
    else:
        files = "not held"
    return {
        "network": network,
        "memory": layers["memory"],
        "files": files,
        "processes": "namespace" if namespaces.PROCESSES in left else "not held",
        "calls": "seccomp" if "seccomp" in layers else "not held",
    }


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


if __name__ == "__main__":
    main(sys.argv[1])
