"""Finds what a fleet could be made of, and writes a commented ``fleet.toml`` of it for a person to look at."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from watchkeeper.agents.vendors import ACP_VENDORS
from watchkeeper.fleet.roster import find_remotes
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.repos.repository import Repository, find_repository
from watchkeeper.repos.target import find_target

_DEPTH = 2
_MOST = 200
_SKIPPED = {"node_modules", "venv", "target", "vendor", "dist", "build"}
_PORT = re.compile(r"(?:--port[ =]|-p[ =]?|\bPORT=|:)(\d{4,5})\b")
_USUAL_PORTS = {"next": 3000, "vite": 5173, "astro": 4321, "nuxt": 3000, "react-scripts": 3000, "ng": 4200}


class FoundProject(NamedTuple):
    """A repository that could be a project; ``port`` 0 where its scripts tell none."""

    name: str
    path: Path
    target: str = ""
    remote: str = ""
    port: int = 0


class FoundAgent(NamedTuple):
    """An agent whose program is there."""

    name: str
    command: tuple[str, ...]
    protocol: str = "acp"


def find_projects(folder: Path) -> tuple[FoundProject, ...]:
    """The repositories in ``folder``, at most two levels deep, by name; linked worktrees are no projects."""
    found: dict[str, FoundProject] = {}
    for path in _checkouts(folder, _DEPTH):
        try:
            project = _describe(path)
        except WatchkeeperError:
            continue
        name = project.name if project.name not in found else f"{path.parent.name}-{project.name}"
        if len(found) < _MOST and name not in found:
            found[name] = project._replace(name=name)
    return tuple(found[name] for name in sorted(found))


def find_agents(path: str) -> tuple[FoundAgent, ...]:
    """The agents whose programs are on ``path``."""
    codex = [FoundAgent("codex", ("codex", "app-server"), "codex")] if shutil.which("codex", path=path) else []
    speaking = [
        FoundAgent(name, vendor.command)
        for name, vendor in ACP_VENDORS.items()
        if name != "cursor" and shutil.which(vendor.command[0], path=path)  # its program's name says nothing: ``agent``
    ]
    return (*codex, *speaking)


def render_fleet(projects: Sequence[FoundProject], agents: Sequence[FoundAgent], folder: Path) -> str:
    """A ``fleet.toml`` for ``folder`` in which everything is explained; what was found is set."""
    ports: dict[int, str] = {}
    for each in projects:
        ports.setdefault(each.port, each.name)
    blocks = [_HEAD]
    for each in projects:
        first = ports[each.port]
        blocks.append(_project(each, folder, clash=first if first != each.name else ""))
    blocks += [] if projects else [_NO_PROJECT]
    blocks += [_agent(each) for each in agents] or [_NO_AGENT]
    return "\n".join([*blocks, _TAIL])


def _checkouts(folder: Path, depth: int) -> Iterator[Path]:
    try:
        if (folder / ".git").is_dir():
            yield folder
            return
        inside = sorted(each for each in folder.iterdir() if each.is_dir() and not each.is_symlink())
    except OSError:
        return
    for each in inside if depth else ():
        if each.name not in _SKIPPED and not each.name.startswith("."):
            yield from _checkouts(each, depth - 1)


def _describe(path: Path) -> FoundProject:
    repository = find_repository(path)
    target = find_target(repository)
    name = re.sub(r"[^\w.-]+", "-", path.resolve().name, flags=re.ASCII).strip("-._") or "project"
    return FoundProject(name, path, target.name if target else "", _remote(repository), _find_port(path))


def _remote(repository: Repository) -> str:
    remotes = find_remotes(repository)
    url = remotes.get("origin") or next(iter(remotes.values()), "")
    return re.sub(r"(\w+://)[^/@]*@", r"\1", url)


def _find_port(path: Path) -> int:
    """What a package's scripts say of the port of the dev server, else what its tool usually takes."""
    try:
        document = json.loads((path / "package.json").read_text("utf-8", "replace"))
    except (OSError, ValueError, RecursionError):
        return 0
    scripts = document.get("scripts") if isinstance(document, dict) else None
    for name in ("dev", "start", "serve"):
        line = scripts.get(name) if isinstance(scripts, dict) else None
        if isinstance(line, str):
            told = _PORT.search(line)
            if told and 1024 <= int(told[1]) <= 65535:
                return int(told[1])
            usual = next((port for tool, port in _USUAL_PORTS.items() if re.search(rf"\b{tool}\b", line)), 0)
            if usual:
                return usual
    return 0


def _project(found: FoundProject, folder: Path, *, clash: str) -> str:
    try:
        shown = str(found.path.relative_to(folder)) if found.path != folder else "."
    except ValueError:
        shown = str(found.path)
    port = f"port = {found.port}" if found.port and not clash else f"# port = {found.port or 3000}"
    why = f"  # {clash} has it already: every dev server needs its own" if found.port and clash else ""
    target = f"target = {_text(found.target)}" if found.target else '# target = "main"'
    remote = f"remote = {_text(found.remote)}" if found.remote else '# remote = "git@github.com:owner/name.git"'
    return f"""\
[[project]]
name = {_text(found.name)}
path = {_text(shown)}
{target}  # the branch that changes land in
{remote}  # doctor says when the checkout has another
{port}{why or "  # of its dev server"}
# agents = ["codex", "goose"]  # who may work on it, the preferred first; the next try is made by the next one
# concurrency = 2
# focus = true  # it gets at least every second start
# budget = {{ money = 5.0 }}  # a day
# setup = "npm ci"  # setup and test stand above the project's own watchkeeper.toml
# test = "npm test"
# host = "server"  # the one machine that works on it
"""


def _agent(found: FoundAgent) -> str:
    command = ", ".join(map(_text, found.command))
    return f"""\
[agent.{found.name}]
command = [{command}]
protocol = "{found.protocol}"
env = []  # a key that is not listed is not inherited: ["OPENAI_API_KEY"], or ["OPENAI_API_KEY=OURS"] for our OURS
# model = ""
# cost = 3.0  # money for a million tokens, where it tells only tokens
# memory_mb = 800  # what it takes, until it is measured
"""


def _text(text: str) -> str:
    escaped = "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in text)
    return f'"{escaped}"'


_HEAD = """\
# The fleet: which projects agents work on, who they are, and how much they may take.
# `watchkeeper fleet` shows what each project does and why; `watchkeeper doctor` checks all of this.
# store = "postgresql://user@host/fleet"  # one record for several machines; else the state folder

[fleet]
concurrency = 2  # how many engagements may go on at once
# memory_mb = 0  # the most that all agents may take; 0: what is free, less keep_free_mb
# keep_free_mb = 1024
# budget = { money = 20.0, tokens = 20_000_000, minutes = 900 }  # a day; over it everything stops, with its work pinned
# engagement_budget = { money = 2.0, minutes = 60 }  # each
# quiet = "22:00-07:00"  # when nothing is started
# time_zone = "Europe/Berlin"
# day_begins = "04:00"  # when a project's work log of the day before is written
# max_attempts = 3  # then a person is needed
# retry_minutes = 5
# pin_seconds = 60  # what an agent has written is pinned when no file was written for so long, at least every 5 times
# stuck_minutes = 10.0  # of whom nothing is seen for so long is spoken to, then started again; then a person
# clashes = "tell"  # issues that will probably touch the same are started, and it is said; "order": one waits
# stale_days = 14
"""
_NO_PROJECT = """\
# No repository was found here.
# [[project]]
# path = "../website"
"""
_NO_AGENT = """\
# No agent was found on PATH. Install one (npm install -g @openai/codex), and take away the signs in front of these:
# [agent.codex]
# command = ["codex", "app-server"]
# protocol = "codex"
# env = ["OPENAI_API_KEY"]  # a key that is not listed is not inherited
"""
_TAIL = """\
# Issues come from the built-in tracker; a project with tracker = "github" gets those of GitHub too.
# [tracker.github]
# repository = "owner/name"
# token = "GITHUB_TOKEN"  # the name of the variable
"""
