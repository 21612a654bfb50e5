"""``watchkeeper doctor``: looks at everything that Watchkeeper stands on, and says how to mend it."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import version
from pathlib import Path

import click

from watchkeeper.app import Place, find_place, find_socket, find_target_of
from watchkeeper.cli import machine
from watchkeeper.cli.daemon import find_standing
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.health import (
    Check,
    Health,
    judge_clock,
    judge_daemon,
    judge_disk,
    judge_history,
    judge_hook,
    judge_instances,
    judge_locale,
    judge_proof,
    judge_record,
    judge_sandbox,
    judge_watches,
    judge_worktrees,
    render_check,
)
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.model.errors import NotARepositoryError, WatchkeeperError
from watchkeeper.record.home import find_home, require_writable


@verb(
    examples=("watchkeeper doctor", "watchkeeper doctor --json", "watchkeeper doctor --set-aside-record"),
    then="watchkeeper watch",
)
@click.option(
    "--set-aside-record", is_flag=True, help="Move a damaged record aside and begin a new one; deletes nothing."
)
@repo_option
@json_option
def command(*, set_aside_record: bool, folder: Path, as_json: bool) -> int:
    """Check this machine, this repository, and the fleet where there is one: what was found, and how to mend it.

    Exit code 1 when a check failed; warnings do not count.
    """
    moved = _set_aside() if set_aside_record else ()
    hooks = _hook_checks(folder)
    fleet = _fleet_checks(folder)
    around = _repository_checks(folder, has_hooks=bool(hooks), has_fleet=bool(fleet))
    checks = [*_machine_checks(), *hooks, *around, *fleet]
    failed = [check for check in checks if check.health is Health.FAIL]
    if as_json:
        show_document({"checks": checks, "moved": [str(path) for path in moved]})
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        lines = [f"moved aside: {path}" for path in moved]
        show([*lines, *(line for check in checks for line in render_check(check, terminal))], _next_step(checks))
    return Exit.FOUND if failed else Exit.NOTHING


def _next_step(checks: Sequence[Check]) -> str:
    """The fix of the gravest finding."""
    for health in (Health.FAIL, Health.WARN):
        fixes = [check.fix for check in checks if check.health is health and check.fix]
        if fixes:
            return fixes[0]
    return "watchkeeper watch"


def _set_aside() -> tuple[Path, ...]:
    return machine.set_damaged_aside(find_home(os.environ))


def _machine_checks() -> list[Check]:
    home = find_home(os.environ)
    watching, free = machine.measure_watching(), machine.measure_free(home)
    about = f"{version('watchkeeper')} on Python {platform.python_version()}, {sys.platform}"
    return [
        Check("watchkeeper", Health.OK, about),
        _guarded("git", lambda: Check("git", Health.OK, machine.measure_git())),
        judge_watches(watching.max_watches),
        judge_instances(watching.max_instances, watching.used_instances),
        _guarded("state folder", lambda: _home_check(home)),
        *([judge_disk(*free)] if free else []),
        judge_clock(*machine.measure_clocks(home)),
        judge_locale(sys.stdout.encoding or "ascii", sys.getfilesystemencoding()),
        _guarded("record", lambda: _record_check(home)),
    ]


def _fleet_checks(folder: Path) -> list[Check]:
    from watchkeeper.cli.fleet_checks import fleet_checks
    from watchkeeper.cli.service import run_manager

    return fleet_checks(folder, run_manager)


def _hook_checks(folder: Path) -> list[Check]:
    """One for each hook that is installed in an agent's configuration."""
    from watchkeeper.agents.standing import look_at_hooks

    try:
        return [judge_hook(state) for state in look_at_hooks(find_home(os.environ), os.environ, folder)]
    except WatchkeeperError as error:
        return [Check("hooks", Health.FAIL, error.message, error.hint)]


def _home_check(home: Path) -> Check:
    require_writable(home)
    return Check("state folder", Health.OK, str(home) if home.exists() else f"{home} will be made when it is needed")


def _record_check(home: Path) -> Check:
    facts = machine.measure_record(home)
    return judge_record(facts.place, exists=facts.exists, damage=facts.damage, size=facts.size, events=facts.events)


def _repository_checks(folder: Path, *, has_hooks: bool, has_fleet: bool) -> Iterable[Check]:
    try:
        place = find_place(folder, os.environ)
    except NotARepositoryError as error:
        if has_fleet:
            yield Check("repository", Health.OK, "none here: the fleet's projects are looked at")
            return
        yield Check("repository", Health.WARN, error.message, error.hint)
        return
    except WatchkeeperError as error:
        name = "configuration" if error.slug.startswith("config") else "repository"
        yield Check(name, Health.FAIL, error.message, error.hint)
        return
    yield Check("repository", Health.OK, str(place.repository.common_dir))
    yield _guarded("daemon", lambda: _daemon_check(place, has_hooks=has_hooks))
    yield _guarded("target", lambda: _target_check(place))
    yield _guarded("worktrees", lambda: _worktrees_check(place))
    yield _guarded("history", lambda: _history_check(place))
    yield Check("configuration", Health.OK, _origins(place))
    yield _guarded("proof", lambda: _proof_check(place))
    yield _guarded("sandbox", _sandbox_check)


def _daemon_check(place: Place, *, has_hooks: bool) -> Check:
    standing = find_standing(find_socket(place))
    if standing is None:
        return judge_daemon(None, 0, (), has_hooks=has_hooks)
    return judge_daemon(standing.pid, len(standing.sessions), standing.problems, has_hooks=has_hooks)


def _target_check(place: Place) -> Check:
    target = find_target_of(place)
    if target is None:
        return Check("target", Health.WARN, "the repository has no commits yet", "git commit")
    return Check("target", Health.OK, target.reason)


def _worktrees_check(place: Place) -> Check:
    facts = machine.measure_repository(place)
    return judge_worktrees(facts.present, facts.gone)


def _history_check(place: Place) -> Check:
    facts = machine.measure_repository(place)
    return judge_history(is_shallow=facts.is_shallow, is_partial=facts.is_partial)


def _proof_check(place: Place) -> Check:
    """What runs on merges beside the built-in checks."""
    from watchkeeper.probes.presets import chosen_checks, is_there

    project = place.config.project
    checks = chosen_checks(project.checks, is_set=place.settings.is_set("project.checks"))
    missing = [check.name for check in checks if check.program and not is_there(check.program)]
    return judge_proof(
        test=project.test,
        checks=[check.name for check in checks],
        missing=missing,
        budget=project.budget,
    )


def _sandbox_check() -> Check:
    """How well commands are walled in on this machine, tried out."""
    from watchkeeper.sandbox.run import find_fault, find_sandbox

    with tempfile.TemporaryDirectory(prefix="watchkeeper-doctor-") as folder:
        sandbox = find_sandbox(Path(folder))
        return judge_sandbox(sandbox.isolation.level, sandbox.isolation.missing, find_fault(sandbox))


def _origins(place: Place) -> str:
    """Which keys are set, and where."""
    found = [f"{key} from {origin}" for key, origin in place.settings.origins.items() if origin != "default"]
    return ", ".join(found) or "defaults"


def _guarded(name: str, check: Callable[[], Check]) -> Check:
    """A check that cannot be made has failed, with the reason; the others go on."""
    try:
        return check()
    except WatchkeeperError as error:
        return Check(name, Health.FAIL, error.message, error.hint)
