"""What a job sees of the file system, as a plan that every wall carries out in its own way."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from watchkeeper.sandbox.job import Job, Network


class Mount(StrEnum):
    """How a place is seen."""

    EMPTY = "empty"  # a new folder in memory
    READ = "read"
    WRITE = "write"


class Place(msgspec.Struct, frozen=True):
    """One place, an absolute path without symlinks, and how it is seen."""

    path: str
    mount: Mount


def plan_view(job: Job, temporary: Path, home: Path, environ: Mapping[str, str]) -> tuple[Place, ...]:
    """The places in the order of mounting: what is outside first. The whole machine is read-only beneath them.

    Hidden: homes, where keys and tokens lie; ``/run`` and temporary folders, where sockets of databases, of Docker
    and of key agents lie. Seen again in there: interpreters and tools, and what the job names.
    """
    places: dict[str, Mount] = {}
    for path in [home, *_HIDDEN]:
        _add(places, path, Mount.EMPTY)
    tools = [
        *(home / tool for tool in _TOOLS),
        *_interpreters(),
        *_search_path(environ),
        *_search_path(job.environment),
    ]
    if job.network is Network.OPEN:
        tools.append(Path("/etc/resolv.conf"))  # often a link into /run
    for path in [*tools, *job.readable]:
        _add(places, path, Mount.READ, hidden_only=path not in job.readable)
    for path in [temporary, job.folder, *job.writable]:
        _add(places, path, Mount.WRITE)
    places.pop("/", None)
    return tuple(Place(path, places[path]) for path in sorted(places, key=lambda path: path.count("/")))


_HIDDEN = (Path("/home"), Path("/root"), Path("/run"), Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 hidden, not used
_TOOLS = (
    ".asdf", ".bun", ".cargo/bin", ".deno", ".fnm", ".local/bin", ".local/lib", ".local/share/fnm", ".local/share/mise",
    ".local/share/pnpm", ".local/share/uv/python", ".local/share/uv/tools", ".nvm", ".pyenv", ".rustup", ".sdkman",
    ".volta",
)  # fmt: skip


def _interpreters() -> Iterable[Path]:
    return (Path(sys.prefix), Path(sys.base_prefix))


def _search_path(environ: Mapping[str, str]) -> Iterable[Path]:
    return [Path(folder) for folder in environ.get("PATH", "").split(os.pathsep) if folder.startswith("/")]


def _add(places: dict[str, Mount], path: Path, mount: Mount, *, hidden_only: bool = False) -> None:
    """``hidden_only``: what is seen already needs no mount of its own."""
    real = os.path.realpath(path)
    if not os.path.lexists(real) or (mount is Mount.EMPTY and not Path(real).is_dir()):
        return
    if hidden_only and _seen_as(places, real) is not Mount.EMPTY:
        return
    if mount is Mount.READ and places.get(real) is Mount.EMPTY:
        return  # a whole home or /tmp on PATH does not open it
    places[real] = mount


def _seen_as(places: Mapping[str, Mount], path: str) -> Mount:
    above = [place for place in places if path == place or path.startswith(place.rstrip("/") + "/")]
    return places[max(above, key=len)] if above else Mount.READ
