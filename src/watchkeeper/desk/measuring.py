"""Asks each project's watch how fast it is, and records it: what it counts itself ends with its process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from watchkeeper.app import find_socket
from watchkeeper.controlroom.picture import Reader
from watchkeeper.controlroom.scope import ProjectSource
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Millis
from watchkeeper.model.review import WatchMeasured
from watchkeeper.record.messages import decode_message
from watchkeeper.watch.attached import ask
from watchkeeper.watch.hosting import Standing
from watchkeeper.watch.measures import Latency

LOOK_S = 3_600.0
_FIRST_S = 60.0


class Measurer:
    """Owned by one task. ``find`` gives how a project's watch stands; None where none answers."""

    def __init__(
        self,
        reader: Reader,
        clock: Callable[[], Millis],
        find: Callable[[ProjectSource], Latency | None] | None = None,
    ) -> None:
        self._reader, self._clock, self._find = reader, clock, find or find_saves
        self._told: dict[str, int] = {}

    async def run(self) -> None:
        """Until cancelled. Raises WatchkeeperError where the record cannot be written."""
        await asyncio.sleep(_FIRST_S)
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(LOOK_S)

    def look(self) -> None:
        """Record how fast each watch is that has seen a save since it was asked last. Blocks."""
        for source in self._reader.scope.projects:
            saves = self._find(source)
            if saves is None or not saves.count or self._told.get(source.name) == saves.count:
                continue
            measured = WatchMeasured(saves.count, round(saves.p50, 1), round(saves.p99, 1))
            self._reader.log.append(source.project, [measured], self._clock())
            self._told[source.name] = saves.count


def find_saves(source: ProjectSource) -> Latency | None:
    """How long a project's watch takes from a save to its conflicts; None where no watch answers."""
    socket = find_socket(source.place)
    if not socket.exists():
        return None
    try:
        return decode_message(ask(socket, {"ask": "status"}), Standing).saves
    except (WatchkeeperError, ValueError):
        return None
