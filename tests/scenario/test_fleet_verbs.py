"""The verbs of a fleet on real repositories, and the service that runs it."""

from __future__ import annotations

import json
import os
import plistlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gitrepo import GitRepo
from watchkeeper.app import open_log
from watchkeeper.cli.exits import Exit
from watchkeeper.cli.main import run
from watchkeeper.fleet.config import AgentEntry, FleetConfig, ProjectEntry
from watchkeeper.fleet.drafting import find_projects
from watchkeeper.fleet.reading import load_fleet, user_fleet_file
from watchkeeper.fleet.roster import call_roll
from watchkeeper.fleet.service import (
    Manager,
    Said,
    Wanted,
    build_path,
    lingers,
    load_service,
    perform_install,
    perform_remove,
    plan_no_service,
    plan_service,
    read_service_path,
    render_difference,
    render_plist,
    render_unit,
    service_path,
)
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet import DispatchOverruled, Issue, IssueFiled, IssueId
from watchkeeper.model.ids import Millis
from watchkeeper.repos.repository import find_repository

GOLDEN = Path(__file__).parents[1] / "golden" / "service"


class Spoken(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


Cli = Callable[..., Spoken]


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Cli:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "user"))

    def call(*argv: object) -> Spoken:
        capsys.readouterr()
        code = run([str(each) for each in argv])
        found = capsys.readouterr()
        return Spoken(code, found.out, found.err)

    return call


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two projects, and one agent that is there."""
    for name in ("shop", "api"):
        GitRepo.create(tmp_path / name).commit("first", {"a.py": "a = 1\n"})
    program = tmp_path / "bin" / "ada"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho ada 1.2.3\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    path = tmp_path / "fleet.toml"
    path.write_text("[[project]]\npath = 'shop'\n[[project]]\npath = 'api'\n[agent.ada]\ncommand = 'ada'\n")
    return path


def file_issue(folder: Path, identity: str, *labels: str, body: str = "") -> None:
    project = find_repository(folder).project
    with open_log(Path(os.environ["WATCHKEEPER_HOME"])) as log:
        issue = Issue(IssueId(identity), f"do {identity}", body, labels=labels)
        log.append(project, [IssueFiled(issue)], Millis(1))


def test_the_fleet_says_what_each_project_does_or_why_nothing(cli: Cli, fleet: Path) -> None:
    file_issue(fleet.parent / "shop", "shop#1", "ready")
    file_issue(fleet.parent / "api", "api#1", "needs-person")

    found = cli("fleet")

    assert found.code == Exit.FOUND
    assert "next: shop#1 by ada" in found.out
    assert "idle: no issue is free: 1 need a person" in found.out
    assert "for you: api#1: labelled needs-person" in found.out
    assert found.out.splitlines()[-1] == "next: watchkeeper overrule api#1"


def test_a_project_that_cannot_be_worked_on_is_told_and_the_others_are_shown(cli: Cli, fleet: Path) -> None:
    shutil.rmtree(fleet.parent / "api")

    found = cli("fleet", "--json")

    assert found.code == Exit.FOUND
    assert [each["name"] for each in found.document["projects"]] == ["shop"]
    assert found.document["problems"][0]["slug"] == "fleet-no-repository"


def test_without_a_fleet_it_is_said_how_to_make_one(cli: Cli) -> None:
    found = cli("fleet")

    assert found.code == Exit.NO_REPOSITORY
    assert "watchkeeper init --fleet" in found.err


def test_a_dry_run_records_nothing_and_a_run_what_is_decided_but_no_start(cli: Cli, fleet: Path) -> None:
    file_issue(fleet.parent / "shop", "shop#1", "ready")
    file_issue(fleet.parent / "shop", "shop#2", "backlog")

    dry = cli("dispatch", "--dry-run")
    assert "start  shop#1 by ada: labelled ready" in dry.out
    assert cli("dispatch", "--dry-run", "--json").document["recorded"] == 0

    assert cli("dispatch", "--json").document["recorded"] == 2
    assert cli("dispatch", "--json").document["recorded"] == 0
    assert "shop#2: idle: labelled backlog" in cli("log", "--repo", fleet.parent / "shop").out


def test_an_issue_is_overruled_by_its_number_where_only_one_project_has_it(cli: Cli, fleet: Path) -> None:
    file_issue(fleet.parent / "shop", "shop#1", "ready")
    file_issue(fleet.parent / "shop", "shop#7", "ready")
    file_issue(fleet.parent / "api", "api#1", "ready")

    assert cli("overrule", "1").err.count("[ambiguous-issue]") == 1
    assert cli("overrule", "shop#8").code == Exit.USAGE
    assert cli("overrule", "7", "--json").document["changed"] is True
    again = cli("overrule", "shop#7", "--json").document
    assert (again["changed"], again["reason"]) == (False, "it may go on already")
    with open_log(Path(os.environ["WATCHKEEPER_HOME"])) as log:
        events = [each.event for each in log.read(None) if isinstance(each.event, DispatchOverruled)]
    assert [each.issue for each in events] == ["shop#7"]


def test_init_makes_a_fleet_of_what_is_there_that_can_be_dispatched_at_once(cli: Cli, fleet: Path) -> None:
    fleet.unlink()
    package = {"scripts": {"dev": "next dev -p 3100"}}
    repo = GitRepo.create(fleet.parent / "deep" / "web")
    repo.commit("first", {"package.json": json.dumps(package)})
    repo.git("remote", "add", "origin", "https://token@example.org/acme/web.git")
    repo.worktree("side", "side")

    found = cli("init", "--fleet", "--json")

    assert found.document["projects"] == ["api", "shop", "web"]
    config = load_fleet(fleet)
    web = config.projects[2]
    assert (web.port, web.target, web.remote) == (3100, "main", "https://example.org/acme/web.git")
    assert not call_roll(config).problems
    assert cli("init", "--fleet", "--json").document["written"] is False
    assert cli("fleet").code == Exit.NOTHING


def test_linked_worktrees_and_folders_too_deep_are_no_projects(tmp_path: Path) -> None:
    GitRepo.create(tmp_path / "a" / "b" / "c" / "d").commit("x", {"x": "x"})
    GitRepo.create(tmp_path / "node_modules" / "e").commit("x", {"x": "x"})

    assert find_projects(tmp_path) == ()


def config_of(tmp_path: Path, *rows: ProjectEntry, **more: Any) -> FleetConfig:
    return FleetConfig(tmp_path / "fleet.toml", projects=rows, **more)


def test_every_way_in_which_a_project_is_not_what_is_configured_is_named(tmp_path: Path) -> None:
    repo = GitRepo.create(tmp_path / "web")
    repo.commit("first", {"in/a": "a"})
    repo.git("remote", "add", "origin", "git@github.com:acme/old.git")
    (tmp_path / "plain").mkdir()
    github = load_fleet(_written(tmp_path / "t.toml", "[tracker.hub]\nrepository = 'acme/web'\n")).trackers
    rows = {
        "missing": ProjectEntry("missing", tmp_path / "missing"),
        "plain": ProjectEntry("plain", tmp_path / "plain"),
        "inner": ProjectEntry("inner", tmp_path / "web" / "in"),
        "branch": ProjectEntry("branch", tmp_path / "web", target="nope"),
        "remote": ProjectEntry("remote", tmp_path / "web", remote="https://github.com/acme/web"),
        "tracker": ProjectEntry("tracker", tmp_path / "web", tracker="hub"),
        "good": ProjectEntry("good", tmp_path / "web", remote="https://github.com/acme/old", target="main"),
        "same": ProjectEntry("same", tmp_path / "web"),
    }

    roster = call_roll(config_of(tmp_path, *rows.values(), trackers=github))

    assert {name: error.slug for name, error in roster.problems.items()} == {
        "missing": "fleet-no-repository",
        "plain": "fleet-no-repository",
        "inner": "fleet-no-repository",
        "branch": "fleet-no-branch",
        "remote": "fleet-remote-differs",
        "tracker": "fleet-remote-differs",
        "same": "fleet-one-repository",
    }
    assert [each.entry.name for each in roster.members] == ["good"]


def test_projects_of_another_host_are_not_looked_at(tmp_path: Path) -> None:
    rows = (ProjectEntry("far", tmp_path / "nowhere", host="laptop"),)

    assert not call_roll(config_of(tmp_path, *rows), "server").problems
    assert call_roll(config_of(tmp_path, *rows), "Laptop").problems


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_doctor_names_versions_missing_agents_missing_keys_and_wrong_remotes(cli: Cli, fleet: Path) -> None:
    fleet.write_text(
        "[[project]]\npath = 'shop'\nremote = 'git@github.com:acme/shop.git'\n"
        "[agent.ada]\ncommand = 'ada'\nenv = ['KEY=FLEET_KEY']\n[agent.gone]\ncommand = 'gone'\n"
    )

    checks = {
        each["name"]: each for each in cli("doctor", "--json", "--repo", fleet.parent / "shop").document["checks"]
    }

    assert checks["agent ada"]["health"] == "warn"
    assert checks["agent ada"]["text"].startswith("ada 1.2.3 (")
    assert "FLEET_KEY" in checks["agent ada"]["text"]
    assert checks["agent gone"]["health"] == "fail"
    assert "git@github.com:acme/shop.git" in checks["project shop"]["text"]
    assert checks["service"]["health"] == "ok"


def test_doctor_says_nothing_of_a_fleet_where_there_is_none(cli: Cli, fleet: Path) -> None:
    fleet.unlink()

    names = {each["name"] for each in cli("doctor", "--json", "--repo", fleet.parent / "shop").document["checks"]}

    assert not names & {"fleet", "service"}


WANTED = Wanted(
    python="/opt/watch keeper/bin/python",
    fleet=Path('/home/ada/100% "mine"/fleet.toml'),
    home=Path("/home/ada/.local/state/watchkeeper"),
    path="/home/ada/my tools/bin:/usr/local/bin:/usr/bin:/bin",
    secrets=Path("/home/ada/.config/watchkeeper/fleet.env"),
    log=Path("/home/ada/.local/state/watchkeeper/fleet.log"),
)


@pytest.mark.parametrize(("name", "render"), [("fleet.service", render_unit), ("fleet.plist", render_plist)])
def test_the_service_is_what_was_reviewed(name: str, render: Callable[[Wanted], str], update_golden: bool) -> None:
    text = render(WANTED)
    if update_golden:
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / name).write_text(text)
    assert text == (GOLDEN / name).read_text()


def test_the_path_that_a_service_gets_is_read_back_as_it_was_written() -> None:
    assert read_service_path("systemd", render_unit(WANTED).encode()) == WANTED.path
    assert read_service_path("launchd", render_plist(WANTED).encode()) == WANTED.path


def test_launchd_reads_the_command_as_it_is_meant() -> None:
    document = plistlib.loads(render_plist(WANTED).encode())

    assert document["ProgramArguments"][-1] == str(WANTED.fleet)
    assert document["EnvironmentVariables"]["PATH"] == WANTED.path
    assert document["KeepAlive"] is True


def test_the_launchd_command_runs_with_the_keys_of_its_file_and_without_one(tmp_path: Path) -> None:
    secrets = tmp_path / "fleet.env"
    wanted = Wanted("/usr/bin/env", tmp_path / "fleet.toml", tmp_path, "/usr/bin:/bin", secrets, tmp_path / "log")
    command = plistlib.loads(render_plist(wanted).encode())["ProgramArguments"]
    command = command[: command.index("/usr/bin/env") + 1]

    def variables() -> str:
        return subprocess.run(command, env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True, text=True).stdout

    assert "FLEET_KEY" not in variables()
    secrets.write_text("FLEET_KEY='a b'\n")
    assert "FLEET_KEY=a b" in variables()


def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    folder = tmp_path / '100% "mine"'
    folder.mkdir()
    wanted = Wanted(sys.executable, folder / "fleet.toml", tmp_path, "/a b:/usr/bin", tmp_path / "fleet.env", tmp_path)
    unit = tmp_path / "watchkeeper-fleet.service"
    unit.write_text(render_unit(wanted))

    found = subprocess.run([program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)

    about = [line for line in found.stderr.splitlines() if unit.name in line]
    assert about == []

    unit.write_text(render_unit(wanted).replace("Restart=always", "Restart=perhaps"))
    worse = subprocess.run([program, "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert any(unit.name in line for line in worse.stderr.splitlines()), "it would have said so"


class Asked:
    """A manager that writes down what it is asked."""

    def __init__(self, code: int = 0) -> None:
        self.code, self.commands = code, list[Sequence[str]]()

    def __call__(self, command: Sequence[str]) -> Said:
        self.commands.append(command)
        return Said(self.code, "")


MANAGERS: tuple[Manager, ...] = ("systemd", "launchd")


@pytest.mark.parametrize("manager", MANAGERS)
@pytest.mark.parametrize("before", [None, b"[Unit]\n# mine\n"])
def test_removing_restores_byte_for_byte_what_was_there(tmp_path: Path, manager: Manager, before: bytes | None) -> None:
    environ, home, asked = {"HOME": str(tmp_path)}, tmp_path / "state", Asked()
    home.mkdir()
    place = service_path(manager, environ)
    if before is not None:
        place.parent.mkdir(parents=True)
        place.write_bytes(before)

    for _ in range(2):  # a second install must not take the first for what was there
        perform_install(plan_service(manager, WANTED, environ, 1000), home, asked)
    assert place.stat().st_mode & 0o777 == 0o600
    again = plan_service(manager, WANTED, environ, 1000)
    assert render_difference(again) == []
    perform_remove(plan_no_service(manager, environ, home, 1000), home, asked)

    assert (place.read_bytes() if place.exists() else None) == before
    assert place.parent.exists() is (before is not None)
    assert load_service(home) is None
    assert all(command[0] == ("systemctl" if manager == "systemd" else "launchctl") for command in asked.commands)


def test_a_file_that_was_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    plan = plan_service("systemd", WANTED, environ, 1000)
    plan.path.parent.mkdir(parents=True)
    plan.path.write_text("somebody's")

    with pytest.raises(WatchkeeperError) as caught:
        perform_install(plan, tmp_path, Asked())

    assert caught.value.slug == "service-changed"
    assert plan.path.read_text() == "somebody's"


def test_the_path_of_a_service_has_the_folders_of_the_agents_and_none_that_are_gone(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    environ = {"PATH": f"{here}:{tmp_path / 'gone'}:relative::/usr/bin"}

    found = build_path([str(there / "ada")], environ).split(":")

    assert found[:3] == [str(here), "/usr/bin", str(there)]
    assert all(Path(each).is_absolute() for each in found)


def test_lingering_is_seen_by_the_file_that_says_so(tmp_path: Path) -> None:
    (tmp_path / "ada").touch()

    assert lingers("ada", tmp_path)
    assert not lingers("bob", tmp_path)
    assert not lingers("", tmp_path)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="systemd is Linux's")
def test_a_service_is_shown_first_and_installed_with_consent_and_every_agent_found(cli: Cli, fleet: Path) -> None:
    place = service_path("systemd", os.environ)
    refused = cli("service", "install")
    assert (refused.code, "[service-consent]" in refused.err) == (Exit.USAGE, True)
    assert "+ExecStart=" in refused.err
    assert not place.exists()

    done = cli("service", "install", "--yes")
    assert place.exists()
    if done.code:  # no systemd runs here: the file is there, and that nobody runs it is said
        assert "[service-not-started]" in done.err
    status = cli("service", "status", "--json")
    checks = {each["name"]: each for each in status.document["checks"]}
    assert checks["service PATH"]["health"] == "ok"

    fleet.write_text(fleet.read_text().replace("command = 'ada'", "command = 'ada'\nenv = ['KEY=FLEET_KEY', 'LANG']"))
    secrets = user_fleet_file(os.environ).with_suffix(".env")
    checks = {each["name"]: each for each in cli("service", "status", "--json").document["checks"]}
    assert checks["service keys"]["text"] == "agents want FLEET_KEY, which the service does not have"
    secrets.parent.mkdir(parents=True, exist_ok=True)
    secrets.write_text("FLEET_KEY=x\n")

    shutil.rmtree(fleet.parent / "bin")
    checks = {each["name"]: each for each in cli("service", "status", "--json").document["checks"]}
    assert "service keys" not in checks
    assert checks["service PATH"]["health"] == "fail"
    assert "ada" in checks["service PATH"]["text"]
    assert cli("service", "remove", "--yes").code == Exit.NOTHING
    assert not place.exists()


def test_a_service_whose_agent_is_missing_is_refused_before_anything_is_written(cli: Cli, fleet: Path) -> None:
    fleet.write_text(fleet.read_text() + "[agent.gone]\ncommand = 'gone'\n")

    found = cli("service", "install", "--yes")

    assert "[service-agent-missing]" in found.err
    assert AgentEntry("gone", ("gone",)) in load_fleet(fleet).agents
    assert not service_path("systemd", os.environ).exists()
