"""Joining a server that somebody else started, over a unix socket: WebSocket (RFC 6455) as far as an agent needs it."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

from watchkeeper.agents.port import AgentError, Limits
from watchkeeper.agents.process import OVERLONG, FloodError, Overlong

_TEXT, _BINARY, _CLOSE, _PING, _PONG = 1, 2, 8, 9, 10
_BROKEN = (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, OSError)


class Joined:
    """A conversation with a server that goes on without us: ``end`` leaves it, and ends no process."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, limits: Limits) -> None:
        self._reader = reader
        self._writer = writer
        self._limits = limits
        self._left = asyncio.Event()
        self._writing = asyncio.Lock()

    @property
    def pid(self) -> int:
        """The server's process, as the system knows it; 0 where it does not tell."""
        found = self._writer.get_extra_info("socket")
        if found is None or not hasattr(socket, "SO_PEERCRED"):
            return 0
        return int(struct.unpack("3i", found.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0])

    @property
    def last_words(self) -> str:
        return ""

    async def lines(self) -> AsyncIterator[bytes | Overlong]:
        """Each message, until the server closes. Raises: FloodError once ``output_bytes`` have come."""
        taken, message, is_overlong = 0, bytearray(), False
        with suppress(*_BROKEN):
            while True:
                kind, is_last, size = await self._read_head()
                taken += size
                if taken > self._limits.output_bytes:
                    raise FloodError
                if kind >= _CLOSE:
                    if not await self._control(kind, await self._reader.readexactly(size)):
                        return
                    continue
                is_overlong = is_overlong or len(message) + size > self._limits.line_bytes
                message += await self._take(size, is_kept=not is_overlong)
                if is_last:
                    yield OVERLONG if is_overlong else bytes(message)
                    message, is_overlong = bytearray(), False

    async def write(self, data: bytes) -> None:
        """Send one message. Raises: ConnectionError, TimeoutError."""
        async with self._writing, asyncio.timeout(self._limits.answer_s):
            self._writer.write(_frame(_TEXT, data.rstrip(b"\n")))
            await self._writer.drain()

    async def wait(self, timeout_s: float | None = None) -> int | None:
        """Until we have left: how the server ends is not ours to know."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._left.wait()
                return 0
        return None

    async def end(self) -> int:
        """Leave."""
        self._left.set()
        with suppress(*_BROKEN, TimeoutError):
            async with asyncio.timeout(1.0):
                self._writer.write(_frame(_CLOSE, struct.pack(">H", 1000)))
                await self._writer.drain()
        return 0

    async def close(self) -> None:
        """Let go of the socket."""
        await _hang_up(self._writer)

    async def _read_head(self) -> tuple[int, bool, int]:
        """Kind, whether it is a message's last piece, and size of the next frame."""
        first, second = await self._reader.readexactly(2)
        size = second & 0x7F
        if size >= 126:
            size = int.from_bytes(await self._reader.readexactly(2 if size == 126 else 8), "big")
        if second & 0x80 or (first & 0x0F >= _CLOSE and size > 125):
            raise ValueError("no frame of a server")
        return first & 0x0F, bool(first & 0x80), size

    async def _take(self, size: int, *, is_kept: bool) -> bytes:
        kept = bytearray()
        while size:
            part = await self._reader.read(min(size, 1 << 16))
            if not part:
                raise asyncio.IncompleteReadError(b"", size)
            size -= len(part)
            if is_kept:
                kept += part
        return bytes(kept)

    async def _control(self, kind: int, data: bytes) -> bool:
        """Answer a control frame; False where the server says goodbye."""
        if kind == _PING:
            with suppress(OSError):  # who has gone needs no answer, but may have said more before
                self._writer.write(_frame(_PONG, data))
                await self._writer.drain()
        return kind != _CLOSE


async def join(place: Path, limits: Limits) -> Joined:
    """Join the server that listens on a unix socket. Raises: AgentError where there is none that speaks WebSocket."""
    head = (
        "GET / HTTP/1.1", "Host: localhost", "Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}", "", "",
    )  # fmt: skip
    writer = None
    try:
        async with asyncio.timeout(limits.answer_s):
            reader, writer = await asyncio.open_unix_connection(place)
            writer.write("\r\n".join(head).encode())
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 101"):
                raise ValueError(answer.partition(b"\r\n")[0].decode("latin-1"))
    except (*_BROKEN, TimeoutError) as error:
        if writer is not None:
            await _hang_up(writer)
        raise AgentError(
            f"nobody can be joined at {place}: {str(error)[:200] or type(error).__name__}",
            slug="agent-not-started",
            hint="see that the agent's server runs, and where it listens",
        ) from error
    return Joined(reader, writer, limits)


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


def _frame(kind: int, data: bytes) -> bytes:
    """A frame of a client's, which has to be masked; the mask hides nothing, and is none."""
    size = len(data)
    if size < 126:
        head = struct.pack(">BB", 0x80 | kind, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack(">BBH", 0x80 | kind, 0x80 | 126, size)
    else:
        head = struct.pack(">BBQ", 0x80 | kind, 0x80 | 127, size)
    return head + bytes(4) + data
