"""The ``[notify]`` and ``[channel.NAME]`` tables of ``fleet.toml`` as what tells: policy, hours, and ways to people."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from typing import NamedTuple

from watchkeeper.fleet.config import ChannelEntry, FleetConfig
from watchkeeper.fleet.hours import Moment, Window, find_boundary, find_quiet_end, is_quiet, parse_clock, parse_quiet
from watchkeeper.fleet.machine import find_zone
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.ids import Millis
from watchkeeper.notify.limits import Limits
from watchkeeper.notify.policy import ChannelKind, ChannelRule, Policy
from watchkeeper.notify.port import NoPort, Port
from watchkeeper.notify.rendering import inert_markdown, inert_text


class WallHours(NamedTuple):
    """Quiet hours and the time of the brief, by the clock on the reader's wall; see ``notify.policy.Hours``."""

    zone: dt.tzinfo
    windows: tuple[Window, ...] = ()
    brief: int | None = None  # the minute of the day

    def is_quiet(self, at: Millis) -> bool:
        return is_quiet(self.windows, Moment(at, self.zone))

    def quiet_end(self, at: Millis) -> Millis | None:
        return find_quiet_end(self.windows, Moment(at, self.zone))

    def brief_before(self, at: Millis) -> Millis | None:
        return max((each for each in self._briefs(at) if each <= at), default=None)

    def brief_after(self, at: Millis) -> Millis | None:
        return min((each for each in self._briefs(at) if each > at), default=None)

    def _briefs(self, at: Millis) -> tuple[Millis, ...]:
        """Once for each day near."""
        if self.brief is None:
            return ()
        today = Moment(at, self.zone).local.date()
        return tuple(find_boundary(today + dt.timedelta(days=day), self.brief, self.zone) for day in range(-2, 3))


def read_policy(config: FleetConfig | None) -> Policy:
    """How people are told; nobody is where there is no fleet."""
    if config is None:
        return Policy()
    said = config.notify
    return Policy(
        channels=tuple(
            ChannelRule(each.name, ChannelKind(each.kind), each.urgencies, each.projects) for each in config.channels
        ),
        wakes=said.wakes,
        today_at_once=said.today == "at-once",
        settle_ms=said.settle_seconds * 1000,
        wait_ms=said.wait_seconds * 1000,
        interval_ms=int(said.interval_minutes * 60_000),
        nag_ms=int(said.nag_hours * 3_600_000),
        budget=said.budget,
    )


def read_hours(config: FleetConfig | None, zone: dt.tzinfo, environ: Mapping[str, str]) -> WallHours:
    """``zone`` is the fleet's."""
    if config is None:
        return WallHours(zone)
    said = config.notify
    own = find_zone(said.time_zone, environ) if said.time_zone else zone
    return WallHours(own, parse_quiet(said.quiet) or (), parse_clock(said.brief))


def open_ports(config: FleetConfig | None, environ: Mapping[str, str]) -> dict[str, Port]:
    """A way for each channel. One that cannot be used as it is says why, and counts as dead."""
    if config is None:
        return {}
    made = _Making(environ)
    return {each.name: made.port(each) for each in config.channels}


class _Making:
    """Channels of one Discord share its limits."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._limits: dict[str, Limits] = {}

    def port(self, entry: ChannelEntry) -> Port:
        inert = inert_text if entry.kind == "apprise" else inert_markdown
        secret = self._environ.get(entry.address, "").strip()
        if not secret:
            return NoPort(f"the variable {entry.address} is not set", inert)
        try:
            return self._open(entry, secret)
        except (UsageError, WatchkeeperError) as error:
            return NoPort(f"{error.message}: look at {entry.address}", inert)

    def _open(self, entry: ChannelEntry, secret: str) -> Port:
        if entry.kind == "apprise":
            from watchkeeper.notify.apprise import Apprise

            return Apprise(secret)
        try:
            from watchkeeper.notify import discord
        except ImportError as error:
            raise WatchkeeperError(
                f"What speaks HTTP is not installed: {error}",
                slug="httpx-missing",
                hint="pip install 'watchkeeper[notify]'",
            ) from error
        if entry.kind == "discord":
            api, path = discord.parse_webhook(secret)
            return discord.Discord(discord.Asker(api, "", self._limits_of(api)), path)
        api = self._environ.get("WATCHKEEPER_DISCORD_API", discord.API)
        asker = discord.Asker(api, secret, self._limits_of(api))
        return discord.Discord(asker, f"/channels/{entry.room}/messages", room=entry.room)

    def _limits_of(self, api: str) -> Limits:
        """The first window of a limit passes before anything is asked: nobody knows what a process before had asked."""
        return self._limits.setdefault(api, Limits(time.monotonic, first_s=2.0))
