"""One question to one agent, sealed: all inputs at the start, one file as the answer, nothing else counts.

Its folder is a copy of a tree that nobody needs afterwards: what it changed there beside the answer is told, and lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import msgspec

from watchkeeper.agents.port import AgentError
from watchkeeper.engagements.spending import Meter
from watchkeeper.model.agents import Act, AgentEvent, Phase
from watchkeeper.model.fleet import Spend

MOST_ANSWER = 1 << 20
"""Bytes of the file that is read; a longer one is no answer."""

_MOST_SAID = 4_000
_STOP_S = 30.0
_BROKEN = frozenset({"refusal", "max_tokens", "max_turn_requests", "error"})


class Asked(Protocol):
    """An adapter of ``agents.port``: one session, and one turn of it."""

    async def start(self, cwd: Path, *, resume: str = "") -> str: ...

    async def prompt(self, text: str) -> None: ...

    async def stop(self) -> None: ...

    def events(self) -> AsyncIterator[AgentEvent]: ...


class Answer(msgspec.Struct, frozen=True):
    """What came of a question. ``fault`` says why there is no answer; ``content`` counts only without one.

    ``read`` are the paths that the agent told to have read; ``changed`` those that it changed beside the answer.
    """

    content: bytes = b""
    fault: str = ""
    said: str = ""
    read: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    spend: Spend = Spend()


async def ask(  # noqa: PLR0917 who is asked what, where, and for how long
    agent: Asked, root: Path, prompt: str, answer: str, wall_s: float, clock: Callable[[], float]
) -> Answer:
    """Ask, wait for the end of the turn, and read the file ``answer`` in ``root``. ``clock`` gives seconds.

    The agent is ended with everything that it started, also where this is cancelled. Never raises for what it does.
    """
    before = await asyncio.to_thread(digests_of, root)
    heard = _Heard()
    began = clock()
    try:
        async with asyncio.timeout(wall_s):
            await agent.start(root)
            reading = asyncio.create_task(heard.listen(agent.events()))
            try:
                await agent.prompt(prompt)
                await heard.idle.wait()
            finally:
                reading.cancel()
    except AgentError as error:
        heard.fault = heard.fault or error.message
    except TimeoutError:
        heard.fault = f"it was not done after {wall_s / 60:.0f} minutes"
    finally:
        await _stop(agent)
    heard.meter.work(clock() - began)
    after = await asyncio.to_thread(digests_of, root)
    changed = sorted(path for path in before.keys() | after.keys() if before.get(path) != after.get(path))
    content, fault = await asyncio.to_thread(_read_answer, root, answer)
    return Answer(
        content, heard.fault or fault, heard.said[-_MOST_SAID:], tuple(sorted(_within(root, heard.read))),
        tuple(path for path in changed if path != answer), heard.meter.spend,
    )  # fmt: skip


class _Heard:
    """What an agent told until now."""

    def __init__(self) -> None:
        self.idle = asyncio.Event()
        self.meter = Meter(Spend())
        self.read: set[tuple[str, str]] = set()
        self.said = self.fault = ""

    async def listen(self, events: AsyncIterator[AgentEvent]) -> None:
        async for event in events:
            self._take(event)
        if not self.idle.is_set():
            self.fault = self.fault or "its program ended"
            self.idle.set()

    def _take(self, event: AgentEvent) -> None:
        if event.usage is not None:
            self.meter.take(event)
        match event.act:
            case Act.READ if event.phase is Phase.DONE:
                self.read.add((event.cwd, event.path))
            case Act.SAY:
                self.said = f"{self.said}\n{event.text}"[-_MOST_SAID:]
            case Act.FAULT:
                self.fault = event.text[:500]
            case Act.IDLE:
                if event.phase is Phase.FAILED or event.text in _BROKEN:
                    self.fault = self.fault or f"its turn ended: {event.text}"
                else:
                    self.fault = ""  # it got over what went wrong on the way
                self.idle.set()


async def _stop(agent: Asked) -> None:
    with suppress(AgentError, TimeoutError):
        async with asyncio.timeout(_STOP_S):
            await agent.stop()


def digests_of(root: Path) -> dict[str, str]:
    """A digest of each file below, by path; links by where they lead."""
    found: dict[str, str] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            place = Path(folder, name)
            found[place.relative_to(root).as_posix()] = _digest(place)
    return found


def _digest(place: Path) -> str:
    try:
        if place.is_symlink():
            return f"link {place.readlink()}"
        with place.open("rb") as file:
            return (
                hashlib.file_digest(file, "sha256").hexdigest() if stat.S_ISREG(os.fstat(file.fileno()).st_mode) else ""
            )
    except OSError:
        return "unreadable"


def _read_answer(root: Path, answer: str) -> tuple[bytes, str]:
    place = root / answer
    try:
        handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b"", f"it wrote no {answer}"
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return b"", f"{answer} is no file"
        content = file.read(MOST_ANSWER + 1)
    return (content, "") if len(content) <= MOST_ANSWER else (b"", f"{answer} is larger than {MOST_ANSWER >> 20} MB")


def _within(root: Path, read: set[tuple[str, str]]) -> set[str]:
    """Paths below ``root``, relative to it."""
    found = set()
    for cwd, path in read:
        whole = Path(os.path.normpath(Path(root, cwd, path)))
        if whole.is_relative_to(root):
            found.add(whole.relative_to(root).as_posix())
    return found
