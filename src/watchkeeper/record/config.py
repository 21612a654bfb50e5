"""Configuration: flags > environment > ``watchkeeper.toml`` > the user's file > defaults."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import platformdirs

from watchkeeper.model.conflicts import Severity
from watchkeeper.model.errors import UsageError

PROJECT_FILE = "watchkeeper.toml"

_PREFIX = "WATCHKEEPER_"
_OTHER_VARIABLES = frozenset({"WATCHKEEPER_HOME"})


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be configured; every key works without being set."""

    target: str = ""  # the branch that changes land in; "" for: find it
    ignore: tuple[str, ...] = ()  # globs of paths whose conflicts are not reported
    branches: tuple[str, ...] = ()  # globs of branches followed beside the worktrees
    clones: tuple[str, ...] = ()  # folders of other clones of the project that are followed too
    min_severity: Severity = Severity.MINOR  # conflicts below it are recorded, not shown
    landed_hours: int = 48  # how long a landed change stays compared with live ones


KEYS: tuple[str, ...] = Config.__struct_fields__


class Settings(msgspec.Struct, frozen=True):
    """The configuration in force; ``origins`` says for each key where its value comes from."""

    config: Config
    origins: Mapping[str, str]


def find_user_file(environ: Mapping[str, str]) -> Path:
    """Where the user's own file would be; it need not exist."""
    folder = environ.get("XDG_CONFIG_HOME", "")
    return (Path(folder) / "watchkeeper" if folder else platformdirs.user_config_path("watchkeeper")) / PROJECT_FILE


def load_settings(
    files: Sequence[Path], environ: Mapping[str, str], flags: Mapping[str, object] | None = None
) -> Settings:
    """The configuration from ``files`` (the weakest first; missing ones say nothing), environment and flags.

    Flags that are None were not given. Raises UsageError (``config-unreadable``, ``config-unknown-key``,
    ``config-bad-value``): a key with a typing error must not silently mean nothing.
    """
    config, origins = Config(), dict.fromkeys(KEYS, "default")
    layers = [(str(path), _read_file(path)) for path in files]
    layers.append(("environment", _read_environment(environ)))
    layers.append(("flag", {key: value for key, value in (flags or {}).items() if value is not None}))
    for origin, values in layers:
        for key, value in values.items():
            config = _with_value(config, key, value, origin)
            origins[key] = origin if origin != "environment" else f"${_PREFIX}{key.upper()}"
    return Settings(config, origins)


def render_template(target: str) -> str:
    """A ``watchkeeper.toml`` in which everything is explained and nothing but the target is set."""
    return f"""\
# Watchkeeper works without this file; every line is optional. `watchkeeper doctor` shows what is in force.
target = {_toml_string(target)}  # the branch that changes land in
# ignore = ["docs/**", "*.lock"]  # paths whose conflicts are not reported
# branches = ["origin/feature/*"]  # branches followed beside the worktrees
# clones = ["../other-clone"]  # other clones of this project, followed too
# min_severity = "minor"  # show from: info, minor, major, blocking
# landed_hours = 48  # how long a landed change stays compared with live ones
"""


def _read_file(path: Path) -> dict[str, object]:
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(
            f"The configuration {path} cannot be read: {reason}",
            slug="config-unreadable",
            hint=f"correct {path}, or move it away",
            facts={"file": str(path), "reason": reason},
        ) from error
    for key in values:
        if key not in KEYS:
            raise _unknown_key(key, KEYS, str(path))
    return values


def _read_environment(environ: Mapping[str, str]) -> dict[str, object]:
    variables = {f"{_PREFIX}{key.upper()}": key for key in KEYS}
    values: dict[str, object] = {}
    for name, text in environ.items():
        if not name.startswith(_PREFIX) or name in _OTHER_VARIABLES:
            continue
        if name not in variables:
            raise _unknown_key(name, (*variables, *_OTHER_VARIABLES), "environment")
        values[variables[name]] = _parse_variable(variables[name], text)
    return values


def _parse_variable(key: str, text: str) -> object:
    """Lists are written with commas in the environment."""
    if isinstance(getattr(Config(), key), tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    return int(text) if key == "landed_hours" and text.isdecimal() else text


def _with_value(config: Config, key: str, value: object, origin: str) -> Config:
    document: dict[str, Any] = msgspec.to_builtins(config)
    try:
        changed = msgspec.convert(document | {key: value}, Config)
    except msgspec.ValidationError as error:
        raise _bad_value(key, value, origin) from error
    if changed.landed_hours < 0:
        raise _bad_value(key, value, origin)
    return changed


def _unknown_key(key: str, known: Sequence[str], origin: str) -> UsageError:
    near = difflib.get_close_matches(key.lower(), [name.lower() for name in known], n=1)
    meant = next((name for name in known if near and name.lower() == near[0]), "")
    return UsageError(
        f"{origin}: there is no configuration key {key!r}" + (f"; did you mean {meant!r}?" if meant else ""),
        slug="config-unknown-key",
        hint=f"use {meant}" if meant else f"use one of: {', '.join(known)}",
        facts={"key": key, "origin": origin, "suggestion": meant},
    )


def _bad_value(key: str, value: object, origin: str) -> UsageError:
    return UsageError(
        f"{origin}: {key} cannot be {value!r}",
        slug="config-bad-value",
        hint=f"set {key} to {_EXPECTED[key]}",
        facts={"key": key, "value": str(value), "origin": origin},
    )


def _toml_string(text: str) -> str:
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'


_SEVERITIES = ", ".join(severity.value for severity in Severity)
_LIST = 'a list of texts, as in ["one", "two"]'
_EXPECTED = {
    "target": "the name of a branch",
    "ignore": _LIST,
    "branches": _LIST,
    "clones": _LIST,
    "min_severity": f"one of {_SEVERITIES}",
    "landed_hours": "a whole number of hours, 0 or more",
}
