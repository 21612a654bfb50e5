"""Configuration: flags > environment > ``watchkeeper.toml`` > the user's file > defaults."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import msgspec
import platformdirs

from watchkeeper.model.conflicts import Severity
from watchkeeper.model.errors import UsageError

PROJECT_FILE = "watchkeeper.toml"

_PREFIX = "WATCHKEEPER_"
_WITNESS = frozenset(
    f"WATCHKEEPER_WITNESS{name}" for name in ("", "_FILES", "_FIRST", "_ONLY", "_OUTER", "_ROOT", "_WHOLE")
)
_OTHER_VARIABLES = frozenset(
    {"WATCHKEEPER_HOME", "WATCHKEEPER_FLEET", "WATCHKEEPER_HOST", "WATCHKEEPER_DSN", "WATCHKEEPER_TAG_DIR", *_WITNESS}
)
"""No keys: where the state and the fleet's file are, this host's name, and what tests on a merge get."""


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


class TrackerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where issues come from beside the built-in tracker."""

    github: str = ""  # "owner/name" of the repository at GitHub whose issues are taken in
    api: str = "https://api.github.com"  # where its API is; another for GitHub Enterprise
    token_env: str = "GITHUB_TOKEN"  # noqa: S105 the name of the variable that holds the token, which stands nowhere else


class DatabaseConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The database that the project's code runs against, for the database watch."""

    dsn_env: str = ""  # the variable that holds its address; "": the daemon watches none
    name: str = ""  # what it is called; "": after its address
    environment: str = ""  # as `watchkeeper deployed` calls it; "": the only one that was ever named
    revision: str = ""  # a shell line that prints the commit that runs there, where nobody says it
    poll_ms: int = 200  # how often it is looked at
    log: str = ""  # the server's log, or its folder, to be followed
    cancel_waiter_s: float = 0.0  # end the statement of who has waited so long for an idle holder; 0: never


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
    store: str = ""  # where the record is: the address of a PostgreSQL database; "": a file in the state folder
    project: ProjectConfig = ProjectConfig()
    landing: LandingConfig = LandingConfig()
    tracker: TrackerConfig = TrackerConfig()
    database: DatabaseConfig = DatabaseConfig()


_TABLES = {"project": ProjectConfig, "landing": LandingConfig, "tracker": TrackerConfig, "database": DatabaseConfig}
KEYS: tuple[str, ...] = (
    *(key for key in Config.__struct_fields__ if key not in _TABLES),
    *(f"{table}.{key}" for table, kind in _TABLES.items() for key in kind.__struct_fields__),
)
"""All keys; those of a table with a dot: ``project.test``."""


PERSONAL_KEYS = frozenset({"store"})
"""Keys that no project may set: whoever wrote its files would say where a person's record goes."""

_SECRET = frozenset({"store"})  # never shown: an address may have a password


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
    own = find_user_file(environ)
    layers = [(str(path), _read_file(path, is_own=path == own)) for path in files]
    layers.append(("environment", _read_environment(environ)))
    layers.append(("flag", {key: value for key, value in (flags or {}).items() if value is not None}))
    for origin, values in layers:
        for key, value in values.items():
            config = _with_value(config, key, value, origin)
            origins[key] = origin if origin != "environment" else f"${_variable(key)}"
    return Settings(config, origins)


def find_store(environ: Mapping[str, str]) -> str:
    """The address of the database that the record is in, ``""`` for the state folder's file. Raises UsageError."""
    return load_settings([find_user_file(environ)], environ).config.store


def parse_project_file(content: bytes) -> Settings:
    """What a ``watchkeeper.toml`` says by itself, wherever it lies. Raises UsageError, as ``load_settings`` does."""
    config, origins = Config(), dict.fromkeys(KEYS, "default")
    for key, value in _parse(content, PROJECT_FILE, is_own=False).items():
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
# tracker = {{ github = "owner/name" }}  # its issues are taken in, and closed there
# database = {_DATABASE}

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


_DATABASE = (
    '{ dsn_env = "DATABASE_URL", name = "shop", environment = "production", revision = "./what-is-deployed", '
    'poll_ms = 200, log = "/var/log/postgresql", cancel_waiter_s = 0.0 }  # a running database that is watched'
)


def _setting(key: str, value: str | tuple[str, ...], example: str | tuple[str, ...]) -> str:
    """The line of a key that was found out, or a comment that shows one."""
    shown = value or example
    text = _toml_string(shown) if isinstance(shown, str) else f"[{', '.join(map(_toml_string, shown))}]"
    return f"{'' if value else '# '}{key} = {text}"


def _read_file(path: Path, *, is_own: bool) -> dict[str, object]:
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise _unreadable(str(path), error.strerror or str(error)) from error
    return _parse(content, str(path), is_own=is_own)


def _parse(content: bytes, origin: str, *, is_own: bool) -> dict[str, object]:
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
        if key in PERSONAL_KEYS and not is_own:
            raise _personal_key(key, origin)
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
    project, landing, tracker, database = config.project, config.landing, config.tracker, config.database
    return (
        _is_address(config.store)
        and config.landed_hours >= 0
        and 0 <= project.budget <= 64
        and project.test_timeout >= 1
        and 1 <= landing.slots <= 256
        and 0 <= landing.batch <= 64
        and 0 <= landing.wait_risk <= 101
        and not landing.remote.startswith("-")
        and re.fullmatch(_GITHUB, tracker.github) is not None
        and re.fullmatch(_API, tracker.api) is not None
        and re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", tracker.token_env) is not None
        and re.fullmatch(r"|[A-Za-z_][A-Za-z0-9_]*", database.dsn_env) is not None
        and 20 <= database.poll_ms <= 60_000
        and (database.cancel_waiter_s == 0.0 or database.cancel_waiter_s >= 0.5)
    )


_GITHUB = r"|[A-Za-z0-9][A-Za-z0-9_-]*/(?!\.\.?$)[A-Za-z0-9._-]+"
_API = r"(https://[A-Za-z0-9.:\[\]-]+|http://(localhost|127\.0\.0\.1|\[::1\])(:\d+)?)(/[A-Za-z0-9._/-]*)?"
"""A token travels encrypted, or not at all."""


def _is_address(store: str) -> bool:
    """``""``, or what names a PostgreSQL database; whether there is one is seen when it is opened."""
    try:
        parts = urlsplit(store)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_postgresql = store.startswith(("postgresql://", "postgres://")) and parts.path.strip("/") != ""
    return not store or (is_postgresql and has_port and store.isprintable() and " " not in store)


def _personal_key(key: str, origin: str) -> UsageError:
    return UsageError(
        f"{origin}: {key} is not a project's to say",
        slug="config-personal-key",
        hint=f"set it in your own file or in the environment: {_variable(key)}",
        facts={"key": key, "origin": origin},
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
    shown = "what it is (not shown: it may have a password)" if key in _SECRET else repr(value)
    return UsageError(
        f"{origin}: {key} cannot be {shown}",
        slug="config-bad-value",
        hint=f"set {key} to {_EXPECTED[key]}",
        facts={"key": key, "value": "" if key in _SECRET else str(value), "origin": origin},
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
    "store": 'the address of a database, as in "postgresql://user@host/name"; "" for a file',
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
    "tracker": "a table, as in [tracker]",
    "tracker.github": 'the owner and name of a repository at GitHub, as in "octo-org/shop"',
    "tracker.api": 'the address of a GitHub API, as in "https://github.example.org/api/v3"',
    "tracker.token_env": 'the name of an environment variable, as in "GITHUB_TOKEN"',
    "database": "a table, as in [database]",
    "database.dsn_env": 'the name of an environment variable, as in "DATABASE_URL"',
    "database.name": "a name",
    "database.environment": 'the name of an environment, as in "production"',
    "database.revision": "a shell command that prints a commit",
    "database.poll_ms": "a whole number of milliseconds, 20 to 60000",
    "database.log": "a path",
    "database.cancel_waiter_s": "a number of seconds, 0 (never) or at least 0.5",
}
