"""The daemon's socket: one connection, one request. Only processes of the same user are heard.

A request is one line, ``watchkeeper 1 VERB ARGUMENT...`` (arguments URL-quoted), then the payload up to the end of what
the other side sends. The answer is all that comes back. Whoever sends garbage, too much, or nothing gets no answer.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from watchkeeper.model.errors import WatchkeeperError

MOST_PAYLOAD = 32 * 1024 * 1024
_MOST_LINE = 16 * 1024
_REQUEST_S = 5.0
_VERSION = b"1"


class Peer(NamedTuple):
    """Who is at the other end, as the system says. ``pid`` 0: it cannot be known here."""

    pid: int
    uid: int


class Request(NamedTuple):
    """What somebody wants."""

    verb: str
    arguments: tuple[str, ...]
    payload: bytes
    peer: Peer


class Reply:
    """The way back: everything is written to it, in pieces where the verb is one that lasts."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    async def write(self, data: bytes) -> bool:
        """Send; False where nobody is there any more."""
        if not data:
            return not self._writer.is_closing()
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError:
            return False
        return not self._writer.is_closing()


Handler = Callable[[Request, Reply], Awaitable[None]]


class Service:
    """Listens at a path from ``open`` to ``close``. Only who holds the project's recorder lock may open it."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        self._server: asyncio.Server | None = None
        self._identity: tuple[int, int] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.problem = ""

    async def open(self) -> None:
        """Listen. Raises WatchkeeperError (``no-socket``) where the system does not let us."""
        try:
            make_own_folder(self._path.parent)
            fresh = self._path.with_name(f".{os.getpid()}.sock")
            fresh.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._serve, fresh, limit=_MOST_LINE)
            fresh.chmod(stat.S_IRUSR | stat.S_IWUSR)
            fresh.replace(self._path)  # what a killed process left is replaced in one step
            found = self._path.lstat()
        except OSError as error:
            raise WatchkeeperError(
                f"Agents cannot be heard at {self._path}: {error.strerror or error}",
                slug="no-socket",
                hint="make the folder writable, or choose another state folder: export WATCHKEEPER_HOME=/path",
                facts={"path": str(self._path)},
            ) from error
        self._identity = (found.st_dev, found.st_ino)

    async def close(self) -> None:
        """Listen no more; who is being answered is cut off."""
        if self._server is None:
            return
        self._server.close()
        for task in tuple(self._running):
            task.cancel()
        with suppress(OSError):
            found = self._path.lstat()
            if (found.st_dev, found.st_ino) == self._identity:
                self._path.unlink()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            request = await self._read(reader, writer)
            handler = self._handlers.get(request.verb) if request is not None else None
            if request is not None and handler is not None:
                await handler(request, Reply(writer))
        except (OSError, asyncio.CancelledError):
            pass
        except Exception as error:  # noqa: BLE001 - whatever one asks, the others go on
            self.problem = f"a request could not be answered: {type(error).__name__}: {error}"
        finally:
            self._running.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
        peer = peer_of(writer.get_extra_info("socket"))
        if peer.uid != os.getuid():
            return None
        try:
            async with asyncio.timeout(_REQUEST_S):
                line = await reader.readline()
                parts = line.split()
                if len(parts) < 3 or parts[0] != b"watchkeeper" or parts[1] != _VERSION:
                    return None
                payload = await _read_all(reader)
        except (TimeoutError, ValueError, asyncio.LimitOverrunError):
            return None
        if payload is None:
            return None
        words = [unquote(part.decode("ascii", "replace"), errors="surrogateescape") for part in parts[2:]]
        return Request(words[0], tuple(words[1:]), payload, peer)


async def _read_all(reader: asyncio.StreamReader) -> bytes | None:
    """The rest; None where it is too much."""
    pieces, size = [], 0
    while piece := await reader.read(65_536):
        size += len(piece)
        if size > MOST_PAYLOAD:
            return None
        pieces.append(piece)
    return b"".join(pieces)


def make_own_folder(folder: Path) -> None:
    """A folder that is this user's alone. Raises OSError, also where somebody else owns it."""
    folder.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(13, "the folder belongs to somebody else", str(folder))
    if stat.S_IMODE(found.st_mode) & 0o077:
        folder.chmod(stat.S_IRWXU)


def peer_of(connection: socket.socket) -> Peer:
    """Who connected, as the kernel knows."""
    credentials = getattr(socket, "SO_PEERCRED", None)
    if credentials is None:
        return _peer_of_bsd(connection)
    pid, uid, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, credentials, struct.calcsize("3i")))
    return Peer(pid, uid)


def _peer_of_bsd(connection: socket.socket) -> Peer:
    """macOS: ``LOCAL_PEERCRED`` gives the user, ``LOCAL_PEERPID`` the process (sys/un.h)."""
    level, local_peercred, local_peerpid = 0, 1, 2
    raw = connection.getsockopt(level, local_peercred, 128)
    _, uid = struct.unpack_from("=II", raw)
    try:
        pid = connection.getsockopt(level, local_peerpid)
    except OSError:
        pid = 0
    return Peer(pid, uid)
