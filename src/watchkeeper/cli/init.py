"""``watchkeeper init``: a commented configuration to start from. Watchkeeper works without it."""

from __future__ import annotations

import os
from pathlib import Path

import click
import msgspec

from watchkeeper.app import find_place, find_target_of
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.options import json_option, repo_option, target_option
from watchkeeper.cli.output import show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.model.errors import NotARepositoryError, WatchkeeperError
from watchkeeper.model.printing import printable
from watchkeeper.probes.projectfiles import find_commands
from watchkeeper.record.config import PROJECT_FILE, ProjectConfig, render_template


@verb(
    examples=(
        "watchkeeper init",
        "watchkeeper init --target develop",
        "watchkeeper init --fleet --repo ~/work",
    ),
    then="watchkeeper watch",
)
@target_option
@click.option("--fleet", "is_fleet", is_flag=True, help="Write a fleet.toml instead, of what is found in the folder.")
@repo_option
@json_option
def command(*, target: str | None, is_fleet: bool, folder: Path, as_json: bool) -> int:
    """Write a watchkeeper.toml in which every setting is explained. Never overwrites one. Exit code 0.

    Not needed: `watchkeeper watch` works in any repository at once. With --fleet the folder (--repo) is one that holds
    several: its repositories become projects, the agents on PATH are who works on them.
    """
    if is_fleet:
        return _write_fleet(folder.resolve(), as_json=as_json)
    place = find_place(folder, os.environ, {"target": target})
    if place.repository.found_at is None:
        raise NotARepositoryError(
            f"{place.repository.common_dir} has no files to put {PROJECT_FILE} beside: it is a bare repository",
            slug="no-worktree",
            hint="run it in one of its worktrees",
        )
    found = find_target_of(place)
    path = place.repository.found_at / PROJECT_FILE
    commands = find_commands(place.repository.found_at)
    written = _write_new(path, render_template(found.name if found else "main", commands))
    reason = found.reason if found else "the repository has no commits yet"
    if as_json:
        document = {"file": str(path), "written": written, "target": found.name if found else None}
        show_document({**document, "project": msgspec.to_builtins(commands)})
    else:
        first = f"wrote {path}" if written else f"{path} exists already; it was left as it is"
        told = [f"target: {reason}", *_told(commands)]
        show([printable(line) for line in (first, *told)], "watchkeeper watch")
    return Exit.NOTHING


def _write_fleet(folder: Path, *, as_json: bool) -> int:
    from watchkeeper.fleet.config import FLEET_FILE
    from watchkeeper.fleet.drafting import find_agents, find_projects, render_fleet

    projects, agents = find_projects(folder), find_agents(os.environ.get("PATH", os.defpath))
    path = folder / FLEET_FILE
    written = _write_new(path, render_fleet(projects, agents, folder))
    if as_json:
        found = {"projects": [each.name for each in projects], "agents": [each.name for each in agents]}
        show_document({"file": str(path), "written": written, **found})
    else:
        first = f"wrote {path}" if written else f"{path} exists already; it was left as it is"
        names = {"projects": [each.name for each in projects], "agents": [each.name for each in agents]}
        told = [f"{what}: {', '.join(found) or 'none found'}" for what, found in names.items()]
        lacking = [what for what, found in names.items() if not found]
        step = (
            f"complete {path}: it has no {' and no '.join(lacking)}"
            if lacking
            else f"watchkeeper doctor --repo {folder}"
        )
        show([printable(line) for line in (first, *told)], printable(step))
    return Exit.NOTHING


def _told(commands: ProjectConfig) -> list[str]:
    found = {"setup": commands.setup, "test": commands.test, "checks": ", ".join(commands.checks)}
    return [f"{name}: {text or 'nothing found; see the comments in the file'}" for name, text in found.items()]


def _write_new(path: Path, text: str) -> bool:
    """Whether the file was written: False where one exists, also one that appears in this moment."""
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    except OSError as error:
        raise WatchkeeperError(
            f"{path} cannot be written: {error.strerror}",
            slug="config-not-written",
            hint="make the folder writable; Watchkeeper also works without the file",
            facts={"file": str(path)},
        ) from error
    return True
