"""Which variables an agent's program gets: harmless ones, and those that its configuration lists. No others."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from watchkeeper.fleet.config import AgentEntry

_HARMLESS = frozenset(
    "HOME LANG LANGUAGE LOGNAME PATH SHELL SSL_CERT_DIR SSL_CERT_FILE TERM TMPDIR TZ USER WATCHKEEPER_HOME "
    "XDG_CACHE_HOME XDG_CONFIG_HOME XDG_DATA_HOME XDG_RUNTIME_DIR XDG_STATE_HOME".split()
)
"""None of them is a key or a way to one. ``SSH_AUTH_SOCK`` is: who wants it lists it."""
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Passed(NamedTuple):
    """A variable that an agent is given: its name there, and its name here."""

    name: str
    source: str


class Variables(NamedTuple):
    """All that an agent's program gets, and which listed variables are not set here."""

    values: Mapping[str, str]
    missing: tuple[str, ...] = ()


def parse_passed(text: str) -> Passed | None:
    """``"NAME"`` or ``"NAME=SOURCE"``: what the agent finds as NAME is SOURCE here. None: it is neither."""
    name, separator, source = text.partition("=")
    source = source if separator else name
    return Passed(name, source) if _NAME.fullmatch(name) and _NAME.fullmatch(source) else None


def is_harmless(name: str) -> bool:
    """Every program gets it, listed or not."""
    return name in _HARMLESS or name.startswith("LC_")


def variables_of(agent: AgentEntry, environ: Mapping[str, str]) -> Variables:
    """An API key that is not listed is not inherited: subscriptions are not spent, nor other people's credits."""
    values = {name: text for name, text in environ.items() if is_harmless(name)}
    listed = [passed for passed in map(parse_passed, agent.env) if passed is not None]
    values |= {each.name: environ[each.source] for each in listed if each.source in environ}
    return Variables(values, tuple(each.source for each in listed if each.source not in environ))
