"""What each key of ``fleet.toml`` may be: as a test, and in words."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import ZoneInfo

from watchkeeper.fleet.hours import parse_clock, parse_quiet
from watchkeeper.fleet.variables import parse_passed
from watchkeeper.model.attention import MatterKind


def _is_zone(name: str) -> bool:
    try:
        return not name or ZoneInfo(name) is not None
    except (ValueError, OSError, LookupError):  # no such zone, or a name that leads out of the folder of zones
        return False


def _between(low: float, high: float) -> Callable[[Any], bool]:
    return lambda value: low <= value <= high


_HOST = r"(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}))"


def _is_listen(text: str) -> bool:
    found = re.fullmatch(rf"{_HOST}:(\d{{1,5}})", text)
    return found is not None and int(found[1]) <= 65535


def _is_origin(text: str) -> bool:
    return not text or re.fullmatch(rf"https?://{_HOST}(:\d{{1,5}})?", text) is not None


def _is_address(text: str) -> bool:
    try:
        return not text or ipaddress.ip_address(text) is not None
    except ValueError:
        return False


def _are_logins(names: tuple[str, ...]) -> bool:
    return all(re.fullmatch(r"[^\s,<>\"']{1,200}", name) for name in names)


RANGES: Mapping[str, Callable[[Any], bool]] = {
    "fleet.concurrency": _between(0, 1000),
    "fleet.memory_mb": _between(0, 1 << 30),
    "fleet.keep_free_mb": _between(0, 1 << 30),
    "fleet.quiet": lambda text: parse_quiet(text) is not None,
    "fleet.time_zone": _is_zone,
    "fleet.day_begins": lambda text: parse_clock(text) is not None,
    "fleet.max_attempts": _between(1, 100),
    "fleet.retry_minutes": _between(0, 1440),
    "fleet.stuck_minutes": _between(0.05, 1440),
    "fleet.pin_seconds": _between(1, 3600),
    "fleet.stale_days": _between(1, 3650),
    "project.path": bool,
    "project.port": _between(0, 65535),
    "project.concurrency": _between(0, 1000),
    "project.quiet": lambda text: text is None or parse_quiet(text) is not None,
    "project.day_begins": lambda text: text is None or parse_clock(text) is not None,
    "project.time_zone": lambda text: text is None or _is_zone(text),
    "project.target": lambda text: not text.startswith("-"),
    "agent.command": lambda words: bool(words) and bool(words[0]),
    "agent.env": lambda words: all(parse_passed(each) is not None for each in words),
    "agent.cost": lambda value: math.isfinite(value) and value >= 0,
    "agent.memory_mb": _between(1, 1 << 20),
    "tracker.repository": lambda text: re.fullmatch(r"[\w.-]+/[\w.-]+", text) is not None,
    "tracker.url": lambda text: not text or re.match(r"https?://[^\s/]", text) is not None,
    "tracker.token": lambda text: parse_passed(text) is not None and "=" not in text,
    "tracker.poll_minutes": _between(1, 1440),
    "host.concurrency": _between(0, 1000),
    "host.hub": lambda text: not text.startswith("-") and "::" not in text,
    "web.listen": lambda text: not text or _is_listen(text),
    "web.origin": _is_origin,
    "web.hosts": lambda names: all(re.fullmatch(rf"{_HOST}(:\d{{1,5}})?", name) for name in names),
    "web.trusted_proxy": _is_address,
    "web.proxy_user": bool,
    "web.operators": lambda names: _are_logins(names) and "*" not in names,
    "web.viewers": _are_logins,
    "web.session_hours": _between(0.01, 8760),
    "web.idle_hours": _between(0.01, 8760),
    "web.dev_listen": lambda text: not text or _is_listen(text),
    "web.dev_origin": lambda text: _is_origin(text.replace("{name}", "name")),
    "notify.brief": lambda text: not text or parse_clock(text) is not None,
    "notify.quiet": lambda text: parse_quiet(text) is not None,
    "notify.time_zone": _is_zone,
    "notify.nag_hours": _between(0.25, 168),
    "notify.settle_seconds": _between(0, 3600),
    "notify.wait_seconds": _between(0, 600),
    "notify.interval_minutes": _between(0, 240),
    "notify.budget": _between(2, 1000),
    "notify.page": lambda text: not text or re.fullmatch(r"https?://[^\s<>\"()]+", text) is not None,
    "channel.address": lambda text: parse_passed(text) is not None and "=" not in text,
    "channel.room": lambda text: re.fullmatch(r"\d{0,20}", text) is not None,
    "channel.operators": lambda ids: all(re.fullmatch(r"(role:)?\d{1,20}", each) for each in ids),
    "channel.viewers": lambda ids: all(re.fullmatch(r"(role:)?\d{1,20}", each) for each in ids),
}

_COUNT = "a whole number, 0 or more"
_BUDGET = "a table, as in { money = 20.0, tokens = 5_000_000, minutes = 600 }"
_QUIET = '"22:00-07:00", several with commas, or "" for never'
_ZONE = 'the name of a time zone, as in "Europe/Berlin"'
_CLOCK = 'a time of the day, as in "04:00"'
_NAMES = 'a list of names, as in ["codex", "goose"]'
EXPECTED: Mapping[str, str] = {
    "store": 'a folder, "postgresql://...", or "" for the state folder',
    "fleet": "a table, as in [fleet]",
    "project": "tables, as in [[project]], one for each project",
    "agent": "tables, as in [agent.NAME]",
    "tracker": "tables, as in [tracker.NAME]",
    "host": "tables, as in [host.NAME]",
    "fleet.concurrency": "a whole number, 0 to 1000",
    "fleet.memory_mb": _COUNT,
    "fleet.keep_free_mb": _COUNT,
    "fleet.budget": _BUDGET,
    "fleet.engagement_budget": _BUDGET,
    "fleet.quiet": _QUIET,
    "fleet.time_zone": _ZONE,
    "fleet.day_begins": _CLOCK,
    "fleet.max_attempts": "a whole number, 1 to 100",
    "fleet.retry_minutes": "a whole number, 0 to 1440",
    "fleet.stuck_minutes": "minutes, 0.05 to 1440",
    "fleet.pin_seconds": "a whole number of seconds, 1 to 3600",
    "fleet.clashes": '"order" or "tell"',
    "fleet.stale_days": "a whole number, 1 to 3650",
    "project.name": "letters, digits, `-`, `_` and `.`",
    "project.path": "the folder of a git repository",
    "project.target": "the name of a branch",
    "project.host": "the name of a machine",
    "project.port": "a port, 1 to 65535, or 0 for none",
    "project.remote": "the address of a remote, as git shows it",
    "project.setup": "a shell command",
    "project.test": "a shell command",
    "project.agents": _NAMES,
    "project.concurrency": "a whole number, 0 to 1000",
    "project.budget": _BUDGET,
    "project.quiet": _QUIET,
    "project.day_begins": _CLOCK,
    "project.time_zone": _ZONE,
    "project.focus": "true or false",
    "project.tracker": "the name of a [tracker.NAME]",
    "agent.command": 'a command line, as in "codex-acp" or ["goose", "acp"]',
    "agent.protocol": '"acp", "codex" or "plain"',
    "agent.env": 'a list of variables, as in ["LANG", "ANTHROPIC_API_KEY=FLEET_ANTHROPIC_API_KEY"]',
    "agent.model": "the name of a model",
    "agent.cost": "money for a million tokens, 0 or more",
    "agent.memory_mb": "a whole number of megabytes, 1 or more",
    "tracker.kind": '"github"',
    "tracker.repository": "OWNER/NAME",
    "tracker.url": 'the address of an API, as in "https://api.github.com"',
    "tracker.token": "the name of a variable, never the secret itself",
    "tracker.label": "the name of a label",
    "tracker.poll_minutes": "a whole number, 1 to 1440",
    "host.hub": 'a folder, or an address for git, as in "ssh://mac/Users/me/hubs"',
    "host.concurrency": "a whole number, 0 to 1000",
    "web": "a table, as in [web]",
    "web.listen": 'an address and a port, as in "127.0.0.1:7333"',
    "web.exposed": "true or false",
    "web.origin": 'an address without a path, as in "https://box.example.ts.net"',
    "web.hosts": 'a list of names, with their ports where they have one, as in ["box.lan:7333"]',
    "web.trusted_proxy": 'an address, as in "127.0.0.1", or "" for none',
    "web.proxy_user": 'the name of a user of this machine, or "*"',
    "web.operators": 'a list of logins, as in ["me@example.org"]',
    "web.viewers": 'a list of logins, as in ["me@example.org"], or ["*"]',
    "web.session_hours": "hours, 0.01 to 8760",
    "web.idle_hours": "hours, 0.01 to 8760",
    "web.dev_listen": 'an address and another port, as in "127.0.0.1:7334", or ""',
    "web.dev_origin": 'an address without a path, as in "http://{name}.localhost:7334"',
    "notify": "a table, as in [notify]",
    "channel": "tables, as in [channel.NAME]",
    "notify.brief": 'a time of the day, as in "08:00", or "" for never',
    "notify.quiet": _QUIET,
    "notify.wakes": f"a list of {', '.join(each.value for each in MatterKind)}",
    "notify.time_zone": 'the name of a time zone, as in "Europe/Berlin"',
    "notify.today": '"brief" or "at-once"',
    "notify.nag_hours": "hours, 0.25 to 168",
    "notify.settle_seconds": "a whole number of seconds, 0 to 3600",
    "notify.wait_seconds": "a whole number of seconds, 0 to 600",
    "notify.interval_minutes": "minutes, 0 to 240",
    "notify.budget": "a whole number of messages an hour, 2 to 1000",
    "notify.page": 'the address of the dashboard, as in "https://server.example.ts.net"',
    "channel.address": "the name of a variable, never the address or token itself",
    "channel.kind": '"discord", "discord-bot" or "apprise"',
    "channel.room": "the id of a channel on Discord, as its menu copies it",
    "channel.urgencies": 'a list of "today", "scheduled", "nag", "urgent"',
    "channel.projects": 'a list of names of projects, and "fleet" for what is about none',
    "channel.operators": 'a list of ids of users on Discord, or "role:ID"',
    "channel.viewers": 'a list of ids of users on Discord, or "role:ID"',
}
"""What each key may be, in words; every key of the file is in it."""
