"""What became of the hooks that were installed: whether their vendor runs them, as far as that can be seen."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path

import msgspec

from watchkeeper.agents.files import read_config
from watchkeeper.agents.hooks import VENDORS
from watchkeeper.agents.hooks.setup import Setup
from watchkeeper.agents.insertion import has_entries
from watchkeeper.agents.jsonspans import JsonError, parse_json
from watchkeeper.agents.records import FileRecord, load_records
from watchkeeper.agents.shimcopy import command_line, render_plugin, render_shim, shim_place
from watchkeeper.agents.trust import Trust, check_trust
from watchkeeper.model.errors import WatchkeeperError


class Standing(StrEnum):
    """How it stands with a hook."""

    GOOD = "good"
    GONE = "gone"  # somebody took it out of the file
    UNREADABLE = "unreadable"  # the file cannot be read, by its vendor neither
    OUTDATED = "outdated"  # what it runs is not there, or of another version
    OFF = "off"  # the vendor's configuration switches all hooks off
    UNTRUSTED = "untrusted"  # the vendor skips it without a word
    UNSURE = "unsure"  # nobody could ask the vendor


class HookState(msgspec.Struct, frozen=True):
    """One installed hook. ``path`` is the configuration file it stands in, ``detail`` what was found, in words."""

    agent: str
    title: str
    path: str
    standing: Standing
    detail: str
    project: str = ""


def look_at_hooks(
    home: Path,
    environ: Mapping[str, str],
    folder: Path,
    ask_codex: Callable[[Mapping[str, str], Path], Trust] = check_trust,
) -> tuple[HookState, ...]:
    """Every installed hook, by agent. Changes nothing; may start Codex for a moment. Raises WatchkeeperError."""
    records = [record for record in load_records(home) if record.agent in VENDORS and not _is_companion(record)]
    return tuple(_look(record, home, environ, folder, ask_codex) for record in sorted(records, key=_order))


def _order(record: FileRecord) -> tuple[str, str]:
    return record.agent, record.path


def _is_companion(record: FileRecord) -> bool:
    """A file that only stands beside the one with the hooks."""
    return not record.command and not record.path.endswith(".js")


def _look(
    record: FileRecord,
    home: Path,
    environ: Mapping[str, str],
    folder: Path,
    ask_codex: Callable[[Mapping[str, str], Path], Trust],
) -> HookState:
    setup = VENDORS[record.agent].setup
    standing, detail = _find_fault(record, setup, home) or (Standing.GOOD, "installed")
    if standing is Standing.GOOD and setup.asks_trust:
        standing, detail = _JUDGED[ask_codex(environ, Path(record.project or folder))]
    return HookState(record.agent, setup.title, record.path, standing, detail, record.project)


_JUDGED: Mapping[Trust, tuple[Standing, str]] = {
    Trust.TRUSTED: (Standing.GOOD, "installed, and trusted"),
    Trust.UNTRUSTED: (Standing.UNTRUSTED, "NOT TRUSTED: Codex skips it without a word"),
    Trust.OFF: (Standing.OFF, "switched off in Codex"),
    Trust.ABSENT: (Standing.UNTRUSTED, "NOT SEEN by Codex: the file, or the project, is not one that it loads"),
    Trust.UNKNOWN: (Standing.UNSURE, "could not check whether Codex trusts it: the program cannot be asked"),
}


def _find_fault(record: FileRecord, setup: Setup, home: Path) -> tuple[Standing, str] | None:
    try:
        found = read_config(Path(record.path))
        if found is None:
            return Standing.GONE, "the file is gone"
        if not record.command:
            same = found[0] == render_plugin(home)
            return None if same else (Standing.OUTDATED, "the plugin is another version, or was edited")
        text = found[0].decode("utf-8")
        if not has_entries(text):
            return Standing.GONE, "its entries were taken out of the file"
        off = _find_switch(text, setup)
    except WatchkeeperError as error:
        return Standing.UNREADABLE, error.message
    except (UnicodeDecodeError, JsonError) as error:
        return Standing.UNREADABLE, f"the file is no JSON and cannot be read: {error}"
    if off:
        return Standing.OFF, f"the file has {off}: no hook runs"
    return _find_stale(record, home)


def _find_switch(text: str, setup: Setup) -> str:
    """The setting with which the vendor runs no hooks, as written; ``""`` for none."""
    for path, value in setup.switches:
        node = parse_json(text)
        for key in path:
            found = node.find(key) if node.kind == "{" else None
            if found is None:
                break
            node = found
        else:
            if node.value() is value:
                return f'"{".".join(path)}": {str(value).lower()}'
    return ""


def _find_stale(record: FileRecord, home: Path) -> tuple[Standing, str] | None:
    place = shim_place(home)
    program = shlex.split(record.command)[0]
    if not os.access(program, os.X_OK):
        return Standing.OUTDATED, f"it runs {program}, which is gone"
    if not place.is_file() or place.read_bytes() != render_shim(home):
        return Standing.OUTDATED, f"{place} is missing or of another version"
    if record.command != command_line(home, record.agent):
        return Standing.OUTDATED, "it runs another Python than Watchkeeper does"
    return None
