"""What is run and what came of it, as values."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol

import msgspec

MIB = 1024 * 1024


class Network(StrEnum):
    """What a job may reach: nothing but itself, or the network as this machine sees it."""

    NONE = "none"
    OPEN = "open"  # for a project's setup, which fetches packages; no wall here can tell a registry from another host


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a job may use; over any of them it is ended, with everything that it started.

    Memory and processes count for the whole tree of processes, ``cpu_s`` too; ``file_mb`` is the largest file that it
    may write. ``output_bytes`` is how much of the output is kept, its head and its tail; a job may print more, up to
    ``flood_bytes``. None: not limited.
    """

    wall_s: float = 600.0
    cpu_s: float | None = None
    memory_mb: int | None = 4096
    processes: int | None = 256
    output_bytes: int = 4 * MIB
    flood_bytes: int = 256 * MIB
    file_mb: int | None = 2048


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A command in a folder. Nothing of Watchkeeper's own environment is inherited: ``environment`` says it all.

    ``PATH``, ``HOME``, ``TMPDIR``, ``LANG`` and ``TERM`` are added where it does not name them. It may write to
    ``folder``, to ``writable`` and to a temporary folder of its own; ``readable`` are places to see in the user's home,
    which is hidden otherwise (tools that are known to live there are seen).
    """

    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = {}
    limits: Limits = Limits()
    network: Network = Network.NONE
    writable: tuple[Path, ...] = ()
    readable: tuple[Path, ...] = ()


class Ending(StrEnum):
    """Why a job is over. Only ``exited`` says something of the command; the others say that it could not finish."""

    EXITED = "exited"
    TIMED_OUT = "timed-out"  # wall clock or processor time
    OUT_OF_MEMORY = "out-of-memory"
    TOO_MANY_PROCESSES = "too-many-processes"
    TOO_MUCH_OUTPUT = "too-much-output"
    CANCELLED = "cancelled"
    COULD_NOT_START = "could-not-start"
    KILLED = "killed"  # by a signal from elsewhere, the kernel's memory killer for one


class Isolation(msgspec.Struct, frozen=True):
    """How well a job was walled in; ``missing`` says in words what was not, for people."""

    level: Literal["full", "partial", "none"]
    missing: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job. ``exit_code`` is None unless it ``exited``; a signal that the command died of is negative.

    ``output`` is standard output and error as they came, the middle left out where it was too long (``printed`` is
    the whole length). ``cpu_s`` and ``peak_mb`` are of the whole tree, sampled; ``detail`` says more in words.
    """

    ending: Ending
    exit_code: int | None
    output: bytes
    printed: int
    wall_s: float
    cpu_s: float
    peak_mb: float
    isolation: Isolation
    detail: str = ""


class Cancel(Protocol):
    """What stops a job: a ``threading.Event`` is one."""

    def is_set(self) -> bool: ...
