"""A server on a unix socket, joined as a WebSocket client: what it sends comes as lines, and it may send anything."""

from __future__ import annotations

import asyncio
import struct
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from watchkeeper.agents.port import AgentError, Limits
from watchkeeper.agents.process import FloodError, Overlong
from watchkeeper.agents.websocket import Joined, join

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="wk-", dir="/tmp") as folder:  # a socket's name must be short
        yield Path(folder) / "s"


def frame(kind: int, data: bytes, *, is_last: bool = True) -> bytes:
    """A frame of a server's: not masked."""
    head = bytes([kind | (0x80 if is_last else 0)])
    if len(data) < 126:
        return head + bytes([len(data)]) + data
    if len(data) < 1 << 16:
        return head + struct.pack(">BH", 126, len(data)) + data
    return head + struct.pack(">BQ", 127, len(data)) + data


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """A short frame of a client's, without its mask."""
    first, second = await reader.readexactly(2)
    assert second & 0x80, "clients mask"
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack(">H", await reader.readexactly(2))
    mask = await reader.readexactly(4)
    data = await reader.readexactly(size)
    return first & 0x0F, bytes(byte ^ mask[at % 4] for at, byte in enumerate(data))


def talk(place: Path, serve: Talk, visit: Callable[[Joined], Awaitable[list[object]]], **limits: int) -> list[object]:
    """What ``visit`` gives, having joined a server that does ``serve`` after the handshake."""

    async def run() -> list[object]:
        served = asyncio.Event()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(SWITCH)
            try:
                await serve(reader, writer)
            except ConnectionError:
                pass  # the client has left
            finally:
                await hang_up(writer)
                served.set()

        server = await asyncio.start_unix_server(handle, place)
        async with server:
            joined = await join(place, Limits(**limits))  # type: ignore[arg-type]
            try:
                async with asyncio.timeout(20):
                    return await visit(joined)
            finally:
                await joined.end()
                await joined.close()
                await served.wait()

    return asyncio.run(run())


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


async def all_lines(joined: Joined) -> list[object]:
    return ["overlong" if isinstance(line, Overlong) else line async for line in joined.lines()]


def sends(*frames: bytes) -> Talk:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join(frames))
        await writer.drain()

    return serve


def test_messages_of_every_size_and_in_pieces_come_as_lines_until_goodbye(place: Path) -> None:
    sizes = [0, 125, 126, 65_535, 65_536]
    pieces = (frame(1, b"in ", is_last=False), frame(9, b"ping"), frame(0, b"pieces"))
    whole = [frame(1, b"x" * size) for size in sizes]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"".join([*whole, *pieces, frame(8, b""), frame(1, b"after goodbye")]))
        await reader.read()  # hanging up on an unread answer would take back what was sent

    lines = talk(place, serve, all_lines)

    assert lines == [*(b"x" * size for size in sizes), b"in pieces"]


def test_what_is_written_arrives_and_a_ping_is_answered(place: Path) -> None:
    heard: list[tuple[int, bytes]] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend([await read_frame(reader), await read_frame(reader)])
        writer.write(frame(9, b"are you there"))
        heard.append(await read_frame(reader))
        writer.write(frame(8, b""))

    async def visit(joined: Joined) -> list[object]:
        await joined.write(b"short\n")
        await joined.write(b"y" * 300 + b"\n")
        return await all_lines(joined)

    assert talk(place, serve, visit) == []
    assert heard == [(1, b"short"), (1, b"y" * 300), (10, b"are you there")]


def test_a_message_longer_than_allowed_is_skipped_and_the_next_one_read(place: Path) -> None:
    long = (frame(1, b"x" * 900, is_last=False), frame(0, b"x" * 900))

    assert talk(place, sends(*long, frame(1, b"next")), all_lines, line_bytes=1000) == ["overlong", b"next"]


def test_a_server_that_sends_without_end_is_left(place: Path) -> None:
    async def visit(joined: Joined) -> list[object]:
        with pytest.raises(FloodError):
            await all_lines(joined)
        return []

    talk(place, sends(*[frame(1, b"x" * 1000)] * 20), visit, output_bytes=10_000)


@pytest.mark.parametrize(
    "broken",
    [b"\x81", b"\x81\x7f\xff", b"\x81\x85maskhello", b"\x88\x7e\x01\x00", b"\x81\x7f" + b"\xff" * 8 + b"x"],
    ids=["half a head", "half a size", "masked", "a long goodbye", "larger than memory"],
)
def test_what_is_no_frame_ends_the_conversation(place: Path, broken: bytes) -> None:
    async def visit(joined: Joined) -> list[object]:
        try:
            return await all_lines(joined)
        except FloodError:
            return [b"fine", "flood"]

    assert talk(place, sends(frame(1, b"fine"), broken), visit)[:1] == [b"fine"]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 403 Forbidden\r\n\r\n", b"\0" * 200_000, b""])
def test_a_server_that_does_not_let_us_in_is_an_error(place: Path, answer: bytes) -> None:
    async def run() -> None:
        served = asyncio.Event()

        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await hang_up(writer)
            served.set()

        async with await asyncio.start_unix_server(handle, place):
            with pytest.raises(AgentError, match="nobody can be joined"):
                await join(place, Limits())
            await served.wait()

    asyncio.run(run())
