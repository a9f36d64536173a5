"""Where a model's process begins: it locks itself in, one layer after the other, before anything heavy is read.

Run as ``python -I -m radbench.models.isolation.launch SETTINGS`` with nothing but a scrubbed environment and the
ends of five pipes. Three processes come of it: this one, which waits; the first of a new namespace of processes,
which supervises (``supervise``); and the model's own (``worker``), which gives up files and system calls last.
"""

import contextlib
import json
import os
import resource
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

from radbench.models.isolation import landlock, namespaces, seccomp, syscalls
from radbench.models.isolation.supervise import supervise

_NUMBERED_PROCESSES: Final = 1024
_OPEN_FILES: Final = 4096
_SIGKILL: Final = 9


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
            syscalls.prctl(syscalls.PR_SET_PDEATHSIG, _SIGKILL)


def _lock_in(settings: Settings, left: set[str]) -> dict[str, str]:
    """Give up all that the model's process does not need; return in words what was achieved."""
    memory = _limit(settings, counted_apart=namespaces.PROCESSES in left and _counts_apart())
    if not settings.guarded:
        return _words(settings, left, {"memory": memory})
    layers: dict[str, str] = {"memory": memory}
    if syscalls.LINUX:
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
    gib = settings.memory / (1 << 30)
    held = "RLIMIT_DATA and a watch over all its processes"
    return (
        f"{gib:g} GiB by {held}" if _set(resource.RLIMIT_DATA, settings.memory) else f"{gib:g} GiB by a watch"
    )


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


def _words(settings: Settings, left: set[str], layers: Mapping[str, Any]) -> dict[str, str]:
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
        "memory": str(layers["memory"]),
        "files": files,
        "processes": "namespace" if namespaces.PROCESSES in left else "not held",
        "calls": "seccomp" if "seccomp" in layers else "not held",
    }


if __name__ == "__main__":
    main(sys.argv[1])
