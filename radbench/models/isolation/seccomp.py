"""Which system calls a process may not make, held by a seccomp filter (Linux, x86-64 and 64-bit ARM).

Refused with EPERM: making a socket of any family unless the network is allowed (a socket in a file, such as a
container daemon's, is a way out of every namespace); ``io_uring``, which can make sockets behind a filter's back;
looking into or writing to other processes; new namespaces, mounts, modules, keys, BPF and performance counters.
Calls of a foreign architecture (32-bit, x32) are refused as a whole.
"""

import ctypes
import os
import struct
from typing import Final

from radbench.models.isolation.syscalls import PR_SET_SECCOMP, prctl

_ARCHITECTURE: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_X32: Final = 0x40000000

_SOCKET: Final = {"x86_64": 41, "aarch64": 198}
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_CLONE3: Final = 435
_NEW_NAMESPACES: Final = 0x7E020080
"""CLONE_NEWUSER, NEWNS, NEWPID, NEWNET, NEWIPC, NEWUTS, NEWCGROUP and NEWTIME."""

_NEVER: Final = {
    # add_key, request_key, keyctl, ptrace, process_vm_readv, process_vm_writev, kcmp, bpf, perf_event_open,
    # userfaultfd, mount, umount2, pivot_root, chroot, unshare, setns, init_module, finit_module, delete_module,
    # kexec_load, kexec_file_load, name_to_handle_at, open_by_handle_at, acct, swapon, swapoff, reboot
    "x86_64": (
        *(248, 249, 250, 101, 310, 311, 312, 321, 298, 323, 165, 166, 155, 161, 272, 308, 175, 313, 176),
        *(246, 320, 303, 304, 163, 167, 168, 169),
        *(172, 173),  # iopl, ioperm
    ),
    "aarch64": (
        *(217, 218, 219, 117, 270, 271, 272, 280, 241, 282, 40, 39, 41, 51, 97, 268, 105, 273, 106),
        *(104, 294, 264, 265, 89, 224, 225, 142),
    ),
}
_NEVER_ANYWHERE: Final = (425, 426, 427, 428, 429, 430, 431, 432, 433, 438, 440, 442)
"""io_uring's three, open_tree, move_mount, fsopen, fsconfig, fsmount, fspick, pidfd_getfd, process_madvise,
mount_setattr: numbered alike on every architecture."""

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _REFUSE, _NOT_THERE = 0x7FFF0000, 0x00050001, 0x00050026


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("steps", ctypes.c_char_p)]


def program(machine: str, *, network: bool) -> bytes:
    """Return the filter as instructions of classic BPF, eight bytes each.

    Raises:
        OSError: a machine whose system calls are not known here.
    """
    if machine not in _ARCHITECTURE:
        raise OSError(f"no filter is known for {machine}")
    refused = [*_NEVER[machine], *_NEVER_ANYWHERE, *([] if network else [_SOCKET[machine]])]
    steps = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _ARCHITECTURE[machine]), (_RETURN, 0, 0, _REFUSE)]
    steps += [(_LOAD, 0, 0, 0), (_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _REFUSE)]
    for number in refused:
        steps += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, _REFUSE)]
    # clone3 hides its flags from a filter; without it the C library makes threads by clone
    steps += [(_EQUAL, 0, 1, _CLONE3), (_RETURN, 0, 0, _NOT_THERE)]
    steps += [(_EQUAL, 0, 3, _CLONE[machine]), (_LOAD, 0, 0, 16), (_ANY_BIT, 0, 1, _NEW_NAMESPACES)]
    steps += [(_RETURN, 0, 0, _REFUSE), (_RETURN, 0, 0, _ALLOW)]
    return b"".join(struct.pack("<HBBI", *step) for step in steps)


def restrict(*, network: bool) -> None:
    """Refuse this process, and all that it starts, the calls named above; call after ``PR_SET_NO_NEW_PRIVS``.

    Raises:
        OSError: the kernel has no filters, or the machine is of an unknown kind.
    """
    steps = program(os.uname().machine, network=network)
    held = _Program(len(steps) // 8, steps)
    prctl(PR_SET_SECCOMP, 2, ctypes.byref(held))
