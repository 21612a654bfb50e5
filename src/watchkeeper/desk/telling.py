"""Starts what tells people: one process of a host at a time, with what ``fleet.toml`` says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

from watchkeeper.controlroom.picture import Picture, Reader
from watchkeeper.controlroom.scope import Scope
from watchkeeper.desk.briefing import write_brief
from watchkeeper.desk.channels import open_ports, read_hours, read_policy
from watchkeeper.desk.teller import Clock, Statistics, Teller
from watchkeeper.fleet.config import ChannelEntry, FleetConfig
from watchkeeper.model.attention import Matter
from watchkeeper.model.ids import Millis
from watchkeeper.record.lock import ProcessLock
from watchkeeper.review.needs import find_matters

LOCK_FILE = "teller.lock"

_SHARED_GRACE_MS = 120_000
_LOCK_S = 2.0
_BOT_S = 60.0


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
            return
        lock = ProcessLock(self._scope.home / LOCK_FILE)
        try:
            while not lock.acquire():
                await self._clock.sleep(_LOCK_S)
            self._teller = self._make()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._teller.run())
                for token, rooms in bots_of(config, self._environ).items():
                    tasks.create_task(self._keep_bot(token, rooms))
        finally:
            lock.release()

    async def _keep_bot(self, token: str, rooms: Sequence[ChannelEntry]) -> None:
        """What is told does not depend on it: it is begun again after a while, whatever ended it."""
        try:
            import aiohttp
            import discord
        except ImportError:  # messages are sent all the same, and have no buttons
            return
        from watchkeeper.desk.bot import Bot
        from watchkeeper.desk.commands import Commands

        while True:
            commands = Commands(self._reader, self._find, self._brief, self._clock.now)
            with suppress(discord.DiscordException, OSError, TimeoutError, aiohttp.ClientError):
                await Bot(commands, rooms).run_until_cancelled(token)
            await self._clock.sleep(_BOT_S)

    def _find(self, picture: Picture) -> tuple[Matter, ...]:
        return find_matters(picture, self._scope)

    def _brief(self, picture: Picture, since: Millis) -> str:
        return write_brief(self._reader, picture, since)

    def statistics(self) -> Statistics:
        """What it did since it began."""
        return self._teller.statistics() if self._teller is not None else Statistics()

    def _make(self) -> Teller:
        scope, config = self._scope, self._scope.config
        assert config is not None

        return Teller(
            self._reader,
            self._find,
            open_ports(config, self._environ),
            policy=read_policy(config),
            hours=read_hours(config, scope.zone, self._environ),
            clock=self._clock,
            write_brief=self._brief,
            page=config.notify.page,
            # Another host that shares the record may tell; what it intended is its own for so long.
            grace_ms=_SHARED_GRACE_MS if config.is_shared else 0,
        )


def bots_of(config: FleetConfig, environ: Mapping[str, str]) -> Mapping[str, tuple[ChannelEntry, ...]]:
    """The rooms of each bot by its token; none where nobody may ask it, or its variable is not set."""
    found: dict[str, tuple[ChannelEntry, ...]] = {}
    for each in config.channels:
        token = environ.get(each.address, "").strip()
        if each.kind == "discord-bot" and token and (each.operators or each.viewers):
            found[token] = (*found.get(token, ()), each)
    return found


def make_telling(reader: Reader, scope: Scope, environ: Mapping[str, str], clock: Clock | None = None) -> Telling:
    """What tells people of the scope. Its ``run`` belongs into a task of its own."""
    from watchkeeper.app import now

    return Telling(reader, scope, environ, clock or Clock(now))
