"""Which files a process may open, held by Landlock (Linux 5.13 and later, https://docs.kernel.org/userspace-api/landlock.html).

A process gives up for good what its rules do not name, and so does everything that it starts. Landlock holds what
is opened, made and removed; it does not hold the reading of a file's size and dates, nor ``chmod``, ``chown`` and
their like, which the read-only mounts of ``namespaces`` hold.
"""

import ctypes
import os
import stat
from collections.abc import Iterable
from typing import Final

from radbench.models.isolation.syscalls import syscall

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_ASK_VERSION: Final = 1
_PATH_BENEATH: Final = 1

_EXECUTE, _WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REFER, _TRUNCATE, _IOCTL = 1 << 13, 1 << 14, 1 << 15
_FIRST_ABI: Final = (1 << 13) - 1
_ADDED: Final = ((2, _REFER), (3, _TRUNCATE), (5, _IOCTL))
_MAKE_DEVICES: Final = 1 << 6 | 1 << 11
_OF_FILES: Final = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL

READ: Final = _EXECUTE | _READ_FILE | _READ_DIR
"""Open for reading, list, and run."""

WRITE: Final = ((1 << 15) - 1) & ~_MAKE_DEVICES
"""All that may be done in a folder but make device files."""

DEVICE: Final = _READ_FILE | _WRITE_FILE | _READ_DIR | _IOCTL
"""Use device files that are there."""

_NO_TCP: Final = 0b11
"""Neither bind nor connect (ABI 4)."""

_SCOPED: Final = 0b11
"""No abstract Unix socket and no signal beyond the sandbox (ABI 6)."""


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32)]


def version() -> int:
    """Return the version of Landlock that the kernel offers.

    Raises:
        OSError: it offers none.
    """
    return syscall(_CREATE, ctypes.c_void_p(None), 0, _ASK_VERSION)


def restrict(rules: Iterable[tuple[str, int]], *, network: bool) -> int:
    """Give up every file but those under the paths of ``rules``; return the version of Landlock.

    Call after ``PR_SET_NO_NEW_PRIVS``.

    Args:
        rules: (path, ``READ``, ``WRITE`` or ``DEVICE``); a path that is not there is left out.
        network: whether TCP stays allowed (ABI 4 and later hold it).

    Raises:
        OSError: the kernel offers no Landlock, or refuses.
    """
    abi = version()
    handled = _FIRST_ABI | sum(right for since, right in _ADDED if abi >= since)
    words = [handled]
    if abi >= 4:
        words.append(0 if network else _NO_TCP)
    if abi >= 6:
        words.append(_SCOPED)
    attributes = (ctypes.c_uint64 * len(words))(*words)
    ruleset = syscall(_CREATE, ctypes.byref(attributes), ctypes.sizeof(attributes), 0)
    try:
        for path, rights in rules:
            _allow(ruleset, path, rights & handled)
        syscall(_RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)
    return abi


def _allow(ruleset: int, path: str, rights: int) -> None:
    try:
        place = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            rights &= _OF_FILES
        rule = _PathBeneath(rights, place)
        syscall(_ADD, ruleset, _PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(place)
