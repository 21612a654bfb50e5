"""Which agent a process belongs to: what speaks to us is a shell's child, and the agent is above it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import psutil

_WRAPPERS = frozenset(
    {"sh", "bash", "dash", "zsh", "ksh", "fish", "ash", "busybox", "env", "timeout", "nice", "setsid"}
)
_NO_AGENTS = frozenset({"systemd", "init", "launchd", "login", "sshd", "tmux", "tmux: server", "screen", "SCREEN"})
_DEEPEST = 64


class Process(msgspec.Struct, frozen=True):
    """A process; with ``started`` (seconds since the epoch) its id means the same process for ever."""

    pid: int
    started: float
    name: str = ""


def find_lineage(pid: int) -> tuple[Process, ...]:
    """The process and those above it, up to the first; what cannot be seen (another user's, ended) ends the list."""
    found: list[Process] = []
    try:
        process: psutil.Process | None = psutil.Process(pid)
        while process is not None and len(found) < _DEEPEST:
            with process.oneshot():
                found.append(Process(process.pid, process.create_time(), process.name()))
            process = process.parent()
    except (psutil.Error, ValueError, OSError):
        pass
    return tuple(found)


def find_agent(lineage: Sequence[Process]) -> Process | None:
    """The agent above a process that it started, maybe through shells: the first above it that is none.

    None where only shells lie between it and the system, or the terminal: what was let go of belongs to nobody.
    """
    found = next((each for each in lineage[1:] if each.name not in _WRAPPERS), None)
    return None if found is None or found.pid == 1 or found.name in _NO_AGENTS else found


def is_alive(process: Process) -> bool:
    """Whether this very process still runs."""
    try:
        found = psutil.Process(process.pid)
        return found.create_time() == process.started and found.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OSError):
        return False
