"""What processes take, as Linux counts it; nothing elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def family_cpu_s(pid: int) -> float:
    """Processor seconds of a process, its children and those that they have waited for."""
    return sum(_cpu_s(each) for each in family(pid))


def family_memory_mb(pid: int) -> float:
    """Resident memory of a process and its children, megabytes."""
    return sum(_memory_mb(each) for each in family(pid))


def own_cpu_s(pid: int) -> dict[int, float]:
    """Processor seconds of a process and of each child that lives, by its id; without those that have ended."""
    return {each: _cpu_s(each, ended=False) for each in family(pid)}


def find_running(marker: str, program: str) -> Iterator[int]:
    """The processes that have ``marker`` among their arguments and run a ``program`` whose name begins so."""
    for place in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (place / "cmdline").read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if marker in arguments and Path(arguments[0]).name.startswith(program):
            yield int(place.name)


def family(pid: int) -> Iterator[int]:
    """A process and all that descend from it and live."""
    yield pid
    for task in _tasks(pid):
        try:
            children = (task / "children").read_text().split()
        except OSError:
            continue
        for child in children:
            yield from family(int(child))


def _tasks(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/task").iterdir())
    except OSError:  # it has ended
        return []


def _cpu_s(pid: int, *, ended: bool = True) -> float:
    """``ended``: with the children that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11 : 15 if ended else 13]) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        return 0.0
