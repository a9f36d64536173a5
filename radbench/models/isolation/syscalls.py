"""The few system calls of Linux that Python 3.11 does not offer, through the C library.

Light on purpose: these run before anything heavy is imported, in a process of one thread.
"""

import ctypes
import os
import sys
from functools import cache
from typing import Any, Final

PR_SET_PDEATHSIG: Final = 1
PR_SET_DUMPABLE: Final = 4
PR_SET_SECCOMP: Final = 22
PR_CAPBSET_DROP: Final = 24
PR_SET_NO_NEW_PRIVS: Final = 38
PR_SET_CHILD_SUBREAPER: Final = 36

CLONE_NEWNS: Final = 0x00020000
CLONE_NEWIPC: Final = 0x08000000
CLONE_NEWUSER: Final = 0x10000000
CLONE_NEWPID: Final = 0x20000000
CLONE_NEWNET: Final = 0x40000000

MS_BIND: Final = 0x1000
MS_REC: Final = 0x4000
MS_PRIVATE: Final = 0x40000
MS_NOSUID_NODEV_NOEXEC: Final = 0x2 | 0x4 | 0x8

LINUX: Final = sys.platform == "linux"

_AT_FDCWD: Final = -100
_AT_RECURSIVE: Final = 0x8000
_MOUNT_ATTR_RDONLY: Final = 1
_SYS_MOUNT_SETATTR: Final = 442
_SYS_CAPSET: Final = {"x86_64": 126, "aarch64": 91}
_CAPABILITY_VERSION: Final = 0x20080522
_MOST_CAPABILITIES: Final = 64


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def _checked(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def syscall(number: int, *arguments: Any) -> int:
    """Make a system call; plain integers are passed as longs.

    Raises:
        OSError: the kernel refuses.
    """
    given = [ctypes.c_long(value) if isinstance(value, int) else value for value in arguments]
    return _checked(_library().syscall(ctypes.c_long(number), *given))


def prctl(option: int, *arguments: Any) -> int:
    """Change something of this process.

    Raises:
        OSError: the kernel refuses.
    """
    given = [ctypes.c_ulong(value) if isinstance(value, int) else value for value in arguments]
    return _checked(_library().prctl(option, *given, *[ctypes.c_ulong(0)] * (4 - len(given))))


def unshare(flags: int) -> None:
    """Leave the namespaces named by ``flags`` for new ones.

    Raises:
        OSError: the kernel refuses, or this process has several threads.
    """
    _checked(_library().unshare(flags))


def mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    """Mount a file system.

    Raises:
        OSError: the kernel refuses.
    """
    words = [word.encode() for word in (source, target, kind)]
    _checked(_library().mount(*words, ctypes.c_ulong(flags), options.encode() or None))


def set_read_only(target: str, *, read_only: bool) -> None:
    """Make the tree of mounts at ``target`` read-only, or the one mount at ``target`` writable again.

    Raises:
        OSError: the kernel refuses, or is older than 5.12.
    """
    attributes = (ctypes.c_uint64 * 4)(
        _MOUNT_ATTR_RDONLY if read_only else 0, 0 if read_only else _MOUNT_ATTR_RDONLY, 0, 0
    )
    flags = _AT_RECURSIVE if read_only else 0
    path = ctypes.c_char_p(target.encode())
    syscall(_SYS_MOUNT_SETATTR, _AT_FDCWD, path, flags, ctypes.byref(attributes), ctypes.sizeof(attributes))


def drop_capabilities() -> None:
    """Give up every capability for good, also those that running a program as root would give back.

    Raises:
        OSError: the kernel refuses, or the machine is of an unknown kind.
    """
    for number in range(_MOST_CAPABILITIES):
        try:
            prctl(PR_CAPBSET_DROP, number)
        except OSError:
            break  # the first number that this kernel does not know, or nothing to drop
    machine = os.uname().machine
    if machine not in _SYS_CAPSET:
        raise OSError(f"capset is not known on {machine}")
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    syscall(_SYS_CAPSET[machine], ctypes.byref(header), ctypes.byref(nothing))
