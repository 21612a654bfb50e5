"""What is put where in a vendor's configuration, as data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec


class ConfigFile(msgspec.Struct, frozen=True):
    """A file that takes part. ``path`` lies below the vendor's folder, ``project_path`` below a checkout's top.

    Without ``text`` and ``is_plugin`` it is JSON that may be there already: our entries are put into it. With either it
    is ours as a whole.
    """

    path: str
    project_path: str
    text: str = ""
    is_plugin: bool = False

    @property
    def is_shared(self) -> bool:
        """Others' entries may be in it."""
        return not self.text and not self.is_plugin


class Entry(msgspec.Struct, frozen=True):
    """What is appended to the list of hooks for an event. In ``shape`` a None stands for the command line."""

    event: str
    shape: Mapping[str, object]


class Setup(msgspec.Struct, frozen=True):
    """Where a vendor's configuration lies. Folders are below the user's home.

    ``folder`` is there where the vendor was ever used. ``base`` is where the files lie, ``""`` for the folder itself.
    ``moved_by`` is the variable that names another folder, ``configured_by`` the one for another ``.config``.
    ``extra`` are keys that the file must have beside ``hooks``. ``switches`` are values, by their place in the file,
    with which the vendor runs no hooks at all. ``asks_trust``: what its user has not trusted is skipped without a word.
    """

    title: str
    programs: tuple[str, ...]
    folder: str
    files: tuple[ConfigFile, ...]
    entries: tuple[Entry, ...] = ()
    base: str = ""
    moved_by: str = ""
    configured_by: str = ""
    extra: Mapping[str, object] = {}
    switches: tuple[tuple[tuple[str, ...], object], ...] = ()
    asks_trust: bool = False


def grouped(
    events: tuple[str, ...], *, timeout: int, matcher: str = "", clamped: Mapping[str, int] | None = None
) -> tuple[Entry, ...]:
    """One group for each event, with one command, as Claude Code has it."""
    found = []
    for event in events:
        command = {"type": "command", "command": None, "timeout": (clamped or {}).get(event, timeout)}
        found.append(Entry(event, {**({"matcher": matcher} if matcher else {}), "hooks": [command]}))
    return tuple(found)


def flat(events: tuple[str, ...], shape: Mapping[str, object]) -> tuple[Entry, ...]:
    """One command for each event, without groups."""
    return tuple(Entry(event, shape) for event in events)


def filled(entry: Entry, command: str) -> Mapping[str, object]:
    """The entry with the command line in its place."""
    return cast("Mapping[str, object]", _filled(entry.shape, command))


def _filled(value: object, command: str) -> object:
    match value:
        case None:
            return command
        case dict():
            return {key: _filled(each, command) for key, each in value.items()}
        case list():
            return [_filled(each, command) for each in value]
        case _:
            return value
