"""Asks processes with ``watchkeeper-tag`` inside which writes their open transactions have made. Decision 011.

What they say is untrusted: it is bounded in size, number and time, and shown, never acted on.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import msgspec

from watchkeeper.database.ports import Happening, Journal, JournalEntry, JournalWrite, Pool, PoolWaiter
from watchkeeper.model.ids import Millis

FOLDER = "watchkeeper-tag"
VARIABLE = "WATCHKEEPER_TAG_DIR"
_SOCKET = re.compile(r"([1-9]\d{0,9})\.sock")
_MOST_PROCESSES = 64
_MOST_BYTES = 1 << 20
_MOST_ITEMS = 200
_MOST_TEXT = 2_000
_ANSWER_S = 0.05


def find_folder(environ: Mapping[str, str]) -> Path:
    """Where processes listen: as configured, else in the user's folder for such things, else below ``/tmp``."""
    if named := environ.get(VARIABLE):
        return Path(named)
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / FOLDER
    return Path("/tmp") / f"{FOLDER}-{os.getuid()}"  # noqa: S108 who owns it is looked at before it is used


class SocketJournals:
    """The processes whose sockets are in ``folder``. ``is_named``: a person said so; else it must be this user's."""

    def __init__(self, folder: Path, *, is_named: bool = True, answer_s: float = _ANSWER_S) -> None:
        self._folder, self._is_named, self._answer_s = folder, is_named, answer_s

    async def ask(self, backends: Collection[int] = ()) -> Journal:
        """What they say about these backends (none: all). Who does not answer in time is left out."""
        sockets = self._sockets()
        if not sockets:
            return Journal()
        question = {"v": 1, "ask": "state", "backends": sorted(backends)[:_MOST_ITEMS]}
        line = json.dumps(question).encode() + b"\n"
        answers = await asyncio.gather(*(self._ask_one(path, process, line) for process, path in sockets))
        return Journal(
            entries=tuple(each for answer in answers for each in answer.entries),
            pools=tuple(each for answer in answers for each in answer.pools),
            happenings=tuple(each for answer in answers for each in answer.happenings),
        )

    def _sockets(self) -> list[tuple[int, Path]]:
        try:
            if not self._is_named and not _is_own(self._folder):
                return []
            found = [
                (int(match[1]), path) for path in self._folder.iterdir() if (match := _SOCKET.fullmatch(path.name))
            ]
        except OSError:
            return []
        return sorted(found, reverse=True)[:_MOST_PROCESSES]

    async def _ask_one(self, path: Path, process: int, question: bytes) -> Journal:
        try:
            async with asyncio.timeout(self._answer_s):
                reader, writer = await asyncio.open_unix_connection(str(path), limit=_MOST_BYTES)
                try:
                    writer.write(question)
                    return read_answer(await reader.readline(), process)
                finally:
                    writer.close()
        except (OSError, ValueError, TimeoutError):
            return Journal()  # it ended, is busy, or is no process of ours


class _Write(msgspec.Struct):
    table: str = ""
    columns: list[str] = []
    symbol: str = ""
    site: str = ""
    set: str = ""
    at: float = 0
    statement: str = ""


class _Connection(msgspec.Struct):
    backend: int
    task: str | int = ""
    thread: int = 0
    since: float = 0
    writes: list[_Write] = []
    last: _Write | None = None
    stack: list[str] = []
    awaits: list[int] = []


class _Waiter(msgspec.Struct):
    task: str | int = ""
    symbol: str = ""
    site: str = ""
    since: float = 0
    holds: list[int] = []


class _Pool(msgspec.Struct):
    name: str = ""
    limit: int = 0
    out: int = 0
    waiters: list[_Waiter] = []


class _Event(msgspec.Struct):
    kind: str = ""
    at: float = 0
    backend: int | None = None
    text: str = ""
    sites: list[str] = []
    symbol: str = ""
    table: str = ""


class _Answer(msgspec.Struct):
    v: int
    process: int
    revision: str = ""
    root: str = ""
    connections: list[_Connection] = []
    pools: list[_Pool] = []
    events: list[_Event] = []


_DECODER = msgspec.json.Decoder(_Answer)


def read_answer(line: bytes, process: int) -> Journal:
    """One process's answer. What is no answer, or speaks for another process, says nothing. Total: never raises."""
    try:
        answer = _DECODER.decode(line)
    except (msgspec.DecodeError, RecursionError, ValueError):
        return Journal()
    if answer.v != 1 or answer.process != process:
        return Journal()
    pools = tuple(_pool(each, process) for each in answer.pools[:_MOST_ITEMS])
    return Journal(
        entries=tuple(
            _entry(each, answer, pools) for each in answer.connections[:_MOST_ITEMS] if _is_number(each.backend)
        ),
        pools=pools,
        happenings=tuple(_happening(each, answer) for each in answer.events[-_MOST_ITEMS:]),
    )


def _entry(given: _Connection, answer: _Answer, pools: Sequence[Pool]) -> JournalEntry:
    return JournalEntry(
        backend=given.backend,
        process=answer.process,
        revision=_text(answer.revision, 64),
        root=_text(answer.root),
        task=_text(str(given.task), 64),
        thread=given.thread if _is_number(given.thread) else 0,
        since=_moment(given.since),
        writes=tuple(_write(each) for each in given.writes[-_MOST_ITEMS:]),
        last=_write(given.last) if given.last else None,
        stack=tuple(_text(each, 400) for each in given.stack[:20]),
        awaits=tuple(each for each in given.awaits[:100] if _is_number(each)),
        waits=tuple(each for pool in pools for each in pool.waiters if given.backend in each.holds),
    )


def _write(given: _Write) -> JournalWrite:
    return JournalWrite(
        table=_text(given.table, 200),
        columns=tuple(_text(each, 200) for each in given.columns[:100]),
        symbol=_text(given.symbol, 400),
        site=_text(given.site, 400),
        set=_text(given.set, 400),
        at=_moment(given.at),
        statement=_text(given.statement),
    )


def _pool(given: _Pool, process: int) -> Pool:
    return Pool(
        process=process,
        name=_text(given.name, 200),
        limit=given.limit if _is_number(given.limit) else 0,
        out=given.out if _is_number(given.out) else 0,
        waiters=tuple(
            PoolWaiter(
                task=_text(str(each.task), 64),
                symbol=_text(each.symbol, 400),
                site=_text(each.site, 400),
                since=_moment(each.since),
                holds=tuple(backend for backend in each.holds[:100] if _is_number(backend)),
            )
            for each in given.waiters[:_MOST_ITEMS]
        ),
    )


def _happening(given: _Event, answer: _Answer) -> Happening:
    return Happening(
        process=answer.process,
        kind=_text(given.kind, 40),
        at=_moment(given.at),
        backend=given.backend if given.backend is not None and _is_number(given.backend) else 0,
        text=_text(given.text),
        sites=tuple(_text(each, 400) for each in given.sites[:10]),
        symbol=_text(given.symbol, 400),
        table=_text(given.table, 200),
        revision=_text(answer.revision, 64),
    )


def _text(text: str, most: int = _MOST_TEXT) -> str:
    cut = text[:most]
    return cut if cut.isprintable() else "".join(each if each.isprintable() else " " for each in cut)


def _is_number(number: int) -> bool:
    return 0 <= number < 2**53


def _moment(value: float) -> Millis:
    return Millis(int(value)) if 0 <= value < 2**53 else Millis(0)


def _is_own(folder: Path) -> bool:
    """Below ``/tmp`` anybody may make a folder of that name."""
    status = folder.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
