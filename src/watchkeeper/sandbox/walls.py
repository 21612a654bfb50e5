"""The walls that a job can be put behind, from best to none; each says what it does not hold back."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from watchkeeper.sandbox.job import Isolation, Job, Network
from watchkeeper.sandbox.view import Mount, Place


class Wall(Protocol):
    """One way of isolating a job."""

    name: str

    def order(self, job: Job, command: Sequence[str], places: Sequence[Place]) -> dict[str, Any]:
        """What the guardian has to know of it: the wall's kind, the whole command, the view."""

    def isolation(self, job: Job) -> Isolation:
        """What holds the job, and what does not."""


class Bubblewrap:
    """The program ``bwrap``: users, processes, mounts and network of the job's own."""

    name = "bubblewrap"

    def __init__(self, program: str) -> None:
        self._program = program

    def order(self, job: Job, command: Sequence[str], places: Sequence[Place]) -> dict[str, Any]:
        options = ["--unshare-user", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--die-with-parent"]
        options += ["--new-session", "--cap-drop", "ALL"]
        options += ["--unshare-net"] if job.network is Network.NONE else []
        options += ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        for place in places:
            options += (
                ["--tmpfs", place.path] if place.mount is Mount.EMPTY else [_BINDS[place.mount], *[place.path] * 2]
            )
        options += ["--chdir", str(job.folder), "--"]
        return {"wall": self.name, "command": [self._program, *options, *command], "places": [], "wall_processes": 2}

    def isolation(self, job: Job) -> Isolation:
        return _of_namespaces(job)


class Namespaces:
    """User namespaces made by the guardian itself: nothing has to be installed. Linux 5.12."""

    name = "namespaces"

    def order(self, job: Job, command: Sequence[str], places: Sequence[Place]) -> dict[str, Any]:  # noqa: ARG002
        return {
            "wall": self.name,
            "command": list(command),
            "places": [(place.path, place.mount.value) for place in places],
            "wall_processes": 2,
        }

    def isolation(self, job: Job) -> Isolation:
        return _of_namespaces(job)


class Plain:
    """A process like any other, within limits; ``why`` says why it is nothing better."""

    name = "plain"

    def __init__(self, why: str = "") -> None:
        self._why = why

    def order(self, job: Job, command: Sequence[str], places: Sequence[Place]) -> dict[str, Any]:  # noqa: ARG002
        return {"wall": self.name, "command": list(command), "places": [], "wall_processes": 0}

    def isolation(self, job: Job) -> Isolation:
        missing = ["files: it may read and write all that you may", "processes: it may end yours"]
        if job.network is Network.NONE:
            missing.append("network: only proxy variables keep it offline")
        if os.geteuid() == 0:
            missing.append("processes: root is not bounded between two looks of the guardian")
        if sys.platform != "linux":
            missing.append("processes that leave its session within half a second may live on")
        why = [f"no user namespaces: {self._why}"] if self._why else []
        return Isolation("partial", (*missing, *why))


_BINDS: Mapping[Mount, str] = {Mount.READ: "--ro-bind", Mount.WRITE: "--bind"}


def _of_namespaces(job: Job) -> Isolation:
    if job.network is Network.NONE:
        return Isolation("full")
    return Isolation("partial", ("network: open to every host, not to registries alone",))


def list_walls() -> tuple[Wall, ...]:
    """The walls to try on this system, best first; whether one works is seen by running something behind it."""
    if sys.platform != "linux":
        return ()
    program = shutil.which(
        "bwrap", path=os.pathsep.join(["/usr/bin", "/usr/local/bin", "/bin", "/run/current-system/sw/bin"])
    )
    return (*((Bubblewrap(str(Path(program))),) if program else ()), Namespaces())
