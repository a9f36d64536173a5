"""Namespaces of Linux around a process: no network, no other processes to see, no disk to write to.

What the kernel or its administrator does not permit is left out and said so; nothing here raises for that.
"""

import contextlib
import os
from pathlib import Path
from typing import Final

from radbench.models.isolation.syscalls import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    LINUX,
    MS_BIND,
    MS_NOSUID_NODEV_NOEXEC,
    MS_PRIVATE,
    MS_REC,
    mount,
    set_read_only,
    unshare,
)

PROCESSES: Final = "processes"
NETWORK: Final = "network"
DISK: Final = "disk"
PROC: Final = "proc"
SHARED: Final = "shared"

SHARED_MEMORY: Final = "/dev/shm"  # noqa: S108 - a new one, mounted for this namespace alone


def leave(*, network: bool) -> set[str]:
    """Leave the namespaces of users, processes and (unless ``network``) the network; return what was left.

    Processes are left by the next child, which becomes the first of its namespace. Call before any second thread.
    """
    if not LINUX:
        return set()
    apart = CLONE_NEWPID | CLONE_NEWIPC | (0 if network else CLONE_NEWNET)
    user, group = os.getuid(), os.getgid()
    for flags in (CLONE_NEWUSER | apart, apart):
        try:
            unshare(flags)
        except OSError:
            continue
        if flags & CLONE_NEWUSER:
            _stay(user, group)
        return {PROCESSES} if network else {PROCESSES, NETWORK}
    return set()


def _stay(user: int, group: int) -> None:
    """Be the same user and group within the new namespace, and nobody else."""
    with contextlib.suppress(OSError):
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")


def own_mounts(folder: str, memory: int) -> set[str]:
    """Make every mount read-only but ``folder``, and let /proc and shared memory be new; return what was done.

    Call in the first process of a new namespace of processes.

    Args:
        folder: stays writable.
        memory: bytes that files in shared memory may take.
    """
    done: set[str] = set()
    try:
        unshare(CLONE_NEWNS)
        mount("none", "/", "none", MS_REC | MS_PRIVATE)
    except OSError:
        return done
    with contextlib.suppress(OSError):
        mount("proc", "/proc", "proc", MS_NOSUID_NODEV_NOEXEC)
        done.add(PROC)
    with contextlib.suppress(OSError):
        options = f"size={memory},mode=0700"
        mount("tmpfs", SHARED_MEMORY, "tmpfs", MS_NOSUID_NODEV_NOEXEC, options)
        done.add(SHARED)
    with contextlib.suppress(OSError):
        mount(folder, folder, "none", MS_BIND)
        set_read_only("/", read_only=True)
        for writable in (folder, *([SHARED_MEMORY] if SHARED in done else [])):
            set_read_only(writable, read_only=False)
        done.add(DISK)
    return done
