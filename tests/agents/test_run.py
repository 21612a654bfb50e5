"""``watchkeeper run`` with the real Goose: what it does is heard, and a conflict is pushed into its running turn."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from daemons import daemon_of
from gitrepo import GitRepo
from homes import goose_environment
from scripted_model import ScriptedModel, Step

PRICES = "def price(n):\n    return n * 3\n\n\ndef other():\n    return 1\n"
PATIENCE_S = 60


class Run:
    """A repository with a worktree for Goose and one in which somebody else works; its turn waits until ``go``."""

    def __init__(self, repo: GitRepo, folder: Path, model: ScriptedModel) -> None:
        repo.commit("prices", {"prices.py": PRICES})
        self.repo, self.folder, self.model = repo, folder, model
        self.mine, self.theirs = repo.worktree("mine", "mine"), repo.worktree("theirs", "theirs")
        self.edited, self.go = folder / "edited", folder / "go"
        first = {"path": str(self.mine.path / "prices.py"), "old": "    return n * 3", "new": "    return n * 3 + 1"}
        then = {"path": str(self.mine.path / "prices.py"), "old": "    return 1", "new": "    return 2"}
        wait = f"touch {self.edited}; until [ -e {self.go} ]; do sleep 0.02; done"
        model.script(
            "goose",
            Step("I edit.", [("edit", first)]),
            Step("I run.", [("bash", {"command": wait})]),
            Step("I edit again.", [("edit", then)]),
            Step("I am done."),
        )

    def start(self, goose: Path) -> subprocess.Popen[str]:
        environment = goose_environment(self.folder / "goose-home", self.model.base_url("goose"))
        path = os.pathsep.join([str(goose.parent), environment["PATH"]])
        task = ["run", "goose", "change price", "--repo", str(self.mine.path), "--json"]
        return subprocess.Popen(
            [sys.executable, "-m", "watchkeeper", *task],
            env={**environment, "PATH": path, "WATCHKEEPER_HOME": os.environ["WATCHKEEPER_HOME"]},
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def log(self) -> list[dict[str, Any]]:
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper", "log", "--json", "--limit", "500", "--repo", str(self.repo.path)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return [json.loads(line) for line in done.stdout.splitlines()]

    def kinds(self) -> list[str]:
        return [line["kind"] for line in self.log()]


def wait_until(condition: Any, what: str) -> None:
    ends = time.monotonic() + PATIENCE_S
    while time.monotonic() < ends:
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError(f"never: {what}")


@pytest.fixture
def made(git_repo: GitRepo, tmp_path: Path, model: ScriptedModel) -> Run:
    return Run(git_repo, tmp_path, model)


@pytest.mark.xdist_group("agents")
def test_a_conflict_is_pushed_into_the_running_turn(goose: Path, made: Run) -> None:
    with daemon_of(made.repo.path, least=0):
        running = made.start(goose)
        wait_until(made.edited.exists, "the first edit")
        made.theirs.write("prices.py", PRICES.replace("return n * 3", "return n * 4"))
        wait_until(lambda: "notice-delivered" in made.kinds(), "the notice is delivered")
        made.go.touch()
        out, err = running.communicate(timeout=PATIENCE_S)
        assert running.returncode == 0, err
        log = made.log()

    assert "Watchkeeper: " in made.model.request_of_step("goose", 2).text, "before the next edit"
    assert "Watchkeeper: " not in made.model.request_of_step("goose", 1).text
    (delivered,) = [line["event"] for line in log if line["kind"] == "notice-delivered"]
    assert delivered["channel"] == "steer"
    (began,) = [line["event"]["session"] for line in log if line["kind"] == "session-began"]
    assert (began["id"], began["guest"], began["path"]) == ("goose-1", False, str(made.mine.path))
    assert [line["event"]["id"] for line in log if line["kind"] == "session-ended"] == ["goose-1"]
    acts = [json.loads(line)["act"] for line in out.splitlines()]
    assert {"write", "run", "idle", "end"} <= set(acts)


@pytest.mark.xdist_group("agents")
def test_without_a_daemon_it_works_as_it_would_alone(goose: Path, made: Run) -> None:
    made.go.touch()
    out, err = made.start(goose).communicate(timeout=PATIENCE_S)

    assert "return 2" in (made.mine.path / "prices.py").read_text(), err
    assert json.loads(out.splitlines()[-1])["act"] == "end"


def test_an_agent_that_is_not_known_is_a_usage_error(git_repo: GitRepo) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "watchkeeper", "run", "gose", "x", "--repo", str(git_repo.path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "goose" in done.stderr
