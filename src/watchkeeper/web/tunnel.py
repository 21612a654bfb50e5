"""One HTTP request passed to a server on this machine and its answer back, or after an upgrade bytes both ways."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from typing import NamedTuple

import h11

from watchkeeper.web.access.limits import HEAD_S
from watchkeeper.web.devserver import Header, pass_answer, pass_request

_HEAD = 32_768
_BODY_S, _CONNECT_S = 60.0, 5.0
_MAX_BODY = 100 << 20
_CHUNK = 65_536
_MAX_TARGET = 8_192


class Incoming(NamedTuple):
    """A request whose head was read; ``connection`` has what came of its body already."""

    method: str
    target: str
    headers: tuple[Header, ...]
    connection: h11.Connection

    def header(self, name: bytes) -> str:
        """All values of a header in one; ``""`` where there is none."""
        joint = b"; " if name == b"cookie" else b", "
        return joint.join(value for key, value in self.headers if key == name).decode("latin-1")

    @property
    def is_upgrade(self) -> bool:
        return "upgrade" in self.header(b"connection").lower() and bool(self.header(b"upgrade"))


async def read_head(reader: asyncio.StreamReader) -> Incoming | None:
    """The head of a request; None for what is none. Raises TimeoutError, OSError, h11.ProtocolError."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
    async with asyncio.timeout(HEAD_S):
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await reader.read(_CHUNK))
    if not isinstance(event, h11.Request) or len(event.target) > _MAX_TARGET or not event.target.startswith(b"/"):
        return None
    headers = tuple((bytes(name).lower(), bytes(value)) for name, value in event.headers)
    if len([name for name, _ in headers if name == b"host"]) != 1:
        return None
    return Incoming(event.method.decode("ascii"), event.target.decode("latin-1"), headers, connection)


async def pass_through(
    incoming: Incoming, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
) -> None:
    """Pass one request on, and its answer back. Only to this machine. Raises OSError where a side hangs up."""
    try:
        async with asyncio.timeout(_CONNECT_S):
            there, to = await _connect(port)
    except (OSError, TimeoutError):
        await answer_plain(writer, 502, f"The dev server does not answer on port {port}: is it running?")
        return
    try:
        await _exchange(incoming, (reader, writer), (there, to), port)
    finally:
        to.close()


async def _connect(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Dev servers listen on either loopback address, and some on one alone."""
    try:
        return await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return await asyncio.open_connection("::1", port)


Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _exchange(incoming: Incoming, here: Side, there: Side, port: int) -> None:
    (reader, writer), (answers, to) = here, there
    client = h11.Connection(h11.CLIENT, max_incomplete_event_size=_HEAD)
    upgrade = incoming.header(b"upgrade").encode("latin-1") if incoming.is_upgrade else b""
    headers = pass_request(incoming.headers, port, upgrade=upgrade)
    has_body = any(name in (b"content-length", b"transfer-encoding") for name, _ in incoming.headers)
    length = incoming.header(b"content-length")
    if has_body:
        headers.append((b"content-length", length.encode()) if length else (b"transfer-encoding", b"chunked"))
    if not upgrade:
        headers.append((b"connection", b"close"))
    to.write(_sent(client, h11.Request(method=incoming.method, target=incoming.target, headers=headers)))
    await _pass_body(incoming.connection, reader, client, to)
    while True:
        while (event := client.next_event()) is h11.NEED_DATA:
            client.receive_data(await answers.read(_CHUNK))
        if isinstance(event, h11.InformationalResponse):
            if event.status_code == 101 and upgrade:
                kept = pass_answer(((bytes(name), bytes(value)) for name, value in event.headers), port)
                switch = [*kept, (b"connection", b"Upgrade"), (b"upgrade", upgrade)]
                head = b"".join(b"%s: %s\r\n" % each for each in switch)
                await _switch(head, incoming, client, here, there)
                return
            continue
        if isinstance(event, h11.Response):
            kept = [*pass_answer(((bytes(n), bytes(v)) for n, v in event.headers), port), (b"connection", b"close")]
            bounds = [(bytes(n), bytes(v)) for n, v in event.headers if n.lower() == b"content-length"]
            begun = h11.Response(status_code=event.status_code, reason=event.reason, headers=[*kept, *bounds])
            writer.write(_sent(incoming.connection, begun))
        elif isinstance(event, h11.Data):
            writer.write(_sent(incoming.connection, h11.Data(data=bytes(event.data))))
            await writer.drain()
        else:
            writer.write(_sent(incoming.connection, h11.EndOfMessage()))
            await writer.drain()
            return


async def _pass_body(
    connection: h11.Connection, reader: asyncio.StreamReader, client: h11.Connection, to: asyncio.StreamWriter
) -> None:
    size = 0
    while True:
        async with asyncio.timeout(_BODY_S):
            while (event := connection.next_event()) is h11.NEED_DATA:
                connection.receive_data(await reader.read(_CHUNK))
        if isinstance(event, h11.Data):
            size += len(event.data)
            if size > _MAX_BODY:
                raise EOFError("larger than anything that is uploaded to a dev server")
            to.write(_sent(client, h11.Data(data=bytes(event.data))))
            await to.drain()
        else:
            to.write(_sent(client, h11.EndOfMessage()))
            await to.drain()
            return


async def _switch(head: bytes, incoming: Incoming, client: h11.Connection, here: Side, there: Side) -> None:
    """From here on bytes both ways, until one side ends."""
    here[1].write(b"HTTP/1.1 101 Switching Protocols\r\n" + head + b"\r\n" + client.trailing_data[0])
    there[1].write(incoming.connection.trailing_data[0])
    copies = [asyncio.create_task(_copy(here[0], there[1])), asyncio.create_task(_copy(there[0], here[1]))]
    try:
        await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for each in copies:
            each.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*copies, return_exceptions=True)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        target.write(data)
        await target.drain()


def _sent(connection: h11.Connection, event: h11.Event) -> bytes:
    return connection.send(event) or b""


async def answer_plain(
    writer: asyncio.StreamWriter, status: int, words: str, headers: Sequence[tuple[str, str]] = ()
) -> None:
    """An answer of our own, with nothing in it that runs."""
    body = f"<!doctype html><title>Watchkeeper</title><p>{escape(words)}</p>".encode()
    own = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "no-referrer"),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
    ]
    head = "".join(f"{name}: {value}\r\n" for name, value in [*own, *headers])
    writer.write(f"HTTP/1.1 {status} {_REASONS[status]}\r\n{head}\r\n".encode("latin-1") + body)
    await writer.drain()


_REASONS = {
    303: "See Other",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    421: "Misdirected Request",
    502: "Bad Gateway",
    503: "Service Unavailable",
}
