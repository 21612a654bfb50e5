"""A service of the system that keeps a fleet running: a systemd user unit, or a launchd agent. Texts and plans."""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar
from xml.sax.saxutils import escape

import msgspec

from watchkeeper.agents.files import missing_folders, read_config, remove_config, write_config
from watchkeeper.fleet.config import AgentEntry
from watchkeeper.fleet.variables import is_harmless, parse_passed
from watchkeeper.model.errors import WatchkeeperError

Manager = Literal["systemd", "launchd"]

UNIT = "watchkeeper-fleet.service"
LABEL = "dev.watchkeeper.fleet"

_RECORD = "service.json"
_MODE = 0o600
_Result = TypeVar("_Result")
_STOP_S = 120  # agents are ended, their work is pinned


class Wanted(msgspec.Struct, frozen=True):
    """What the service is to run. ``path`` is its ``PATH``, ``secrets`` a file of variables, read where it is there."""

    python: str
    fleet: Path
    home: Path
    path: str
    secrets: Path
    log: Path


class ServiceRecord(msgspec.Struct, frozen=True):
    """What was in the place of the service's file before: ``original`` None, there was nothing."""

    path: str
    original: bytes | None
    mode: int
    left: str
    folders: tuple[str, ...] = ()


class ServicePlan(msgspec.Struct, frozen=True):
    """What is to become of the service's file, and what the manager is asked afterwards. None: it is not there."""

    manager: Manager
    path: Path
    before: bytes | None
    after: bytes | None
    mode: int
    commands: tuple[tuple[str, ...], ...]

    @property
    def is_change(self) -> bool:
        return self.before != self.after


class Said(NamedTuple):
    """How a manager's command ended."""

    code: int
    text: str


Run = Callable[[Sequence[str]], Said]
"""Runs one command of a service manager, with a deadline. Never raises."""


def find_manager(platform: str) -> Manager:
    """Which manager this system has. Raises WatchkeeperError (``service-unsupported``)."""
    if platform == "darwin":
        return "launchd"
    if platform.startswith("linux"):
        return "systemd"
    raise WatchkeeperError(
        f"There is no service for {platform}; there is systemd on Linux and launchd on macOS",
        slug="service-unsupported",
        hint="keep it running with what your system has: watchkeeper up --foreground --fleet FILE",
    )


def service_path(manager: Manager, environ: Mapping[str, str]) -> Path:
    """Where the manager reads the user's services."""
    home = Path(environ.get("HOME") or Path.home())
    if manager == "launchd":
        return home / "Library" / "LaunchAgents" / f"{LABEL}.plist"
    configured = environ.get("XDG_CONFIG_HOME", "")
    return (Path(configured) if configured else home / ".config") / "systemd" / "user" / UNIT


def build_path(programs: Iterable[str], environ: Mapping[str, str]) -> str:
    """The ``PATH`` that the service gets, written out: a manager starts with almost none.

    The absolute folders of ours that are there, in their order, then those of ``programs``, which have to be found.
    """
    usual = ("/usr/local/bin", "/usr/bin", "/bin")
    own = [*environ.get("PATH", "").split(os.pathsep), *(str(Path(each).parent) for each in programs), *usual]
    folders = [each for each in own if each.startswith("/") and not re.search(r"[\n\r\0]", each)]
    return os.pathsep.join(dict.fromkeys(each for each in folders if Path(each).is_dir()))


def render_unit(wanted: Wanted) -> str:
    """A systemd user unit: started at login (with lingering: at boot), and again whenever it ends."""
    command = " ".join(_quoted(each).replace("$", "$$") for each in _command(wanted))
    variables = {"PATH": wanted.path, "WATCHKEEPER_HOME": str(wanted.home)}
    return f"""\
# Written by `watchkeeper service install`; `watchkeeper service remove` takes it out again.
[Unit]
Description=Watchkeeper fleet
After=network-online.target
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
WorkingDirectory={_escaped(str(wanted.fleet.parent))}
{"".join(f"Environment={_quoted(f'{name}={value}')}{chr(10)}" for name, value in variables.items())}\
EnvironmentFile=-{_escaped(str(wanted.secrets))}
Restart=always
RestartSec=5
KillMode=mixed
TimeoutStopSec={_STOP_S}
OOMPolicy=continue

[Install]
WantedBy=default.target
"""


def render_plist(wanted: Wanted) -> str:
    """A launchd agent; launchd reads no file of variables, so a shell does."""
    shell = 'if [ -r "$0" ]; then set -a; . "$0"; set +a; fi; exec "$@"'
    command = ("/bin/sh", "-c", shell, str(wanted.secrets), *_command(wanted))
    variables = {"PATH": wanted.path, "WATCHKEEPER_HOME": str(wanted.home)}
    words = "\n".join(f"    <string>{escape(each)}</string>" for each in command)
    pairs = "\n".join(
        f"    <key>{escape(name)}</key>\n    <string>{escape(value)}</string>" for name, value in variables.items()
    )
    return f"""\
<?xml version="1.0" encoding="UTF-8"?>
<!-- Written by `watchkeeper service install`; `watchkeeper service remove` takes it out again. -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array>
{words}
  </array>
  <key>EnvironmentVariables</key>
  <dict>
{pairs}
  </dict>
  <key>WorkingDirectory</key>
  <string>{escape(str(wanted.fleet.parent))}</string>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <true/>
  <key>ThrottleInterval</key>
  <integer>5</integer>
  <key>ExitTimeOut</key>
  <integer>{_STOP_S}</integer>
  <key>ProcessType</key>
  <string>Background</string>
  <key>StandardOutPath</key>
  <string>{escape(str(wanted.log))}</string>
  <key>StandardErrorPath</key>
  <string>{escape(str(wanted.log))}</string>
</dict>
</plist>
"""


def plan_service(manager: Manager, wanted: Wanted, environ: Mapping[str, str], uid: int) -> ServicePlan:
    """What installing would do. Changes nothing. Raises WatchkeeperError."""
    place = service_path(manager, environ)
    found = _read(place)
    text = render_unit(wanted) if manager == "systemd" else render_plist(wanted)
    if manager == "systemd":
        commands: tuple[tuple[str, ...], ...] = (
            ("systemctl", "--user", "daemon-reload"),
            ("systemctl", "--user", "enable", UNIT),
            ("systemctl", "--user", "restart", UNIT),
        )
    else:
        commands = (
            ("launchctl", "bootout", f"gui/{uid}/{LABEL}"),
            ("launchctl", "bootstrap", f"gui/{uid}", str(place)),
        )
    return ServicePlan(manager, place, found[0] if found else None, text.encode(), _MODE, commands)


def plan_no_service(manager: Manager, environ: Mapping[str, str], home: Path, uid: int) -> ServicePlan:
    """What removing would do: the file as it was before is restored. Raises WatchkeeperError."""
    place = service_path(manager, environ)
    known, found = load_service(home), _read(place)
    before = found[0] if found else None
    after = known.original if known is not None and known.path == str(place) else None
    commands: tuple[tuple[str, ...], ...]
    if manager == "systemd":
        commands = (("systemctl", "--user", "disable", "--now", UNIT), ("systemctl", "--user", "daemon-reload"))
    else:
        commands = (("launchctl", "bootout", f"gui/{uid}/{LABEL}"),)
    mode = known.mode if known is not None and known.mode else _MODE
    return ServicePlan(manager, place, before, after, mode, commands if before is not None else ())


def render_difference(plan: ServicePlan) -> list[str]:
    """The change as a unified difference; nothing where there is none."""
    before, after = ((content or b"").decode("utf-8", "replace").splitlines() for content in (plan.before, plan.after))
    old, new = (str(plan.path) if content is not None else os.devnull for content in (plan.before, plan.after))
    return list(difflib.unified_diff(before, after, old, new, lineterm=""))


def perform_install(plan: ServicePlan, home: Path, run: Run) -> tuple[Said, ...]:
    """Write the file, and ask the manager to run it. Raises WatchkeeperError; the file is then as it was, or written.

    What was there before is recorded first: a crash between the two leaves a record of a file that is as it was.
    """
    assert plan.after is not None
    known, found = load_service(home), _require_unchanged(plan)
    original, mode = (known.original, known.mode) if known is not None else (found or (None, 0))
    folders = missing_folders(plan.path) or (known.folders if known is not None else ())
    _save(home, ServiceRecord(str(plan.path), original, mode, hashlib.sha256(plan.after).hexdigest(), folders))
    _translated(lambda: write_config(plan.path, plan.after or b"", plan.mode), plan.path)
    return _ask(plan, run)


def perform_remove(plan: ServicePlan, home: Path, run: Run) -> tuple[Said, ...]:
    """End the service, and restore what was there before. Raises WatchkeeperError."""
    _require_unchanged(plan)
    known = load_service(home)
    first, *rest = plan.commands or ((),)
    said = [run(first)] if first else []  # it is ended while its file is there, by which the manager knows it
    if plan.before is not None:
        if plan.after is None:
            _translated(lambda: remove_config(plan.path, known.folders if known else ()), plan.path)
        else:
            _translated(lambda: write_config(plan.path, plan.after or b"", plan.mode), plan.path)
    said += [run(each) for each in rest]
    (home / _RECORD).unlink(missing_ok=True)
    return tuple(said)


def load_service(home: Path) -> ServiceRecord | None:
    """What is known of an installed service. Raises WatchkeeperError where that cannot be read: nothing is guessed."""
    place = home / _RECORD
    try:
        return msgspec.json.decode(place.read_bytes(), type=ServiceRecord)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        raise WatchkeeperError(
            f"What was recorded of the service cannot be read: {place}: {error}",
            slug="service-record",
            hint=f"take the service out by hand, then delete {place}",
            facts={"file": str(place)},
        ) from error


def read_service_path(manager: Manager, content: bytes) -> str | None:
    """The ``PATH`` that an installed service starts with; None where its file sets none."""
    text = content.decode("utf-8", "replace")
    if manager == "launchd":
        found = re.search(r"<key>PATH</key>\s*<string>([^<]*)</string>", text)
        return found[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") if found else None
    for line in text.splitlines():
        if line.startswith("Environment="):
            with suppress(ValueError):
                for word in shlex.split(line.removeprefix("Environment=")):
                    if word.startswith("PATH="):
                        return word.removeprefix("PATH=").replace("%%", "%")
    return None


def find_missing_keys(agents: Iterable[AgentEntry], secrets: Path) -> tuple[str, ...]:
    """Variables that agents list and that a service will not have: it knows only what stands in ``secrets``."""
    try:
        text = secrets.read_text("utf-8", "replace")
    except OSError:
        text = ""
    there = set(re.findall(r"^\s*(?:export\s+)?([A-Za-z_]\w*)=", text, re.MULTILINE))
    wanted = [passed.source for agent in agents for passed in map(parse_passed, agent.env) if passed is not None]
    return tuple(dict.fromkeys(each for each in wanted if each not in there and not is_harmless(each)))


def lingers(user: str, folder: Path = Path("/var/lib/systemd/linger")) -> bool:
    """Whether the user's services go on without a session of his, and start at boot (systemd)."""
    return bool(user) and (folder / user).exists()


def _command(wanted: Wanted) -> tuple[str, ...]:
    return (wanted.python, "-m", "watchkeeper", "up", "--foreground", "--fleet", str(wanted.fleet))


def _escaped(text: str) -> str:
    """``%`` is a specifier to systemd."""
    return text.replace("%", "%%")


def _quoted(text: str) -> str:
    """A word as systemd reads it; ``$`` means something in commands alone."""
    text = _escaped(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"' if re.search(r"[^\w@%+=:,./$-]", text) else text


def _read(place: Path) -> tuple[bytes, int] | None:
    return _translated(lambda: read_config(place), place)


def _require_unchanged(plan: ServicePlan) -> tuple[bytes, int] | None:
    found = _read(plan.path)
    if (found[0] if found else None) != plan.before:
        raise WatchkeeperError(
            f"{plan.path} was changed in this very moment; it was left as it is",
            slug="service-changed",
            hint="run the command again",
            facts={"file": str(plan.path)},
        )
    return found


def _save(home: Path, record: ServiceRecord) -> None:
    _translated(lambda: write_config(home / _RECORD, msgspec.json.encode(record), stat.S_IRUSR | stat.S_IWUSR), home)


def _ask(plan: ServicePlan, run: Run) -> tuple[Said, ...]:
    return tuple(run(each) for each in plan.commands)


def _translated(act: Callable[[], _Result], place: Path) -> _Result:
    """What ``agents.files`` says of hooks, said of the service."""
    try:
        return act()
    except WatchkeeperError as error:
        raise WatchkeeperError(
            error.message, slug="service-file", hint=f"look at {place}, then run the command again", facts=error.facts
        ) from error
