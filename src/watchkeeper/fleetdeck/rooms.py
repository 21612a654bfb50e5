"""The processes beside the fleet that this daemon keeps: the desk, and the pages where an address is configured."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

from watchkeeper.fleet.config import FleetConfig
from watchkeeper.sandbox.keeper import Keeper

DESK_LOG, WEB_LOG = "desk.log", "web.log"


def keep_rooms(config: FleetConfig, home: Path) -> Iterator[tuple[str, Keeper]]:
    """What each is called, and what keeps it. They share nothing with the daemon but the record, and end with it."""
    if _has("desk"):
        yield "the desk", _keeper("desk", config, home / DESK_LOG)
    if _has("web") and is_web_wanted(config):
        yield "the pages", _keeper("web", config, home / WEB_LOG)


def is_web_wanted(config: FleetConfig) -> bool:
    """Whether the file says where pages are to be served: ``[web] listen``."""
    return bool(getattr(getattr(config, "web", None), "listen", ""))


def _has(verb: str) -> bool:
    """Whether this version has the verb: surfaces stand above us, and are started, not imported."""
    return importlib.util.find_spec(f"watchkeeper.cli.{verb}") is not None


def _keeper(verb: str, config: FleetConfig, log: Path) -> Keeper:
    command = (sys.executable, "-m", "watchkeeper", verb, "--kept", "--fleet", str(config.origin))
    return Keeper(command, log, _always)


async def _always() -> bool:
    return True
