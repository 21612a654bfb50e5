"""``watchkeeper hooks``: lets agents that people start take part, and takes every trace of it out again."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from watchkeeper.agents.install import (
    FilePlan,
    Scope,
    find_agents,
    get_vendor,
    perform,
    plan_install,
    plan_remove,
    render_difference,
)
from watchkeeper.agents.standing import HookState, Standing, look_at_hooks
from watchkeeper.app import find_place
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.health import Health, judge_hook, render_check
from watchkeeper.cli.options import json_option, repo_option
from watchkeeper.cli.output import find_terminal, say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.model.errors import NotARepositoryError, UsageError
from watchkeeper.model.printing import printable
from watchkeeper.record.home import find_home, make_home


@verb(
    examples=(
        "watchkeeper hooks install",
        "watchkeeper hooks install codex goose",
        "watchkeeper hooks install claude --project",
        "watchkeeper hooks status",
        "watchkeeper hooks remove",
    ),
    then="watchkeeper hooks status",
)
@click.argument("action", type=click.Choice(["install", "remove", "status"]))
@click.argument("agents", nargs=-1, metavar="[AGENT...]")
@click.option("--project", "in_project", is_flag=True, help="This checkout's configuration, not the user's.")
@click.option(
    "--yes", "-y", "consented", is_flag=True, help="Do it without asking; the difference is shown all the same."
)
@repo_option
@json_option
def command(
    *, action: str, agents: tuple[str, ...], in_project: bool, consented: bool, folder: Path, as_json: bool
) -> int:
    """Install hooks in agents' own configuration, so that Watchkeeper sees what they do and they hear of conflicts.

    Shows the difference first, and asks. AGENT is claude, codex, copilot, cursor, gemini, goose, opencode or openhands;
    without one: those that are found here. `remove` gives every file back byte for byte. Hooks do nothing while
    no daemon runs.

    Exit code 1 when `status` finds a hook that does not run.
    """
    home = find_home(os.environ)
    if action == "status":
        return _show_status(home, folder, agents, as_json=as_json)
    scope = Scope(os.environ, _project(folder) if in_project else None)
    if action == "remove":
        plans = plan_remove(agents, scope, home)
    else:
        plans = plan_install(agents or _found(scope), scope, home)
    done = _show_and_perform(plans, home, consented=consented, as_json=as_json)
    if as_json:
        show_document({"files": [_document(plan, done=done) for plan in plans]})
    else:
        show(_sentences(plans, action, done=done), _next_step(plans, action, done=done))
    return Exit.NOTHING


def _project(folder: Path) -> Path:
    found = find_place(folder, os.environ).repository.found_at
    if found is None:
        raise NotARepositoryError(
            "A bare repository has no files, so no agent reads its configuration there",
            slug="no-worktree",
            hint="run it in one of its worktrees",
        )
    return found


def _found(scope: Scope) -> tuple[str, ...]:
    agents = find_agents(scope)
    if not agents:
        raise UsageError(
            "No agent that can be hooked is found here",
            slug="no-agent-found",
            hint="name it: watchkeeper hooks install AGENT",
        )
    return agents


def _show_and_perform(plans: Sequence[FilePlan], home: Path, *, consented: bool, as_json: bool) -> bool:
    """Whether it was done."""
    changes = [plan for plan in plans if plan.is_change]
    for plan in changes:
        for line in render_difference(plan):
            say(printable(line))
    if changes and not consented:
        if as_json or not sys.stdin.isatty():
            raise UsageError(
                "Files of others are changed only with consent, and there is nobody to ask; nothing was changed",
                slug="hooks-consent",
                hint="look at the difference above, then run it again with --yes",
            )
        if not click.confirm("Change these files?", err=True):
            return False
    if plans:
        perform(plans, make_home(home))
    return True


def _sentences(plans: Sequence[FilePlan], action: str, *, done: bool) -> list[str]:
    if not plans:
        return ["no hooks are installed"]
    if not done:
        return ["nothing was changed"]
    said = {True: "installed in" if action == "install" else "removed from", False: "nothing to change in"}
    return [printable(f"{plan.agent}: {said[plan.is_change]} {plan.path}") for plan in plans]


def _next_step(plans: Sequence[FilePlan], action: str, *, done: bool) -> str:
    if action == "remove" or not plans or not done:
        return "watchkeeper hooks status"
    asking = next((plan for plan in plans if get_vendor(plan.agent).setup.asks_trust), None)
    return "start codex, run /hooks in it and trust Watchkeeper's" if asking else "watchkeeper hooks status"


def _document(plan: FilePlan, *, done: bool) -> dict[str, object]:
    change = "\n".join(render_difference(plan))
    return {"agent": plan.agent, "path": str(plan.path), "changed": done and plan.is_change, "difference": change}


def _show_status(home: Path, folder: Path, agents: Sequence[str], *, as_json: bool) -> int:
    for name in agents:
        get_vendor(name)
    states = [state for state in look_at_hooks(home, os.environ, folder) if not agents or state.agent in agents]
    checks = [judge_hook(state) for state in states]
    if as_json:
        show_document({"hooks": [_state_document(state) for state in states]})
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        lines = [line for check in checks for line in render_check(check, terminal)]
        fixes = [check.fix for check in sorted(checks, key=lambda check: check.health is not Health.FAIL) if check.fix]
        step = fixes[0] if fixes else "watchkeeper watch" if states else "watchkeeper hooks install"
        show(lines or ["no hooks are installed"], step)
    return Exit.FOUND if any(check.health is Health.FAIL for check in checks) else Exit.NOTHING


def _state_document(state: HookState) -> dict[str, object]:
    return {
        "agent": state.agent,
        "path": state.path,
        "project": state.project,
        "standing": state.standing,
        "runs": None if state.standing is Standing.UNSURE else state.standing is Standing.GOOD,
        "detail": state.detail,
    }
