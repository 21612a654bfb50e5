"""Reads ``fleet.toml``: every mistake is named with its file, its line, its key, and what is allowed there."""

from __future__ import annotations

import difflib
import math
import os
import re
import shlex
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypeVar

import msgspec

from watchkeeper.agents.vendors import ACP_VENDORS
from watchkeeper.fleet.allowed import EXPECTED, RANGES
from watchkeeper.fleet.config import (
    FLEET_FILE,
    AgentEntry,
    ChannelEntry,
    FleetConfig,
    FleetSection,
    HostEntry,
    NotifySection,
    ProjectEntry,
    TrackerEntry,
    WebSection,
)
from watchkeeper.model.errors import NotARepositoryError, UsageError
from watchkeeper.model.fleet import Budget
from watchkeeper.notify.policy import FLEET_PROJECT

_TOP = ("store", "fleet", "project", "agent", "tracker", "host", "web", "notify", "channel")
_MAX_FILE = 4 << 20
_Section = TypeVar("_Section", bound=msgspec.Struct)


def find_fleet_file(folder: Path, environ: Mapping[str, str], given: Path | None = None) -> Path | None:
    """Which file is meant: ``given``, else ``$WATCHKEEPER_FLEET``, else ``folder``'s or one above, else the user's.

    None where there is none. A file that is named need not exist; one that is found has to be the user's own, or the
    system's: it says which programs are started.
    """
    named = given or (Path(environ["WATCHKEEPER_FLEET"]).expanduser() if environ.get("WATCHKEEPER_FLEET") else None)
    if named is not None:
        return named.absolute()
    here = folder.absolute()
    places = (*(each / FLEET_FILE for each in (here, *here.parents)), user_fleet_file(environ))
    return next((place for place in places if _is_file(place)), None)


def user_fleet_file(environ: Mapping[str, str]) -> Path:
    """Where the user's own file would be; it need not exist."""
    from watchkeeper.record.config import find_user_file

    return find_user_file(environ).with_name(FLEET_FILE)


def load_fleet(path: Path) -> FleetConfig:
    """The configuration in ``path``. Raises NotARepositoryError (``fleet-not-found``), UsageError."""
    try:
        if path.stat().st_size > _MAX_FILE:
            raise _unreadable(path, f"it is larger than {_MAX_FILE >> 20} MB")
        return parse_fleet(path.read_bytes(), path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise not_found(path) from error
    except OSError as error:
        raise _unreadable(path, error.strerror or str(error)) from error


def not_found(path: Path | None) -> NotARepositoryError:
    """The error where a fleet is needed and none is configured."""
    return NotARepositoryError(
        f"There is no fleet here: {path or FLEET_FILE} is not there",
        slug="fleet-not-found",
        hint="watchkeeper init --fleet",
        facts={"file": str(path or FLEET_FILE)},
    )


def parse_fleet(content: bytes, origin: Path) -> FleetConfig:
    """What a ``fleet.toml`` says; paths count from its folder. Looks at nothing else. Raises UsageError (``fleet-*``).

    ``watchkeeper.fleet.roster`` looks whether it fits this machine.
    """
    try:
        text = content.decode("utf-8")
        document = tomllib.loads(text)
    except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise _unreadable(origin, str(error) or "it is nested too deeply") from error
    top = _Place(origin, text)
    for key in document:
        if key not in _TOP:
            _refuse_key(top, key, _TOP)
    store = document.get("store", "")
    if not isinstance(store, str):
        _refuse_value(top, "store", store)
    agents = tuple(_agent(place, name, row) for place, name, row in _named(top, document, "agent"))
    trackers = tuple(_tracker(place, name, row) for place, name, row in _named(top, document, "tracker"))
    projects = tuple(_project(place, row) for place, row in _rows(top, document))
    hosts = tuple(
        HostEntry(name=name, **_values(place, HostEntry, row)) for place, name, row in _named(top, document, "host")
    )
    channels = tuple(
        ChannelEntry(name=name, **_values(place, ChannelEntry, row, needed=("address",)))
        for place, name, row in _named(top, document, "channel")
    )
    config = FleetConfig(
        origin,
        store,
        _section(top, document, "fleet", FleetSection),
        projects,
        agents,
        trackers,
        hosts,
        _section(top, document, "web", WebSection),
        _section(top, document, "notify", NotifySection),
        channels,
    )
    _check_names(config, top)
    return config


class _Place(NamedTuple):
    """Where in the file something is: a table, its name, which of several, and the key by which a person knows it."""

    origin: Path
    text: str
    table: str = ""
    name: str = ""
    row: int = 0

    def shown(self, key: str) -> str:
        """``project.port`` of the second project: as a person would say it, with its line where it can be found."""
        line = _find_line(self, key)
        return f"{self.origin}{f', line {line}' if line else ''}"

    def path(self, key: str) -> str:
        return ".".join(filter(None, (self.table, self.name if self.table != "project" else "", key)))


def _find_line(place: _Place, key: str) -> int | None:
    """The line of a key, else of its table, as far as that can be seen without a parser that keeps places."""
    found, current, rows, fallback = None, ("", ""), -1, None
    for number, line in enumerate(place.text.splitlines(), 1):
        header = re.match(r"\s*\[\[?\s*([\w-]+)\s*(?:\.\s*[\"']?([^\"'\]]+?)[\"']?\s*)?\]", line)
        if header:
            current = (header[1], header[2] or "")
            if not place.table and header[1] == key:
                found = found or number
            rows += header[1] == "project" and not header[2]
            if _is_here(place, current, rows):
                fallback = number
        elif _is_here(place, current, rows) and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*[.=]", line):
            found = found or number
    return found or fallback


def _is_here(place: _Place, current: tuple[str, str], rows: int) -> bool:
    if place.table == "project":
        return current[0] == "project" and rows == place.row
    return current == (place.table, place.name)


def _named(top: _Place, document: Mapping[str, Any], table: str) -> Iterator[tuple[_Place, str, Mapping[str, Any]]]:
    rows = document.get(table, {})
    if not isinstance(rows, dict):
        _refuse_value(top, table, rows)
    for name, row in rows.items():
        place = top._replace(table=table, name=name)
        if not isinstance(row, dict):
            _refuse_value(top._replace(table=table), name, row, f"[{table}.NAME] with its keys")
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,63}", name):
            _refuse_value(place, "name", name, "letters, digits, `-`, `_` and `.`")
        yield place, name, row


def _rows(top: _Place, document: Mapping[str, Any]) -> Iterator[tuple[_Place, Mapping[str, Any]]]:
    rows = document.get("project", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        _refuse_value(top, "project", rows)
    for index, row in enumerate(rows):
        yield top._replace(table="project", row=index), row


def _section(top: _Place, document: Mapping[str, Any], table: str, kind: type[_Section]) -> _Section:
    row = document.get(table, {})
    if not isinstance(row, dict):
        _refuse_value(top, table, row)
    return kind(**_values(top._replace(table=table), kind, row))


def _project(place: _Place, row: Mapping[str, Any]) -> ProjectEntry:
    place = place._replace(name=str(row.get("name", "")))
    values = _values(place, ProjectEntry, row, needed=("path",))
    path = Path(values["path"]).expanduser()
    values["path"] = Path(place.origin.parent, path)
    values.setdefault("name", path.name)
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,63}", values["name"]):
        _refuse_value(place, "name" if "name" in row else "path", values["name"], EXPECTED["project.name"])
    return ProjectEntry(**values)


def _agent(place: _Place, name: str, row: Mapping[str, Any]) -> AgentEntry:
    command = row.get("command")
    if isinstance(command, str):
        row = {**row, "command": _split(place, command)}
    elif command is None and (usual := _usual_agent(name, row.get("protocol"))) is not None:
        row = {**row, **usual}
    return AgentEntry(name=name, **_values(place, AgentEntry, row, needed=("command",)))


def _usual_agent(name: str, protocol: object) -> dict[str, object] | None:
    """Whoever is named as its program need not say how it is started."""
    if name == "codex" and protocol in {None, "codex"}:
        return {"command": ["codex", "app-server"], "protocol": "codex"}
    if name in ACP_VENDORS and protocol in {None, "acp"}:
        return {"command": list(ACP_VENDORS[name].command)}
    return None


def _split(place: _Place, command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        _refuse_value(place, "command", command)


def _tracker(place: _Place, name: str, row: Mapping[str, Any]) -> TrackerEntry:
    return TrackerEntry(name=name, **_values(place, TrackerEntry, row, needed=("repository",)))


def _values(
    place: _Place, kind: type[msgspec.Struct], row: Mapping[str, Any], needed: Sequence[str] = ()
) -> dict[str, Any]:
    """The row's values, each of its type and in its range."""
    types = {field.name: field.type for field in msgspec.structs.fields(kind)}
    if place.table in {"agent", "tracker", "host", "channel"}:
        types.pop("name")
    found: dict[str, Any] = {}
    for key, value in row.items():
        if key not in types:
            _refuse_key(place, key, tuple(types))
        found[key] = _budget(place, key, value) if types[key] is Budget else _value(place, key, value, types[key])
        is_good = RANGES.get(f"{place.table}.{key}")
        if is_good is not None and not is_good(found[key]):
            _refuse_value(place, key, value)
    for key in needed:
        if key not in row:
            _refuse_missing(place, key)
    return found


def _value(place: _Place, key: str, value: object, kind: Any) -> Any:
    wanted = str if kind is Path else kind
    if isinstance(value, str) and "\0" in value:
        _refuse_value(place, key, value)
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError:
        _refuse_value(place, key, value)


def _budget(place: _Place, key: str, value: object) -> Budget:
    if not isinstance(value, dict):
        _refuse_value(place, key, value)
    for part in value:
        if part not in Budget.__struct_fields__:
            _refuse_key(place, part, Budget.__struct_fields__, inside=key)
    try:
        budget = msgspec.convert(value, Budget)
    except msgspec.ValidationError:
        _refuse_value(place, key, value)
    if any(not math.isfinite(amount) or amount < 0 for amount in msgspec.structs.astuple(budget)):
        _refuse_value(place, key, value)
    return budget


def _check_names(config: FleetConfig, top: _Place) -> None:
    """Names that are used have to be known; names and ports are used once."""
    agents, trackers = ([each.name for each in rows] for rows in (config.agents, config.trackers))
    names: dict[str, str] = {}
    ports: dict[int, str] = {}
    for index, project in enumerate(config.projects):
        place = top._replace(table="project", name=project.name, row=index)
        if project.name.lower() in names:
            _refuse_twice(place, "name", project.name, names[project.name.lower()])
        if project.port and project.port in ports:
            _refuse_twice(place, "port", str(project.port), ports[project.port])
        names[project.name.lower()], ports[project.port] = project.name, project.name
        for name in project.agents:
            if name not in agents:
                _refuse_name(place, "agents", name, agents, f"[agent.{name}]")
        if project.tracker and project.tracker not in trackers:
            _refuse_name(place, "tracker", project.tracker, trackers, f"[tracker.{project.tracker}]")
    known = [*(each.name for each in config.projects), FLEET_PROJECT]
    for channel in config.channels:
        place = top._replace(table="channel", name=channel.name)
        for name in channel.projects:
            if name not in known:
                _refuse_name(place, "projects", name, known, f"[[project]] {name}")
        if channel.kind == "discord-bot" and not channel.room:
            _refuse_missing(place, "room")


def _refuse_key(place: _Place, key: str, known: Sequence[str], inside: str = "") -> NoReturn:
    near = difflib.get_close_matches(key.lower(), known, n=1)
    whole = ".".join(filter(None, (inside, key)))
    raise UsageError(
        f"{place.shown(inside or key)}: there is no key {place.path(whole)!r}"
        + (f"; did you mean {near[0]!r}?" if near else ""),
        slug="fleet-unknown-key",
        hint=f"use {near[0]}" if near else f"use one of: {', '.join(known)}",
        facts={"file": str(place.origin), "key": place.path(whole), "suggestion": near[0] if near else ""},
    )


def _refuse_value(place: _Place, key: str, value: object, expected: str = "") -> NoReturn:
    shown = repr(value)
    general = f"{place.table}.{key}" if place.table else key
    raise UsageError(
        f"{place.shown(key)}: {place.path(key)} cannot be {shown if len(shown) < 200 else shown[:200] + '...'}",
        slug="fleet-bad-value",
        hint=f"set {place.path(key)} to {expected or EXPECTED[general]}",
        facts={"file": str(place.origin), "key": place.path(key), "value": shown[:1000]},
    )


def _refuse_missing(place: _Place, key: str) -> NoReturn:
    whose = {"project": f"project {place.name or place.row + 1}"}.get(place.table, f"{place.table} {place.name}")
    raise UsageError(
        f"{place.shown(key)}: {whose} has no {key}",
        slug="fleet-missing-key",
        hint=f"set {place.path(key)} to {EXPECTED[f'{place.table}.{key}']}",
        facts={"file": str(place.origin), "key": place.path(key)},
    )


def _refuse_twice(place: _Place, key: str, value: str, other: str) -> NoReturn:
    raise UsageError(
        f"{place.shown(key)}: {other} has the {key} {value} already",
        slug="fleet-twice",
        hint=f"give {place.name} another {key}",
        facts={"file": str(place.origin), "key": f"project.{key}", "value": value, "other": other},
    )


def _refuse_name(place: _Place, key: str, name: str, known: Sequence[str], table: str) -> NoReturn:
    near = difflib.get_close_matches(name, known, n=1)
    raise UsageError(
        f"{place.shown(key)}: {place.name} wants {name!r}, and there is no {table}"
        + (f"; did you mean {near[0]!r}?" if near else ""),
        slug="fleet-unknown-name",
        hint=f"use {near[0]}" if near else f"write {table}, or use one of: {', '.join(known) or 'none is there'}",
        facts={"file": str(place.origin), "key": f"project.{key}", "value": name},
    )


def _unreadable(origin: Path, reason: str) -> UsageError:
    return UsageError(
        f"{origin} cannot be read: {reason}",
        slug="fleet-unreadable",
        hint=f"correct {origin}, or move it away",
        facts={"file": str(origin), "reason": reason},
    )


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_uid in {0, os.getuid()}
    except OSError:
        return False
