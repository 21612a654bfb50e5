"""What this machine has left for agents: memory, load, what those at work take, and which programs are there."""

from __future__ import annotations

import datetime as dt
import os
import shutil
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

import psutil

from watchkeeper.fleet.config import AgentEntry
from watchkeeper.fleet.plan import Machine
from watchkeeper.model.fleet import EngagementId

_MB = 1 << 20
_GROUPS = Path("/sys/fs/cgroup")
_LOCAL_TIME = Path("/etc/localtime")


class Measuring(Protocol):
    """Whoever knows the machine on which agents run."""

    def measure(self, leaders: Mapping[EngagementId, int]) -> Machine:
        """The machine now; ``leaders`` are the first processes of those at work. May block shortly. Never raises."""


class LocalMachine:
    """This machine. ``agents`` are looked for on ``path``, as whoever starts them will."""

    def __init__(self, agents: Iterable[AgentEntry], path: str, folder: Path = Path("/"), host: str = "") -> None:
        """``folder`` is where relative commands count from; ``host`` its name, where it is not the system's."""
        self._agents, self._path, self._folder = tuple(agents), path, folder
        self._host = host or socket.gethostname().partition(".")[0]

    def measure(self, leaders: Mapping[EngagementId, int]) -> Machine:
        """On Linux and macOS alike; a limit of the control group that holds this process counts too."""
        used = {identity: found for identity, pid in leaders.items() if (found := measure_tree(pid)) is not None}
        return Machine(
            host=self._host,
            free_mb=measure_free(),
            used_mb=used,
            load=_load(),
            absent={each.name: reason for each in self._agents if (reason := self._lacks(each))},
        )

    def _lacks(self, agent: AgentEntry) -> str:
        return "" if find_program(agent, self._path, self._folder) else f"{agent.command[0]} is not on PATH"


def find_program(agent: AgentEntry, path: str, folder: Path) -> str | None:
    """The program that an agent's command starts, looked for on ``path``; None where it is not there."""
    program = agent.command[0]
    named = str(folder / Path(program).expanduser()) if os.sep in program or program.startswith("~") else program
    return shutil.which(named, path=path)


def measure_free() -> int | None:
    """Megabytes that can be had without swapping; the least of what the system and the control groups say."""
    found = []
    with suppress(psutil.Error, OSError, ValueError):
        found.append(psutil.virtual_memory().available // _MB)
    left = _left_in_groups(_GROUPS, Path("/proc/self/cgroup"))
    return min([*found, *left], default=None)


def measure_tree(pid: int) -> int | None:
    """Megabytes that a process and all that it started take; None where it is gone."""
    try:
        leader = psutil.Process(pid)
        processes = [leader, *leader.children(recursive=True)]
    except (psutil.Error, OSError, ValueError):
        return None
    size = 0
    for process in processes:
        with suppress(psutil.Error, OSError):
            size += process.memory_info().rss
    return size // _MB


def find_zone(name: str, environ: Mapping[str, str]) -> dt.tzinfo:
    """The configured zone, else ``$TZ``, else the system's; with its changes of the clocks, so that they are known."""
    for told in (name, environ.get("TZ", "").removeprefix(":")):
        if told:
            with suppress(ValueError, OSError, LookupError):
                return ZoneInfo(told)
    try:
        with _LOCAL_TIME.open("rb") as file:
            return ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError):
        return dt.UTC


def _left_in_groups(root: Path, own: Path) -> list[int]:
    """What each control group (version 2) around this process leaves, files that can be dropped not counted."""
    with suppress(OSError, UnicodeDecodeError):
        for line in own.read_text().splitlines():
            if line.startswith("0::/"):
                group = root / line[4:]
                around = [group, *group.parents]
                return [left for each in around if each.is_relative_to(root) and (left := _left(each)) is not None]
    return []


def _left(group: Path) -> int | None:
    try:
        bound = (group / "memory.max").read_text().strip()
        if bound == "max":
            return None
        taken = int((group / "memory.current").read_text())
        rows = dict(line.split(maxsplit=1) for line in (group / "memory.stat").read_text().splitlines())
        return max(0, int(bound) - taken + int(rows.get("inactive_file", "0"))) // _MB
    except (OSError, ValueError):
        return None


def _load() -> float:
    try:
        return os.getloadavg()[0]
    except OSError:
        return 0.0
