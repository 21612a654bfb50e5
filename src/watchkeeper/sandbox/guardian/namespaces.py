"""A wall of user namespaces, built by hand: own users, processes, mounts, network. No program but Python is needed.

The order is the one of bubblewrap: a root in memory is made, what may be seen is bound into it, the old root goes.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
from collections.abc import Callable, Sequence
from typing import NoReturn

from watchkeeper.sandbox.guardian import kernel


def enter(
    places: Sequence[tuple[str, str]],
    *,
    private_network: bool,
    inside: Callable[[], NoReturn],
    report: Callable[[str], None],
) -> NoReturn:
    """Run ``inside`` behind the wall and report its wait status; ends this process, and with it all behind the wall.

    Raises: OSError, with what the machine does not allow, before anything was run.
    """
    user, group = os.geteuid(), os.getegid()
    guardian = os.getppid()
    flags = kernel.NEW_USER | kernel.NEW_MOUNTS | kernel.NEW_PIDS | kernel.NEW_IPC | kernel.NEW_UTS
    kernel.unshare(flags | (kernel.NEW_NETWORK if private_network else 0))
    kernel.die_with_parent(guardian)  # after the change of users, which takes the wish back
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{user} {user} 1")
    _write("/proc/self/gid_map", f"{group} {group} 1")
    if private_network:
        _raise_loopback()
    first = os.fork()
    if first == 0:
        _be_first(places, inside, report)
    os.waitpid(first, 0)
    os._exit(0)


def _be_first(
    places: Sequence[tuple[str, str]], inside: Callable[[], NoReturn], report: Callable[[str], None]
) -> NoReturn:
    """The first process behind the wall: adopts orphans; when it ends, the kernel ends all the others."""
    kernel.die_with_parent(0)
    try:
        _furnish(places)
        command = os.fork()
    except OSError as error:
        report(f"error {error}")
        os._exit(125)
    if command == 0:
        try:
            kernel.give_up_privileges()
            inside()
        finally:
            os._exit(127)
    while True:
        pid, status = os.wait()
        if pid == command:
            report(f"status {status}")
            os._exit(0)


def _furnish(places: Sequence[tuple[str, str]]) -> None:
    kernel.mount(None, "/", None, kernel.SLAVE | kernel.RECURSIVE)
    _mount_memory("/tmp", "16m")  # noqa: S108 any folder that every Linux has: the old root is put below it
    os.mkdir("/tmp/new")  # noqa: S108
    os.mkdir("/tmp/old")  # noqa: S108
    kernel.pivot_root("/tmp", "/tmp/old")  # noqa: S108
    os.chdir("/")
    _mount_memory("/new", "16m")
    for name in os.listdir("/old"):
        _show_top(name)
    os.makedirs("/new/proc", exist_ok=True)
    kernel.mount("proc", "/new/proc", "proc", kernel.NO_SUID | kernel.NO_DEVICES)
    for path, how in places:
        _show(path, how)
    kernel.make_read_only("/new", deep=False)
    kernel.detach("/old")
    os.chdir("/new")
    kernel.pivot_root(".", ".")
    kernel.detach(".")
    os.chdir("/")


def _show_top(name: str) -> None:
    """A folder or link of the root, read-only; plain files in it matter to nobody."""
    old, new = f"/old/{name}", f"/new/{name}"
    if os.path.islink(old):
        os.symlink(os.readlink(old), new)
    elif os.path.isdir(old):
        os.mkdir(new)
        if name != "proc":
            kernel.mount(old, new, None, kernel.BIND | kernel.RECURSIVE)
            kernel.make_read_only(new)


def _show(path: str, how: str) -> None:
    old, new = f"/old{path}", f"/new{path}"
    if how == "empty":
        os.makedirs(new, exist_ok=True)
        _mount_memory(new, "256m")
        return
    if os.path.isdir(old):
        os.makedirs(new, exist_ok=True)
    elif not os.path.exists(new):
        os.makedirs(os.path.dirname(new), exist_ok=True)
        os.close(os.open(new, os.O_CREAT | os.O_WRONLY, 0o644))
    kernel.mount(old, new, None, kernel.BIND | kernel.RECURSIVE)
    if how == "read":
        kernel.make_read_only(new)


def _mount_memory(target: str, size: str) -> None:
    kernel.mount("tmpfs", target, "tmpfs", kernel.NO_SUID | kernel.NO_DEVICES, f"mode=755,size={size}")


def _raise_loopback() -> None:
    """A new network has nothing, not even 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        fcntl.ioctl(handle, _SET_FLAGS, struct.pack("16sh14x", b"lo", _UP | _RUNNING))


_SET_FLAGS, _UP, _RUNNING = 0x8914, 0x1, 0x40


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)
