"""HTTP with an agent's own server on this machine: short requests, and one stream of events. Nothing else of HTTP."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec

from watchkeeper.agents.untrusted import Fields, parse_object

_END = b"\r\n"
_CLOSED = (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, OSError)


class Loopback:
    """A server on 127.0.0.1 that wants a password. Bodies and events are at most ``max_bytes`` long."""

    def __init__(self, port: int, user: str, password: str, max_bytes: int) -> None:
        self._port = port
        self._authorization = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._max_bytes = max_bytes

    async def call(self, method: str, path: str, body: object = None, *, timeout_s: float) -> tuple[int, Fields]:
        """The status and the object that a request is answered with, an empty one where it is none.

        Raises: ConnectionError where there is no answer of HTTP, TimeoutError where it takes too long.
        """
        async with asyncio.timeout(timeout_s):
            reader, writer = await self._open(method, path, body)
            try:
                status, length = await _read_head(reader)
                parts = b"".join([part async for part in _read_body(reader, length, self._max_bytes)])
            except _CLOSED as error:
                raise ConnectionError(f"{method} {path}: the answer is cut off") from error
            finally:
                await _hang_up(writer)
        return status, parse_object(parts) or {}

    async def events(self, path: str) -> AsyncIterator[Fields]:
        """Each event of a stream that is an object, until the server ends it. Raises: ConnectionError."""
        reader, writer = await self._open("GET", path, None)
        buffer = bytearray()
        try:
            status, length = await _read_head(reader)
            if status != 200:
                raise ConnectionError(f"GET {path}: HTTP {status}")
            async for part in _read_body(reader, length, None):
                buffer += part
                *lines, rest = buffer.split(b"\n")
                buffer = bytearray(rest[: self._max_bytes + 1])
                for line in lines:
                    found = parse_object(bytes(line[5:])) if line.startswith(b"data:") else None
                    if found is not None and len(line) <= self._max_bytes:
                        yield found
        except _CLOSED as error:
            raise ConnectionError(f"GET {path}: {type(error).__name__}") from error
        finally:
            await _hang_up(writer)

    async def _open(self, method: str, path: str, body: object) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        data = b"" if body is None else msgspec.json.encode(body)
        head = (
            f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{self._port}", f"Authorization: Basic {self._authorization}",
            "Content-Type: application/json", f"Content-Length: {len(data)}", "Connection: close", "", "",
        )  # fmt: skip
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        writer.write("\r\n".join(head).encode() + data)
        await writer.drain()
        return reader, writer


async def _hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def _read_head(reader: asyncio.StreamReader) -> tuple[int, int | None]:
    """The status, and the length of the body; None where it comes in chunks."""
    head = (await reader.readuntil(_END + _END)).decode("latin-1").split("\r\n")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
    version, _, rest = head[0].partition(" ")
    if not version.startswith("HTTP/"):
        raise ValueError("no answer of HTTP")
    status = int(rest[:3])
    is_chunked = "chunked" in fields.get("transfer-encoding", "").lower()
    return status, None if is_chunked else int(fields.get("content-length", "0"))


async def _read_body(reader: asyncio.StreamReader, length: int | None, limit: int | None) -> AsyncIterator[bytes]:
    """The body in parts. Raises: ValueError where it is longer than the limit."""
    taken = 0
    while True:
        size = length if length is not None else int((await reader.readuntil(_END)).split(b";")[0], 16)
        taken += size
        if size < 0 or (limit is not None and taken > limit):
            raise ValueError("longer than allowed")
        left = size
        while left:
            part = await reader.readexactly(min(left, 1 << 16))
            left -= len(part)
            yield part
        if length is not None:
            return
        await reader.readexactly(len(_END))
        if size == 0:  # the last chunk
            return
