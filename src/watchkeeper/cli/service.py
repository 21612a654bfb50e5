"""``watchkeeper service``: the system keeps the fleet running, over logout, crash and reboot."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from watchkeeper.cli.exits import Exit
from watchkeeper.cli.fleet_checks import service_checks
from watchkeeper.cli.fleet_place import fleet_option
from watchkeeper.cli.health import Health, render_check
from watchkeeper.cli.options import json_option
from watchkeeper.cli.output import find_terminal, say, show, show_document
from watchkeeper.cli.verb import verb
from watchkeeper.fleet.machine import find_program
from watchkeeper.fleet.reading import user_fleet_file
from watchkeeper.fleet.service import (
    Said,
    ServicePlan,
    Wanted,
    build_path,
    find_manager,
    lingers,
    perform_install,
    perform_remove,
    plan_no_service,
    plan_service,
    render_difference,
)
from watchkeeper.fleetplace import find_fleet
from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.printing import printable
from watchkeeper.record.home import find_home, make_home

_DEADLINE_S = 60.0


@verb(
    examples=(
        "watchkeeper service install",
        "watchkeeper service install --fleet ~/work/fleet.toml --yes",
        "watchkeeper service status",
        "watchkeeper service remove",
    ),
    then="watchkeeper service status",
)
@click.argument("action", type=click.Choice(["install", "remove", "status"]))
@click.option(
    "--yes", "-y", "consented", is_flag=True, help="Do it without asking; the difference is shown all the same."
)
@fleet_option
@json_option
def command(*, action: str, consented: bool, file: Path | None, as_json: bool) -> int:
    """Let systemd or launchd run the fleet: started at login or boot, and again whenever it ends.

    Shows the difference first, and asks. PATH is written out as it is here, and every agent is looked for on it. Keys
    that agents need stand in fleet.env in the configuration folder, which only the service reads. `remove` restores
    what was there before. Exit code 1 when `status` finds that it does not run, or not as it should.
    """
    home = find_home(os.environ)
    if action == "status":
        return _show_status(file, as_json=as_json)
    manager = find_manager(sys.platform)
    if action == "install":
        plan = plan_service(manager, _wanted(file, home), os.environ, os.getuid())
    else:
        plan = plan_no_service(manager, os.environ, home, os.getuid())
    done = _consent(plan, consented=consented, as_json=as_json)
    said: Sequence[Said] = ()
    if done:
        act = perform_install if action == "install" else perform_remove
        said = act(plan, make_home(home), run_manager)
    _refuse_silence(plan, said, action)
    difference = "\n".join(render_difference(plan))
    if as_json:
        show_document({"path": str(plan.path), "changed": done and plan.is_change, "difference": difference})
    else:
        show(_sentences(plan, action, done=done), _next(plan, action, done=done))
    return Exit.NOTHING


def run_manager(command: Sequence[str]) -> Said:
    """Run one command of systemd or launchd."""
    try:
        done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=_DEADLINE_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Said(127, f"{command[0]}: {error}")
    return Said(done.returncode, (done.stderr or done.stdout).decode("utf-8", "replace").strip())


def _wanted(file: Path | None, home: Path) -> Wanted:
    """Raises WatchkeeperError for a fleet that would not run: a service that fails says it to nobody."""
    place = find_fleet(file)
    for problem in place.roster.problems.values():
        raise problem
    here, folder = os.environ.get("PATH", os.defpath), place.config.origin.parent
    found = {each.name: find_program(each, here, folder) for each in place.config.agents}
    for name, program in found.items():
        if program is None:
            raise WatchkeeperError(
                f"The agent {name} is not on PATH, so the service would not find it either",
                slug="service-agent-missing",
                hint=f"install it, or take [agent.{name}] out of {place.config.origin}",
                facts={"agent": name, "path": here},
            )
    return Wanted(
        python=sys.executable,
        fleet=place.config.origin,
        home=home.absolute(),
        path=build_path([each for each in found.values() if each], os.environ),
        secrets=user_fleet_file(os.environ).with_suffix(".env"),
        log=home.absolute() / "fleet.log",
    )


def _consent(plan: ServicePlan, *, consented: bool, as_json: bool) -> bool:
    for line in render_difference(plan):
        say(printable(line))
    if plan.is_change and not consented:
        if as_json or not sys.stdin.isatty():
            raise UsageError(
                "A service is changed only with consent, and there is nobody to ask; nothing was changed",
                slug="service-consent",
                hint="look at the difference above, then run it again with --yes",
            )
        return click.confirm("Change this file?", err=True)
    return True


def _refuse_silence(plan: ServicePlan, said: Sequence[Said], action: str) -> None:
    """Of an install every command but the first has to succeed: before it, there may be nothing to end or reload."""
    failed = [each for each in said[-1:] if each.code] if action == "install" else []
    for each in failed:
        raise WatchkeeperError(
            f"{plan.path} was written, and {plan.manager} does not run it: {each.text or f'exit code {each.code}'}",
            slug="service-not-started",
            hint="systemctl --user status" if plan.manager == "systemd" else "launchctl print gui/$(id -u)",
            facts={"file": str(plan.path), "said": each.text},
        )


def _sentences(plan: ServicePlan, action: str, *, done: bool) -> list[str]:
    if not done:
        return ["nothing was changed"]
    if action == "remove":
        return [f"removed {plan.path}" if plan.is_change else "no service is installed"]
    return [f"{'wrote' if plan.is_change else 'nothing to change in'} {plan.path}; {plan.manager} runs it"]


def _next(plan: ServicePlan, action: str, *, done: bool) -> str:
    """What else the service needs is what `status` says first."""
    user = os.environ.get("USER", "")
    if done and action == "install" and plan.manager == "systemd" and not lingers(user):
        return f"loginctl enable-linger {user or '$USER'}, or it ends with your last session"
    return "watchkeeper fleet" if action == "remove" else "watchkeeper service status"


def _show_status(file: Path | None, *, as_json: bool) -> int:
    place = find_fleet(file)
    checks = service_checks(place.config, run_manager)
    if as_json:
        show_document({"checks": checks})
    else:
        terminal = find_terminal(sys.stdout, os.environ)
        fixes = [each.fix for each in checks if each.fix]
        lines = [line for each in checks for line in render_check(each, terminal)]
        show(lines, fixes[0] if fixes else "watchkeeper fleet")
    return Exit.FOUND if any(each.health is Health.FAIL for each in checks) else Exit.NOTHING
