"""What doctor says of a fleet: its file, its projects, its agents, and the service that runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from watchkeeper.agents.files import read_config
from watchkeeper.cli.health import Check, Health
from watchkeeper.fleet.config import AgentEntry, FleetConfig
from watchkeeper.fleet.machine import find_program, measure_free
from watchkeeper.fleet.reading import find_fleet_file, user_fleet_file
from watchkeeper.fleet.service import (
    UNIT,
    Run,
    find_manager,
    find_missing_keys,
    lingers,
    read_service_path,
    service_path,
)
from watchkeeper.fleet.variables import variables_of
from watchkeeper.fleetplace import FleetPlace, find_fleet
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.printing import printable

_VERSION_S = 15.0
_MOST_SAID = 120


def fleet_checks(folder: Path, run: Run) -> list[Check]:
    """All of them; none where no fleet is configured. Starts each agent for a moment, to ask for its version."""
    path = find_fleet_file(folder, os.environ)
    if path is None:
        return []
    try:
        place = find_fleet(path)
    except WatchkeeperError as error:
        return [Check("fleet", Health.FAIL, error.message, error.hint)]
    return [*_file_checks(place), *_agent_checks(place), *service_checks(place.config, run)]


def service_checks(config: FleetConfig, run: Run) -> list[Check]:
    """Whether the service is installed, runs, goes on after logout, and finds the agents on its own PATH."""
    try:
        manager = find_manager(sys.platform)
        place = service_path(manager, os.environ)
        found = read_config(place)
    except WatchkeeperError as error:
        return [Check("service", Health.WARN, error.message, error.hint)]
    if found is None:
        return [Check("service", Health.OK, "none is installed: watchkeeper service install")]
    secrets = user_fleet_file(os.environ).with_suffix(".env")
    checks = [_path_check(config, read_service_path(manager, found[0]), place), *_key_checks(config, secrets)]
    if manager == "systemd":
        said = run(("systemctl", "--user", "is-active", UNIT))
        state = said.text.splitlines()[-1] if said.text else f"exit code {said.code}"
        fix = "" if said.code == 0 else f"systemctl --user status {UNIT}"
        checks.append(Check("service", Health.FAIL if said.code else Health.OK, printable(f"{state} ({place})"), fix))
        if not lingers(os.environ.get("USER", "")):
            fix = f"loginctl enable-linger {os.environ.get('USER', '')}".rstrip()
            checks.append(Check("linger", Health.WARN, "the service ends with your last session", fix))
    return checks


def _path_check(config: FleetConfig, path: str | None, place: Path) -> Check:
    if path is None:
        return Check("service PATH", Health.FAIL, f"{place} sets none", "watchkeeper service install")
    folder = config.origin.parent
    missing = [each.name for each in config.agents if find_program(each, path, folder) is None]
    missing += [] if _git_is_on(path) else ["git"]
    if missing:
        text = f"the service does not find {', '.join(missing)} on its PATH"
        return Check("service PATH", Health.FAIL, text, "watchkeeper service install")
    return Check("service PATH", Health.OK, "git and every agent are found on it")


def _key_checks(config: FleetConfig, secrets: Path) -> list[Check]:
    missing = find_missing_keys(config.agents, secrets)
    if not missing:
        return []
    text = f"agents want {', '.join(missing)}, which the service does not have"
    return [Check("service keys", Health.FAIL, text, f"write {missing[0]}=... in {secrets}")]


def _git_is_on(path: str) -> bool:
    return find_program(AgentEntry("git", ("git",)), path, Path("/")) is not None


def _file_checks(place: FleetPlace) -> Iterator[Check]:
    config = place.config
    count = f"{len(config.projects)} projects, {len(config.agents)} agents ({config.origin})"
    if not config.projects or not config.agents:
        lacking = "[agent.NAME]" if config.projects else "[[project]]"
        yield Check("fleet", Health.WARN, f"{count}: nothing can be dispatched", f"write {lacking} in {config.origin}")
    else:
        yield Check("fleet", Health.OK, count)
    for name, error in place.roster.problems.items():
        yield Check(f"project {name}", Health.FAIL, error.message, error.hint)
    free = measure_free()
    needed = max((each.memory_mb for each in config.agents), default=0) + config.fleet.keep_free_mb
    if free is not None and free < needed:
        text = f"{free} MB free, {needed} MB are needed for one agent"
        yield Check("fleet memory", Health.WARN, text, "lower fleet.keep_free_mb, or end other programs")


def _agent_checks(place: FleetPlace) -> Iterator[Check]:
    for agent in place.config.agents:
        yield _agent_check(agent, place.config)


def _agent_check(agent: AgentEntry, config: FleetConfig) -> Check:
    name = f"agent {agent.name}"
    program = find_program(agent, os.environ.get("PATH", os.defpath), config.origin.parent)
    if program is None:
        fix = f"install it, or take [agent.{agent.name}] out of {config.origin}"
        return Check(name, Health.FAIL, f"{agent.command[0]} is not on PATH", fix)
    given = variables_of(agent, os.environ)
    # A file may have come with a repository: what it names by a path is not run only to be looked at.
    version = "found" if os.sep in agent.command[0] else _ask_version(program, given.values)
    if given.missing:
        text = f"{version} ({program}); not set here: {', '.join(given.missing)}"
        return Check(name, Health.WARN, text, f"export {given.missing[0]}=..., or put it in fleet.env")
    return Check(name, Health.OK, f"{version} ({program})")


def _ask_version(program: str, environment: object) -> str:
    """What it says of its version; that it does not answer is said too, and is no failure: not every program does."""
    assert isinstance(environment, dict)
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            timeout=_VERSION_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return "it does not tell its version"
    lines: Sequence[str] = done.stdout.decode("utf-8", "replace").strip().splitlines()
    return printable(lines[0])[:_MOST_SAID] if lines and done.returncode == 0 else "it does not tell its version"
