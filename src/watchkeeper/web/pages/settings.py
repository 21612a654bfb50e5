"""Settings in force, each with where it comes from; secrets are never in them, only the names of their variables."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from watchkeeper.fleet.config import SECTIONS, FleetConfig
from watchkeeper.web.pages.asking import Answer, Asking

_HIDDEN = ("token", "secret", "password", "webhook", "url", "key")


class Setting(NamedTuple):
    key: str
    value: str
    origin: str


def show(asking: Asking) -> Answer:
    """The fleet's file first, then each project's configuration; what stands as it is by default comes last."""
    scope = asking.room.scope
    fleet = list(_fleet(scope.config)) if scope.config is not None else []
    projects = [
        (name, sorted(_project(project.source.place.settings), key=lambda each: (each.origin == "default", each.key)))
        for name, project in asking.projects()
    ]
    context = {
        "fleet": sorted(fleet, key=lambda each: (each.origin == "default", each.key)),
        "file": str(scope.config.origin) if scope.config is not None else "",
        "projects": projects,
        "home": str(scope.home),
        "channels": sorted(asking.picture.attention.channels.items()),
    }
    return Answer("Settings", "settings.html", context, "settings")


def _fleet(config: FleetConfig) -> Iterator[Setting]:
    for table, kind in SECTIONS.items():
        rows: Any = getattr(config, table, None)
        if rows is None:
            rows = getattr(config, f"{table}s", ())
        for row in rows if isinstance(rows, tuple) else (rows,):
            name = getattr(row, "name", "")
            usual = {each.name: each.default for each in msgspec.structs.fields(kind)}
            for key, value in msgspec.to_builtins(row, enc_hook=str).items():
                is_usual = getattr(row, key, None) == usual.get(key, msgspec.NODEFAULT)
                shown = f"{table}.{name}.{key}" if name else f"{table}.{key}"
                yield Setting(shown, _safe(key, value), "default" if is_usual else config.origin.name)


def _project(settings: Any) -> Iterator[Setting]:
    for key, origin in settings.origins.items():
        value: Any = settings.config
        for part in key.split("."):
            value = getattr(value, part, None)
        yield Setting(key, _safe(key.rpartition(".")[2], value), str(origin))


def _safe(key: str, value: Any) -> str:
    """The value in words. An address may hold a password, and whatever is called a secret is none to show."""
    if value in ("", None, [], (), {}):
        return ""
    if any(each in key.lower() for each in _HIDDEN) and not key.lower().endswith("_env"):
        return "set; not shown here"
    if isinstance(value, list | tuple):
        return ", ".join(str(each) for each in value)
    if isinstance(value, dict):
        return ", ".join(f"{name} = {each}" for name, each in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)
