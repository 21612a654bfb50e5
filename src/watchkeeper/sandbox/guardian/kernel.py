"""The few calls to the kernel that Python 3.11 has no words for. Linux; elsewhere they say that they did nothing."""

from __future__ import annotations

import ctypes
import os
import sys

LINUX = sys.platform == "linux"

NEW_MOUNTS, NEW_UTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NETWORK = (
    0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
)  # fmt: skip
BIND, RECURSIVE, SLAVE, NO_SUID, NO_DEVICES = 0x1000, 0x4000, 0x80000, 0x2, 0x4


def become_reaper() -> bool:
    """Orphans among our descendants become our children, also those that made sessions of their own."""
    return LINUX and _prctl(_SET_CHILD_SUBREAPER, 1) == 0


def die_with_parent(parent: int) -> None:
    """This process is killed when its parent ends; also when it has ended already. ``parent`` 0: outside our view."""
    if LINUX:
        _prctl(_SET_PDEATHSIG, 9)
        if os.getppid() != parent:
            os._exit(125)


def give_up_privileges() -> None:
    """No capability is left after the next exec, and none can be won: not by root either, not by setuid programs."""
    for capability in range(64):
        if _prctl(_CAPBSET_DROP, capability) != 0:
            break
    _check(_prctl(_SET_NO_NEW_PRIVS, 1), "no_new_privs")


def unshare(flags: int) -> None:
    """Raises: OSError where this machine does not allow it."""
    _check(_libc.unshare(flags), "unshare")


def mount(source: str | None, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """Raises: OSError."""
    done = _libc.mount(_text(source), _text(target), _text(kind), ctypes.c_ulong(flags), options.encode())
    _check(done, f"mount {target}")


def make_read_only(target: str, *, deep: bool = True) -> None:
    """A mount, with all below it, can be written to by nobody who sees it here. Linux 5.12. Raises: OSError."""
    attributes = (ctypes.c_uint64 * 4)(_RDONLY | _NOSUID, 0, 0, 0)
    flags = _AT_RECURSIVE if deep else 0
    done = _libc.syscall(
        _MOUNT_SETATTR, _AT_FDCWD, _text(target), ctypes.c_uint(flags), attributes, ctypes.sizeof(attributes)
    )
    _check(done, f"read-only {target}")


def pivot_root(new: str, old: str) -> None:
    """Raises: OSError."""
    _check(_libc.pivot_root(_text(new), _text(old)), "pivot_root")


def detach(target: str) -> None:
    """A mount is taken away, at once for all who look from now on. Raises: OSError."""
    _check(_libc.umount2(_text(target), 2), f"umount {target}")


_libc = ctypes.CDLL(None, use_errno=True)
_SET_PDEATHSIG, _CAPBSET_DROP, _SET_CHILD_SUBREAPER, _SET_NO_NEW_PRIVS = 1, 24, 36, 38
_MOUNT_SETATTR = 442  # the same number on every architecture
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_RDONLY, _NOSUID = 1, 2


def _prctl(option: int, value: int) -> int:
    return int(_libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)))


def _text(value: str | None) -> bytes | None:
    return None if value is None else os.fsencode(value)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
