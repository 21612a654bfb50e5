"""Configuration: flags > environment > ``watchkeeper.toml`` > the user's file > defaults."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import platformdirs

from watchkeeper.model.conflicts import Severity
from watchkeeper.model.errors import UsageError

PROJECT_FILE = "watchkeeper.toml"

_PREFIX = "WATCHKEEPER_"
_WITNESS = frozenset(
    f"WATCHKEEPER_WITNESS{name}" for name in ("", "_FILES", "_FIRST", "_ONLY", "_OUTER", "_ROOT", "_WHOLE")
)
_OTHER_VARIABLES = frozenset({"WATCHKEEPER_HOME", *_WITNESS})
"""No keys: where the state is, and what the tests that are run on a merge are given (they may call Watchkeeper)."""


class ProjectConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the project is set up and tested: shell lines, run in checkouts of Watchkeeper's own, under limits."""

    setup: str = ""  # installs what the tests need; runs again only when manifests or locks change
    test: str = ""  # runs the tests; {tests} is where chosen ones go, {junit} the path of a report
    database: str = ""  # makes a database for one run, and prints its address on the last line
    checks: tuple[str, ...] = ()  # analysers by name, or "name: command"; built-in static checks always run
    budget: float = 0.5  # processor seconds a second that proving may take on the average
    test_timeout: int = 600  # seconds that one run of the tests may take


class LandingConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How finished changes get to the target branch."""

    method: Literal["merge", "squash", "rebase"] = "merge"
    remote: str = ""  # land by pushing to this remote; "": the local branch
    slots: int = 1  # how many runs may go on at once
    batch: int = 0  # the most changes that are tested together; 0: as many as rarely fail
    lanes: bool = False  # land changes that have nothing in common without a run on their sum
    wait_risk: int = 70  # a change of at least this risk waits for a person; 101: none does
    wait_paths: tuple[str, ...] = ()  # globs of paths whose changes wait for a person


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What can be configured; every key works without being set."""

    target: str = ""  # the branch that changes land in; "" for: find it
    ignore: tuple[str, ...] = ()  # globs of paths whose conflicts are not reported
    branches: tuple[str, ...] = ()  # globs of branches followed beside the worktrees
    clones: tuple[str, ...] = ()  # folders of other clones of the project that are followed too
    min_severity: Severity = Severity.MINOR  # conflicts below it are recorded, not shown
    notice_severity: Severity = Severity.MAJOR  # agents are told of conflicts from here on
    landed_hours: int = 48  # how long a landed change stays compared with live ones
    owners: tuple[str, ...] = ()  # "GLOB NAME...": which agents may write where; "CODEOWNERS": as that file has it
    project: ProjectConfig = ProjectConfig()
    landing: LandingConfig = LandingConfig()


_TABLES = {"project": ProjectConfig, "landing": LandingConfig}
KEYS: tuple[str, ...] = (
    *(key for key in Config.__struct_fields__ if key not in _TABLES),
    *(f"{table}.{key}" for table, kind in _TABLES.items() for key in kind.__struct_fields__),
)
"""All keys; those of a table with a dot: ``project.test``."""


class Settings(msgspec.Struct, frozen=True):
    """The configuration in force; ``origins`` says for each key where its value comes from."""

    config: Config
    origins: Mapping[str, str]

    def is_set(self, key: str) -> bool:
        """Somebody set the key, be it to what it is by default: ``checks = []`` asks for none."""
        return self.origins[key] != "default"


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
            origins[key] = origin if origin != "environment" else f"${_variable(key)}"
    return Settings(config, origins)


def parse_project_file(content: bytes) -> Settings:
    """What a ``watchkeeper.toml`` says by itself, wherever it lies. Raises UsageError, as ``load_settings`` does."""
    config, origins = Config(), dict.fromkeys(KEYS, "default")
    for key, value in _parse(content, PROJECT_FILE).items():
        config = _with_value(config, key, value, PROJECT_FILE)
        origins[key] = PROJECT_FILE
    return Settings(config, origins)


def render_template(target: str, commands: ProjectConfig) -> str:
    """A ``watchkeeper.toml`` in which everything is explained; set are the target and the commands that were found."""
    return f"""\
# Watchkeeper works without this file; every line is optional. `watchkeeper doctor` shows what is in force.
target = {_toml_string(target)}  # the branch that changes land in
# ignore = ["docs/**", "*.lock"]  # paths whose conflicts are not reported
# branches = ["origin/feature/*"]  # branches followed beside the worktrees
# clones = ["../other-clone"]  # other clones of this project, followed too
# min_severity = "minor"  # show from: info, minor, major, blocking
# notice_severity = "major"  # tell agents of conflicts from: info, minor, major, blocking
# landed_hours = 48  # how long a landed change stays compared with live ones
# owners = ["CODEOWNERS", "docs/** ada claude"]  # which agents may write where; a person's files are kept from all
# landing = {_LANDING}

[project]
{_setting("setup", commands.setup, ".venv/bin/pip install -e .")}  # what the tests need; with network, seldom
{_setting("test", commands.test, "python -m pytest -q")}  # run on merges that do not exist yet, without network
{_setting("checks", commands.checks, ("ty",))}  # analysers: ty, pyrefly, mypy, pyright, tsc, eslint, or "name: command"
# database = "./make-test-database"  # makes a database for one run, prints its address last
# budget = 0.5  # processor seconds a second that proving may take on the average
# test_timeout = 600  # seconds that one run of the tests may take
"""


_LANDING = (
    '{ method = "merge", slots = 1, batch = 0, lanes = false, remote = "", wait_risk = 70, '
    'wait_paths = ["migrations/**"] }  # how finished changes get to the target branch'
)


def _setting(key: str, value: str | tuple[str, ...], example: str | tuple[str, ...]) -> str:
    """The line of a key that was found out, or a comment that shows one."""
    shown = value or example
    text = _toml_string(shown) if isinstance(shown, str) else f"[{', '.join(map(_toml_string, shown))}]"
    return f"{'' if value else '# '}{key} = {text}"


def _read_file(path: Path) -> dict[str, object]:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _unreadable(str(path), error.strerror or str(error)) from error
    return _parse(content, str(path))


def _parse(content: bytes, origin: str) -> dict[str, object]:
    try:
        values = tomllib.loads(content.decode("utf-8"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _unreadable(origin, str(error)) from error
    flat = {key: value for key, value in values.items() if key not in _TABLES}
    for name in _TABLES:
        table = values.get(name, {})
        if not isinstance(table, dict):
            raise _bad_value(name, table, origin)
        flat |= {f"{name}.{key}": value for key, value in table.items()}
    for key in flat:
        if key not in KEYS:
            raise _unknown_key(key, KEYS, origin)
    return flat


def _unreadable(origin: str, reason: str) -> UsageError:
    return UsageError(
        f"The configuration {origin} cannot be read: {reason}",
        slug="config-unreadable",
        hint=f"correct {origin}, or move it away",
        facts={"file": origin, "reason": reason},
    )


def _read_environment(environ: Mapping[str, str]) -> dict[str, object]:
    variables = {_variable(key): key for key in KEYS}
    values: dict[str, object] = {}
    for name, text in environ.items():
        if not name.startswith(_PREFIX) or name in _OTHER_VARIABLES:
            continue
        if name not in variables:
            raise _unknown_key(name, (*variables, "WATCHKEEPER_HOME"), "environment")
        values[variables[name]] = _parse_variable(variables[name], text)
    return values


def _variable(key: str) -> str:
    return f"{_PREFIX}{key.upper().replace('.', '_')}"


def _parse_variable(key: str, text: str) -> object:
    """Lists are written with commas in the environment."""
    default = _value_of(Config(), key)
    if isinstance(default, bool):
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if isinstance(default, tuple):
        return [part.strip() for part in text.split(",") if part.strip()]
    if isinstance(default, int | float) and re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text) if "." in text else int(text)
    return text


def _value_of(config: Config, key: str) -> object:
    owner, _, name = key.rpartition(".")
    return getattr(getattr(config, owner) if owner else config, name)


def _with_value(config: Config, key: str, value: object, origin: str) -> Config:
    document: dict[str, Any] = msgspec.to_builtins(config)
    owner, _, name = key.rpartition(".")
    (document[owner] if owner else document)[name] = value
    try:
        changed = msgspec.convert(document, Config)
    except msgspec.ValidationError as error:
        raise _bad_value(key, value, origin) from error
    if not _is_in_range(changed):
        raise _bad_value(key, value, origin)
    return changed


def _is_in_range(config: Config) -> bool:
    project, landing = config.project, config.landing
    return (
        config.landed_hours >= 0
        and 0 <= project.budget <= 64
        and project.test_timeout >= 1
        and 1 <= landing.slots <= 256
        and 0 <= landing.batch <= 64
        and 0 <= landing.wait_risk <= 101
        and not landing.remote.startswith("-")
    )


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
    "notice_severity": f"one of {_SEVERITIES}",
    "landed_hours": "a whole number of hours, 0 or more",
    "owners": 'a list of texts, as in ["CODEOWNERS", "docs/** ada claude"]',
    "project": "a table, as in [project]",
    "project.setup": "a shell command",
    "project.test": "a shell command",
    "project.database": "a shell command that prints an address last",
    "project.checks": _LIST,
    "project.budget": "a number of processors, 0 to 64, as in 0.5",
    "project.test_timeout": "a whole number of seconds, 1 or more",
    "landing": "a table, as in [landing]",
    "landing.method": "merge, squash or rebase",
    "landing.remote": 'the name of a remote, or "" for the local branch',
    "landing.slots": "a whole number, 1 to 256",
    "landing.batch": "a whole number, 0 to 64",
    "landing.lanes": "true or false",
    "landing.wait_risk": "a whole number, 0 to 101",
    "landing.wait_paths": _LIST,
}
