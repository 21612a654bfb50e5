"""Starts what tells people: one process of a host at a time, with what ``fleet.toml`` says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from watchkeeper.controlroom.picture import Picture, Reader
from watchkeeper.controlroom.scope import Scope
from watchkeeper.desk.briefing import write_brief
from watchkeeper.desk.channels import open_ports, read_hours, read_policy
from watchkeeper.desk.teller import Clock, Statistics, Teller
from watchkeeper.model.attention import Matter
from watchkeeper.model.ids import Millis
from watchkeeper.record.lock import ProcessLock
from watchkeeper.review.needs import find_matters

LOCK_FILE = "teller.lock"

_SHARED_GRACE_MS = 120_000
_LOCK_S = 2.0


class Telling:
    """What ``make_telling`` gives. Where nobody is to be told it waits for ever."""

    def __init__(self, reader: Reader, scope: Scope, environ: Mapping[str, str], clock: Clock) -> None:
        self._reader, self._scope, self._environ, self._clock = reader, scope, environ, clock
        self._teller: Teller | None = None

    async def run(self) -> None:
        """Tell until it is cancelled. Waits while another process of this host tells."""
        config = self._scope.config
        if config is None or not config.channels:
            await asyncio.Event().wait()
        lock = ProcessLock(self._scope.home / LOCK_FILE)
        try:
            while not lock.acquire():
                await self._clock.sleep(_LOCK_S)
            self._teller = self._make()
            await self._teller.run()
        finally:
            lock.release()

    def statistics(self) -> Statistics:
        """What it did since it began."""
        return self._teller.statistics() if self._teller is not None else Statistics()

    def _make(self) -> Teller:
        scope, config = self._scope, self._scope.config
        assert config is not None

        def find(picture: Picture) -> tuple[Matter, ...]:
            return find_matters(picture, scope)

        def brief(picture: Picture, since: Millis) -> str:
            return write_brief(self._reader, picture, since)

        return Teller(
            self._reader,
            find,
            open_ports(config, self._environ),
            policy=read_policy(config),
            hours=read_hours(config, scope.zone, self._environ),
            clock=self._clock,
            write_brief=brief,
            page=config.notify.page,
            # Another host that shares the record may tell; what it intended is its own for so long.
            grace_ms=_SHARED_GRACE_MS if config.is_shared else 0,
        )


def make_telling(reader: Reader, scope: Scope, environ: Mapping[str, str], clock: Clock | None = None) -> Telling:
    """What tells people of the scope. Its ``run`` belongs into a task of its own."""
    from watchkeeper.app import now

    return Telling(reader, scope, environ, clock or Clock(now))
