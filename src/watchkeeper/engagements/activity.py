"""Whether an agent really does something: processor time and processes of its tree, and files that it writes."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import psutil

_BUSY = 0.02
"""Share of a processor below which a program only waits: event loops tick."""

_LOST_S = 0.05
_MOST_LOOKED = 50_000
_SKIPPED = frozenset(
    {".git", "node_modules", ".venv", "venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
)


class Measured(msgspec.Struct, frozen=True):
    """A tree of processes at a moment: processor seconds of all that live and those they reaped, resident memory."""

    cpu_s: float = 0.0
    memory_mb: float = 0.0
    processes: frozenset[tuple[int, float]] = frozenset()


def measure(pid: int) -> Measured:
    """A process and all below it; nothing where it is gone or cannot be seen. About 5 ms."""
    if pid <= 0:
        return Measured()
    try:
        top = psutil.Process(pid)
        found = [top, *top.children(recursive=True)]
    except psutil.Error:
        return Measured()
    cpu, memory, processes = 0.0, 0.0, set()
    for each in found:
        try:
            with each.oneshot():
                times = each.cpu_times()
                cpu += times.user + times.system
                cpu += getattr(times, "children_user", 0.0) + getattr(times, "children_system", 0.0)
                memory += each.memory_info().rss / 1024 / 1024
                processes.add((each.pid, each.create_time()))
        except psutil.Error:
            continue
    return Measured(cpu, memory, frozenset(processes))


def is_busy(before: Measured, now: Measured, elapsed_s: float) -> bool:
    """Whether it worked in between. Waiting for the network is not seen here, nor is a loop that only sleeps.

    Less than before: something that had worked has ended since, and nobody can tell how much it did.
    """
    used_s = now.cpu_s - before.cpu_s
    return bool(now.processes) and (used_s < -_LOST_S or used_s >= _BUSY * max(elapsed_s, 0.05))


def has_written(root: Path, since_s: float, most: int = _MOST_LOOKED) -> bool:
    """Whether a file or folder in a worktree is newer than ``since_s`` (of the epoch). What tools keep is passed over.

    Looks at ``most`` of them at the most; in a larger tree a write may be missed, and other signs have to tell.
    """
    waiting, looked = [str(root)], 0
    while waiting:
        folder = waiting.pop()
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    looked += 1
                    if looked > most:
                        return False
                    if entry.name in _SKIPPED:
                        continue
                    info = entry.stat(follow_symlinks=False)
                    if max(info.st_mtime, info.st_ctime) > since_s:
                        return True
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
        except OSError:
            continue
    return False
