"""The process beside the fleet: surveys what landed, closes days, and tells people. It stops nothing.

One runs per state folder. What fails of one of its loops ends no other: it is told, once for each reason, and begun
again after a while that grows.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple, Protocol

import msgspec

from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import Scope
from watchkeeper.desk.closing import Closer, ClosingStatistics
from watchkeeper.desk.measuring import Measurer
from watchkeeper.desk.surveyor import Surveyor, SurveyStatistics
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.hosts import FLEET
from watchkeeper.model.ids import Millis
from watchkeeper.record.failures import explain_fault
from watchkeeper.record.home import make_home
from watchkeeper.record.lock import ProcessLock
from watchkeeper.record.log import Log

LOCK = "desk.lock"
_TELLING = "watchkeeper.desk.telling"
_SHELF = "desk"
_FIRST_PAUSE_S, _MOST_PAUSE_S, _GOOD_S = 2.0, 120.0, 60.0
_NOTE_S = 15.0
_ACQUIRE_S, _ACQUIRE_TRIES = 0.05, 20


class Loop(Protocol):
    """Something that goes on until it is cancelled."""

    async def run(self) -> None: ...


class Trouble(msgspec.Struct, frozen=True):
    """Why a loop ended last, how often it did, and since when it does not run; ``reason`` ``""``: it runs."""

    reason: str = ""
    count: int = 0
    since: Millis = Millis(0)


class DeskStatistics(msgspec.Struct, frozen=True):
    """What the desk has done since it was started. ``at`` is when this was noted."""

    pid: int
    began: Millis
    at: Millis
    survey: SurveyStatistics = SurveyStatistics()
    closing: ClosingStatistics = ClosingStatistics()
    troubles: Mapping[str, Trouble] = {}


class Parts(NamedTuple):
    """What the desk consists of; ``others`` are further loops by what they are called."""

    reader: Reader
    surveyor: Surveyor
    closer: Closer
    others: Mapping[str, Loop] = {}


class Desk:
    """One process. ``run`` it; ``stop`` lets it end. What is being recorded is recorded whole, or not at all."""

    def __init__(self, parts: Parts, clock: Callable[[], Millis], pid: int, tell: Callable[[str], None]) -> None:
        """``tell`` hears of what goes wrong and goes on, a sentence each."""
        self._parts, self._clock, self._pid, self._tell = parts, clock, pid, tell
        self._began = clock()
        self._stopping = asyncio.Event()
        self._troubles: dict[str, Trouble] = {}

    def stop(self) -> None:
        """End. From the loop."""
        self._stopping.set()

    @property
    def statistics(self) -> DeskStatistics:
        """As of now."""
        parts = self._parts
        return DeskStatistics(
            self._pid, self._began, self._clock(), parts.surveyor.statistics, parts.closer.statistics,
            dict(self._troubles),
        )  # fmt: skip

    async def run(self) -> None:
        """Until ``stop``. Raises WatchkeeperError (``desk-runs-already``) where another runs on this state folder."""
        scope = self._parts.reader.scope
        lock = ProcessLock(make_home(scope.home) / LOCK)
        if not await _acquire(lock):
            raise _runs_already(scope, lock.holder())
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [tasks.create_task(self._keep(what, run)) for what, run in self._works().items()]
                await self._stopping.wait()
                for task in running:
                    task.cancel()
        finally:
            lock.release()

    def _works(self) -> dict[str, Callable[[], Awaitable[None]]]:
        parts = self._parts
        return {
            "what landed": parts.surveyor.run,
            "closing days": parts.closer.run,
            "notes of itself": self._note,
            **{what: each.run for what, each in parts.others.items()},
        }

    async def _keep(self, what: str, run: Callable[[], Awaitable[None]]) -> None:
        """Begin a loop again where it ends; the pause grows while it does not stay."""
        pause, said, loop = _FIRST_PAUSE_S, "", asyncio.get_running_loop()
        while True:
            began = loop.time()
            try:
                await run()
                message = "it ended"
            except Exception as error:  # noqa: BLE001 - also a fault of our own must not end the other loops
                message = self._explain(error).message
            known = self._troubles.get(what, Trouble())
            stayed = loop.time() - began > _GOOD_S
            if message != said or stayed:
                self._tell(f"{what}: {message}")
            said = message
            self._troubles[what] = Trouble(message, known.count + 1, self._clock())
            pause = _FIRST_PAUSE_S if stayed else min(_MOST_PAUSE_S, pause * 2)
            await asyncio.sleep(pause)
            self._troubles[what] = msgspec.structs.replace(self._troubles[what], reason="")

    def _explain(self, error: Exception) -> WatchkeeperError:
        if isinstance(error, WatchkeeperError):
            return error
        return explain_fault(error, self._parts.reader.scope.home, "desk")

    async def _note(self) -> None:
        """Leave word of how it goes where ``watchkeeper desk --status`` finds it."""
        while True:
            await asyncio.to_thread(keep_statistics, self._parts.reader.log, self.statistics)
            await asyncio.sleep(_NOTE_S)


def make_desk(
    reader: Reader, environ: Mapping[str, str], clock: Callable[[], Millis], pid: int, tell: Callable[[str], None]
) -> Desk:
    """The desk of a scope, with whatever tells people where that is there."""
    others: dict[str, Loop] = {"how fast watches are": Measurer(reader, clock), **_find_telling(reader, environ)}
    parts = Parts(reader, Surveyor(reader, clock), Closer(reader, environ, clock), others)
    return Desk(parts, clock, pid, tell)


def find_desk(scope: Scope) -> int:
    """The process of the desk on this state folder; 0 where none runs, -1 where that cannot be told."""
    lock = ProcessLock(scope.home / LOCK)
    return lock.holder() if lock.is_held() else 0


def keep_statistics(log: Log, statistics: DeskStatistics) -> None:
    """Leave word. Raises WatchkeeperError."""
    log.shelf(FLEET, _SHELF).put({"statistics": msgspec.json.encode(statistics)})


def read_statistics(log: Log) -> DeskStatistics | None:
    """What the desk noted of itself last; None where it never did, or another version did."""
    value = log.shelf(FLEET, _SHELF).read().get("statistics")
    try:
        return msgspec.json.decode(value, type=DeskStatistics) if value is not None else None
    except (msgspec.MsgspecError, json.JSONDecodeError, ValueError):
        return None


def _find_telling(reader: Reader, environ: Mapping[str, str]) -> dict[str, Loop]:
    """What tells people; it is an extra, and may not be there."""
    if importlib.util.find_spec(_TELLING) is None:
        return {}
    telling: Loop = importlib.import_module(_TELLING).make_telling(reader, reader.scope, environ)
    return {"telling people": telling}


async def _acquire(lock: ProcessLock) -> bool:
    """Who only looks whether a desk runs has the lock too, for an instant: that is no second desk."""
    for _ in range(_ACQUIRE_TRIES):
        if lock.acquire():
            return True
        await asyncio.sleep(_ACQUIRE_S)
    return False


def _runs_already(scope: Scope, holder: int) -> WatchkeeperError:
    return WatchkeeperError(
        f"A desk runs already on {scope.home}: process {holder}",
        slug="desk-runs-already",
        hint="watchkeeper desk --status",
        facts={"home": str(scope.home), "pid": str(holder)},
    )
