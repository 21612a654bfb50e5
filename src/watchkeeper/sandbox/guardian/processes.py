"""Processes seen from outside: whose children they are, what they use. Linux from /proc, elsewhere from ``ps``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import NamedTuple

LINUX = sys.platform == "linux"


class Seen(NamedTuple):
    """One process at one moment; times in seconds, memory in bytes."""

    pid: int
    parent: int
    group: int
    state: str
    cpu_s: float
    memory: int
    start: str
    threads: int = 1

    @property
    def is_alive(self) -> bool:
        """A process whose first thread has ended says that it is a zombie, and runs on in the others."""
        return self.state != "Z" or self.threads > 1


def find_descendants(root: int, most: int) -> list[Seen]:
    """Processes below ``root``, parents before children, at most ``most``; zombies too.

    Not a moment's picture: one that changes parents meanwhile may be missed.
    """
    found = _below(root) if LINUX and _HAS_CHILDREN else _from_table(root, list_processes())
    return list(islice(found, most))


def find_parent(pid: int) -> int | None:
    """Whose child a process is; None where it is gone."""
    process = _read(pid) if LINUX else list_with_ps().get(pid)
    return process.parent if process is not None else None


def list_processes() -> dict[int, Seen]:
    """Every process of this machine that may be seen."""
    if not LINUX:
        return list_with_ps()
    seen = (_read(int(name)) for name in os.listdir("/proc") if name.isdigit())
    return {process.pid: process for process in seen if process is not None}


def list_with_ps() -> dict[int, Seen]:
    """The same from ``ps``, which every POSIX system has."""
    done = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid=,pgid=,stat=,time=,rss=,lstart="],
        capture_output=True, check=False, timeout=10, env={"LC_ALL": "C", "PATH": os.defpath + ":/bin:/usr/bin"},
    )  # fmt: skip
    table = {}
    for line in done.stdout.decode("ascii", "replace").splitlines():
        fields = line.split(None, 6)
        if len(fields) == 7 and fields[0].isdigit():
            pid, parent, group, state, clock, kilobytes, start = fields
            table[int(pid)] = Seen(
                int(pid), int(parent), int(group), state[0], _clock_seconds(clock), int(kilobytes) * 1024, start
            )
    return table


def measure_shared(pids: Iterable[int]) -> int:
    """Memory in bytes where what processes share counts once (PSS); slower than the sum of their sizes, exact."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{_living_thread(pid)}/smaps_rollup", "rb") as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        total += sum(int(line.split()[1]) * 1024 for line in lines if line.startswith(b"Pss:"))
    return total


_HAS_CHILDREN = os.path.exists(f"/proc/self/task/{os.getpid()}/children")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_TICKS = os.sysconf("SC_CLK_TCK")


def _below(root: int) -> Iterable[Seen]:
    """Asks each process for its children: the cost is that of the tree, not that of the machine."""
    waiting = _children(root)
    while waiting:
        pid = waiting.pop(0)
        process = _read(pid)
        if process is not None:
            yield process
            waiting += _children(pid)


def _children(pid: int) -> list[int]:
    """Children belong to the thread that made them."""
    found: list[int] = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return found
    for thread in threads:
        try:
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                found += [int(child) for child in file.read().split()]
        except OSError:
            continue
    return found


def _read(pid: int) -> Seen | None:
    fields = _fields(pid)
    if fields is None:
        return None
    # Children that were waited for count as well: a compiler's work is done by processes that live for a moment.
    ticks = sum(int(field) for field in fields[11:15])
    state, threads = fields[0].decode(), int(fields[17])
    pages = int(fields[21])
    if state == "Z" and threads > 1:  # an ended thread uses nothing, the others may
        pages = int((_fields(_living_thread(pid)) or fields)[21])
    return Seen(
        pid, int(fields[1]), int(fields[2]), state, ticks / _TICKS, pages * _PAGE, fields[19].decode(), threads
    )  # fmt: skip


def _fields(pid: int) -> list[bytes] | None:
    """What ``/proc/PID/stat`` says, from the state on; None where nobody is there."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            content = file.read()
    except OSError:
        return None
    return content[content.rindex(b")") + 2 :].split()  # a name may hold anything, brackets too


def _living_thread(pid: int) -> int:
    """One through which a process's memory can be seen: the first, or, where it has ended, another."""
    fields = _fields(pid)
    if fields is None or fields[0] != b"Z":
        return pid
    try:
        threads = [int(name) for name in os.listdir(f"/proc/{pid}/task")]
    except OSError:
        return pid
    return next((each for each in threads if (_fields(each) or [b"Z"])[0] != b"Z"), pid)


def _from_table(root: int, table: Mapping[int, Seen]) -> list[Seen]:
    children: dict[int, list[Seen]] = {}
    for process in table.values():
        children.setdefault(process.parent, []).append(process)
    found, waiting = [], list(children.get(root, ()))
    while waiting:
        process = waiting.pop(0)
        found.append(process)
        waiting += children.get(process.pid, ())
    return found


def _clock_seconds(text: str) -> float:
    """``[days-][hours:]minutes:seconds[.hundredths]``."""
    days, _, clock = text.rpartition("-")
    seconds = 0.0
    for part in clock.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds + 86400 * int(days or 0)
