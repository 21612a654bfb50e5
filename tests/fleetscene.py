"""A fleet for tests: generated projects on real git with real tests, scripted agents, the installed program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil

from gitrepo import GitRepo
from watchkeeper.app import now, open_log
from watchkeeper.model.events import Event
from watchkeeper.model.fleet import Issue, IssueFiled, IssueId
from watchkeeper.model.ids import ProjectId
from watchkeeper.record.codec import FLEET_KINDS
from watchkeeper.repos.repository import find_repository

AGENT = Path(__file__).with_name("fleetagent.py")
PATIENCE_S = 90.0
_LOOK_S = 0.15
FUNCTIONS = 12


def module_text(number: int) -> str:
    return f"def f{number}(n):\n    return n\n"


def project_files(functions: int = FUNCTIONS) -> dict[str, str]:
    """Small modules, one function each, and a test that wants of each what two issues of it would leave true."""
    files = {f"m{number}.py": module_text(number) for number in range(functions)}
    test = ["import importlib", "import unittest", "", "", "class Modules(unittest.TestCase):"]
    for number in range(functions):
        test += [
            f"    def test_{number}(self):",
            f"        self.assertGreaterEqual(importlib.import_module('m{number}').f{number}(1), 1)",
        ]
    files["test_modules.py"] = "\n".join(test) + "\n"
    files["watchkeeper.toml"] = f'[project]\ntest = "{sys.executable} -m unittest -q"\n'
    files[".gitignore"] = "__pycache__/\n"
    return files


def plan_text(name: str, *turns: list[list[Any]]) -> str:
    """The text of an issue for the scripted agent."""
    return f"PLAN {name}: {json.dumps(turns)}"


class FleetScene:
    """A folder with projects, ``fleet.toml`` and a state folder of its own. Made with ``fleet_scene``."""

    def __init__(self, root: Path, home: Path) -> None:
        self.root, self.home = root, home
        self.marks = root / "marks"
        self.marks.mkdir()
        self.file = root / "fleet.toml"
        self.repos: dict[str, GitRepo] = {}

    def add(self, name: str, files: Mapping[str, str] | None = None) -> GitRepo:
        """A project with its first commit."""
        repo = self.repos[name] = GitRepo.create(self.root / name)
        repo.commit("base", files or project_files())
        return repo

    def configure(self, *, fleet: str = "", more: str = "") -> None:
        """Write ``fleet.toml`` for the projects that were added; ``fleet`` are further lines of its table."""
        projects = "".join(f'[[project]]\nname = "{name}"\npath = "{name}"\n' for name in self.repos)
        command = json.dumps([sys.executable, str(AGENT), str(self.marks)])
        self.file.write_text(
            f'[fleet]\nkeep_free_mb = 1\nretry_minutes = 0\nclashes = "tell"\n{fleet}\n{projects}'
            f'[agent.script]\ncommand = {command}\nprotocol = "plain"\nmemory_mb = 30\n{more}\n'
        )

    def call(self, *words: str, expect: Sequence[int] | None = (0, 1)) -> dict[str, Any]:
        """A verb of the installed program, as its document."""
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper", *words, "--json"],
            cwd=self.root, capture_output=True, text=True, timeout=PATIENCE_S, check=False,
            env={**os.environ, "WATCHKEEPER_HOME": str(self.home)},
        )  # fmt: skip
        assert expect is None or done.returncode in expect, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.stdout.strip() else {}
        return {**found, "code": done.returncode, "err": done.stderr}

    def issue(self, project: str, name: str, *turns: list[list[Any]], labels: Sequence[str] = ("ready",)) -> str:
        """File one that a scripted agent resolves by this plan; its id. ``name`` is that of its marks."""
        told = [each for each in self.record(project) if each["type"] == "issue-filed"]
        issue = Issue(
            IssueId(f"{project}#{len(told) + 1}"), f"Do {name}", plan_text(name, *turns), tuple(labels), filed_at=now()
        )
        self.tell(project, IssueFiled(issue))
        return issue.id

    def tell(self, project: str, event: Event) -> None:
        """Record something."""
        with open_log(self.home) as log:
            log.append(self.project(project), [event], now())

    def project(self, name: str) -> ProjectId:
        """By what the record knows it."""
        return find_repository(self.repos[name].path).project

    def shown(self, project: str, issue: str) -> dict[str, Any]:
        """``issue show``."""
        found: dict[str, Any] = self.call("issue", "show", issue, "--repo", str(self.repos[project].path))["issue"]
        return found

    def open_issues(self, project: str) -> list[dict[str, Any]]:
        found = self.call("issue", "list", "--repo", str(self.repos[project].path))
        return list(found["issues"])

    def fleet(self) -> dict[str, Any]:
        return self.call("fleet", "--fleet", str(self.file))

    def up(self) -> int:
        """The process of the daemon."""
        return int(self.call("up", "--fleet", str(self.file))["pid"])

    def down(self) -> None:
        self.call("down", "--fleet", str(self.file))

    def marked(self, name: str, what: str) -> list[dict[str, Any]]:
        """What agents wrote of themselves: ``start``, ``end``, ``two``."""
        place = self.marks / name
        lines = place.read_text().splitlines() if place.exists() else []
        return [each for each in map(json.loads, lines) if each["what"] == what]

    def until(self, condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> Any:
        """What the condition gives once it is true."""
        ends = time.monotonic() + patience_s
        while not (found := condition()):
            if time.monotonic() > ends:
                raise AssertionError(f"never: {what}\n{self.log()}")
            time.sleep(_LOOK_S)
        return found

    def closed(self, project: str, issue: str) -> dict[str, Any]:
        """Wait until it is closed; as it is shown then."""
        self.until(lambda: issue in self.closings(project), f"{issue} is closed")
        return self.shown(project, issue)

    def closings(self, project: str) -> dict[str, str]:
        """Issues that were closed, and why."""
        return {each["id"]: each["why"] for each in self.record(project) if each["type"] == "issue-closed"}

    def over(self, project: str) -> dict[str, str]:
        """Issues whose engagement is over without a change, by the reason."""
        told = self.record(project)
        of = {e["engagement"]["id"]: e["engagement"]["issue"] for e in told if e["type"] == "engagement-sealed"}
        last = {each["id"]: each for each in told if each["type"] == "engagement-moved"}
        bad = ("failed", "needs-person", "interrupted")
        return {of[name]: each["reason"] for name, each in last.items() if each["stage"] in bad}

    def waiting(self, project: str, issue: str) -> str:
        """Wait until its engagement is over without a change; why."""
        self.until(lambda: issue in self.over(project), f"{issue} is over")
        return self.over(project)[issue]

    def engagements(self, project: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = next(each for each in self.fleet()["projects"] if each["name"] == project)[
            "engagements"
        ]
        return found

    def record(self, project: str, kinds: Any = FLEET_KINDS) -> list[dict[str, Any]]:
        """What was recorded of the project, the oldest first."""
        with open_log(self.home) as log:
            return [
                {"at": each.at, **msgspec.to_builtins(each.event)}
                for each in log.read(self.project(project), kinds=kinds)
            ]

    def hub(self, project: str) -> Path:
        """Where git keeps what engagements did."""
        return self.home / "projects" / self.project(project) / "hub.git"

    def log(self) -> str:
        place = self.home / "fleet.log"
        return place.read_text(errors="replace")[-3000:] if place.exists() else ""

    def processes(self) -> list[psutil.Process]:
        """All that live and have to do with this scene: by environment, arguments or folder."""
        mark, found = str(self.root), []
        for each in psutil.process_iter():
            with suppress(psutil.Error, OSError):
                if each.pid == os.getpid() or each.status() == psutil.STATUS_ZOMBIE:
                    continue
                texts = (" ".join(each.cmdline()), each.environ().get("WATCHKEEPER_HOME", ""), each.cwd())
                if any(text.startswith(mark) or f"{mark}/" in text for text in texts):
                    found.append(each)
        return found


@contextmanager
def fleet_scene(root: Path) -> Iterator[FleetScene]:
    """Ended with the daemon down; a scene that leaves a process fails."""
    scene = FleetScene(root, root / "state")
    try:
        yield scene
    except BaseException:
        print(scene.log())
        raise
    finally:
        try:
            if scene.file.exists():
                scene.down()
            ends = time.monotonic() + 20
            while (left := scene.processes()) and time.monotonic() < ends:
                time.sleep(_LOOK_S)
            assert not left, f"left running: {[(each.pid, each.cmdline()) for each in left]}"
        finally:
            for each in scene.processes():
                with suppress(psutil.Error):
                    each.send_signal(signal.SIGKILL)
