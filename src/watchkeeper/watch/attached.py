"""A watch that runs in another process, seen from here: the same that a view asks of one that runs in its own."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

import msgspec

from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.record.messages import decode_message
from watchkeeper.watch.hosting import Line
from watchkeeper.watch.measures import WatchStatistics
from watchkeeper.watch.picture import Picture, Update

_MOST_LINE = 256 * 1024 * 1024
_REQUEST_S = 10.0


class Watching(Protocol):
    """What a view asks of a watch, wherever it runs."""

    @property
    def is_stuck(self) -> bool: ...
    @property
    def has_picture(self) -> bool: ...
    async def run(self) -> None: ...
    def stop(self) -> None: ...
    def listen(self, listener: Callable[[Update], None]) -> None: ...
    async def wait_ready(self) -> bool: ...
    async def wait_stopped(self) -> None: ...
    def picture(self) -> Picture: ...
    def statistics(self) -> WatchStatistics: ...


class AttachedWatch:
    """Follows the daemon at ``socket``: ``run`` it as a task, as one would a watch of one's own."""

    is_stuck = False

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        self._listeners: list[Callable[[Update], None]] = []
        self._picture: Picture | None = None
        self._ready, self._stopping = asyncio.Event(), asyncio.Event()

    async def run(self) -> None:
        """Follow until ``stop``. Raises WatchkeeperError (``daemon-gone``) where the daemon ends before."""
        following = asyncio.create_task(self._follow())
        stopping = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
            was_asked = self._stopping.is_set()
        finally:
            self._stopping.set()
            stopping.cancel()
            following.cancel()
        with suppress(asyncio.CancelledError):
            await following
        if not was_asked:
            raise daemon_gone(self._socket)

    def stop(self) -> None:
        """Look no longer; the daemon goes on."""
        self._stopping.set()

    def listen(self, listener: Callable[[Update], None]) -> None:
        self._listeners.append(listener)

    async def wait_ready(self) -> bool:
        waits = [asyncio.create_task(each.wait()) for each in (self._ready, self._stopping)]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()
        return self._ready.is_set()

    async def wait_stopped(self) -> None:
        await self._stopping.wait()

    @property
    def has_picture(self) -> bool:
        return self._picture is not None

    def picture(self) -> Picture:
        assert self._picture is not None, "wait for `ready` first"
        return self._picture

    def statistics(self) -> WatchStatistics:
        return self._picture.statistics if self._picture is not None else WatchStatistics()

    async def _follow(self) -> None:
        async with open_request(self._socket, "follow", b"") as reader:
            while line := await reader.readline():
                self._take(decode_message(line, Line))

    def _take(self, line: Line) -> None:
        if line.picture is not None:
            self._picture = line.picture
            self._ready.set()
        if line.update is not None:
            for listener in self._listeners:
                listener(line.update)


@asynccontextmanager
async def open_request(socket: Path, verb: str, payload: bytes, *arguments: str) -> AsyncIterator[asyncio.StreamReader]:
    """Ask a daemon for something, and have its answer to read. Raises WatchkeeperError (``daemon-gone``)."""
    try:
        reader, writer = await asyncio.open_unix_connection(socket, limit=_MOST_LINE)
    except OSError as error:
        raise daemon_gone(socket) from error
    try:
        line = " ".join(["watchkeeper", "1", verb, *(quote(os.fsencode(each), safe="") for each in arguments)])
        writer.write(f"{line}\n".encode() + payload)
        writer.write_eof()
        await writer.drain()
        yield reader
    except OSError as error:
        raise daemon_gone(socket) from error
    finally:
        writer.close()


def ask(socket: Path, question: Mapping[str, object]) -> bytes:
    """The answer to a question; blocks. Raises WatchkeeperError (``daemon-gone``) where none comes."""

    async def talk() -> bytes:
        async with open_request(socket, "ask", msgspec.json.encode(question)) as reader:
            return await reader.read()

    try:
        answer = asyncio.run(asyncio.wait_for(talk(), _REQUEST_S))
    except TimeoutError:
        answer = b""
    if not answer:
        raise daemon_gone(socket)
    return answer


def daemon_gone(socket: Path) -> WatchkeeperError:
    """The error for a daemon that does not answer, or not any more."""
    return WatchkeeperError(
        f"No daemon answers at {socket}",
        slug="daemon-gone",
        hint="watchkeeper up",
        facts={"socket": str(socket)},
    )
