"""Scouts with the installed program: looked, filed, worked off by the fleet, gone, and never filed twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from fleetscene import FleetScene, fleet_scene
from gitrepo import GitRepo

pytestmark = pytest.mark.timeout(300)

ONLY = "errors security tests dead performance ux gaps dependencies database drift production".split()
CONFIG = "".join(f"[dimensions.{name}]\nenabled = false\n" for name in ONLY)
PLAN = 'PLAN mend: [[["write", "docs/deploy.md", "Push it."]]]'
AGENTS = f"# Shop\n\nRead [how it is deployed](docs/deploy.md) first. {PLAN}\n"


class Project:
    """A repository that scouts look at, with a state folder of its own."""

    def __init__(self, repo: GitRepo, home: Path) -> None:
        self.repo, self.home = repo, home

    def call(self, *words: str, codes: tuple[int, ...] = (0, 1)) -> Any:
        done = subprocess.run(
            [sys.executable, "-m", "watchkeeper", *words, "--repo", str(self.repo.path), "--json"],
            env={**os.environ, "WATCHKEEPER_HOME": str(self.home)},
            capture_output=True, text=True, check=False, timeout=120, cwd=self.repo.path,
        )  # fmt: skip
        assert done.returncode in codes, done.stderr
        return json.loads(done.stdout)

    def scout(self, *words: str) -> Any:
        (project,) = self.call("scout", *words)["projects"]
        return project


@pytest.fixture
def project(git_repo: GitRepo, tmp_path: Path) -> Project:
    git_repo.commit("begin", {"AGENTS.md": AGENTS, ".scout.toml": CONFIG, "shop.py": "x = 1\n"})
    return Project(git_repo, tmp_path / "home")


def test_what_is_found_is_filed_once_and_seen_again_after_the_lines_have_moved(project: Project) -> None:
    first = project.scout()
    project.repo.commit("unrelated", {"AGENTS.md": "# Our shop\n\nHello.\n\n" + AGENTS[7:], "other.py": "y = 2\n"})
    second = project.scout()

    assert first["dimensions"]["methodology"]["state"] == "found"
    (found,) = first["dimensions"]["methodology"]["findings"]
    (again,) = second["dimensions"]["methodology"]["findings"]
    assert (again["id"], again["new"], found["new"]) == (found["id"], False, True)
    assert [len(each["filed"]) for each in (first, second)] == [1, 0]
    assert len(project.call("issue", "list")["issues"]) == 1


def test_what_is_judged_false_is_never_filed_again_and_makes_the_dimension_clean(project: Project) -> None:
    (found,) = project.scout("--no-file")["dimensions"]["methodology"]["findings"]
    project.call("findings", found["id"], "--judge", "false", "--reason", "it is made when it is deployed")

    after = project.scout()

    assert after["dimensions"]["methodology"]["state"] == "clean"
    assert [each["holds"] for each in after["dimensions"]["methodology"]["findings"]] == [False]
    assert after["filed"] == []
    assert project.call("findings")["findings"] == []
    (kept,) = project.call("findings", "--all")["findings"]
    assert kept["judged"]["reason"] == "it is made when it is deployed"


def test_a_renamed_file_keeps_its_findings(project: Project) -> None:
    (found,) = project.scout("--no-file")["dimensions"]["methodology"]["findings"]
    project.repo.git("mv", "AGENTS.md", "docs.md")
    project.repo.commit("moved", {})
    (moved,) = project.scout("--no-file")["dimensions"]["methodology"]["findings"]
    project.repo.commit("later", {"z.py": "z = 1\n"})
    (later,) = project.scout("--no-file")["dimensions"]["methodology"]["findings"]

    assert moved["path"] == "docs.md"
    assert moved["id"] == later["id"] == found["id"]


def test_a_check_that_nobody_knows_is_no_look_and_one_issue_of_the_fleet_until_it_is_mended(project: Project) -> None:
    project.repo.commit("broken", {".scout.toml": CONFIG + '[dimensions.methodology]\nchecks = ["nothing"]\n'})
    for _ in range(2):
        blind = project.scout()
        assert blind["dimensions"]["methodology"]["state"] == "could-not-look"
        assert "nothing: there is no check of that name" in blind["dimensions"]["methodology"]["reason"]
    issues = [each for each in logged(project) if each["type"] == "issue-filed" and "could not look" in str(each)]
    assert len(issues) == 1
    (listed,) = project.call("issue", "list", "--of-fleet")["issues"]
    assert "there is no check of that name" in project.call("issue", "show", listed["id"])["issue"]["body"]

    project.repo.commit("mended", {".scout.toml": CONFIG})
    project.scout()
    assert closings(project) == 1

    project.repo.commit("again", {".scout.toml": CONFIG + '[dimensions.methodology]\nchecks = ["nothing"]\n'})
    project.scout()
    assert len(project.call("issue", "list", "--of-fleet")["issues"]) == 1, "it is open again"
    project.repo.commit("off", {".scout.toml": f"{CONFIG}[dimensions.methodology]\nenabled = false\n"})
    project.scout()
    assert closings(project) == 2, "who does not look any more is not blind"


def closings(project: Project) -> int:
    return sum(each["type"] == "issue-closed" and each["why"] == "source" for each in logged(project))


def logged(project: Project) -> list[dict[str, Any]]:
    from watchkeeper.app import open_log
    from watchkeeper.record.codec import encode_event

    with open_log(project.home, {}) as log:
        return [json.loads(encode_event(each.event)) for each in log.read(None)]


def test_two_at_once_do_not_look_twice(project: Project) -> None:
    from watchkeeper.record.lock import ProcessLock

    project.scout("--no-file")
    (place,) = (project.home / "projects").glob("*/scouts/scout.lock")
    lock = ProcessLock(place)
    assert lock.acquire()
    try:
        said = project.call("scout", codes=(5, 2, 3, 4, 1))
    finally:
        lock.release()
    assert said["error"]["slug"] == "scout-busy"


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[FleetScene]:
    with fleet_scene(tmp_path) as found:
        yield found


def test_an_idle_fleet_looks_files_works_off_what_it_filed_and_learns_that_it_was_true(scene: FleetScene) -> None:
    repo = scene.add("shop")
    repo.commit("guide", {"AGENTS.md": AGENTS, ".scout.toml": CONFIG})
    scene.configure()

    scene.up()
    scene.until(lambda: scene.open_issues("shop"), "scouts have filed an issue")
    (issue,) = scene.open_issues("shop")
    shown = scene.closed("shop", issue["id"])
    scene.down()

    assert shown["why"] == "landed"
    assert issue["title"].startswith("[Scout] The link in AGENTS.md to docs/deploy.md leads nowhere")
    report = scene.call("scout", "shop", "--fleet", str(scene.file))["projects"][0]
    assert report["dimensions"]["methodology"]["state"] == "clean"
    (found,) = scene.call("findings", "--all", "--fleet", str(scene.file))["findings"]
    assert found["judged"]["verdict"] == "true"
    assert found["gone"] is not None


def test_a_look_that_is_killed_keeps_what_had_ended_and_the_next_one_goes_on(project: Project) -> None:
    slow = CONFIG.replace("[dimensions.tests]\nenabled = false\n", "")
    head = 'coverage = "c.json"\nmeasure = "touch began; sleep 600"\n'
    asks = f'{head}{slow}[dimensions.tests]\nchecks = ["coverage"]\n'
    project.repo.commit("slow", {".scout.toml": asks})
    words = [sys.executable, "-m", "watchkeeper", "scout", "--repo", str(project.repo.path)]
    environ = {**os.environ, "WATCHKEEPER_HOME": str(project.home)}
    running = subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: bool(list(project.home.glob("projects/*/scouts/trees/*/tree/began"))), "the tests are measured")
        until(lambda: "scout-looked" in {each["type"] for each in logged(project)}, "another dimension has ended")
    finally:
        running.kill()
        running.wait(timeout=30)
    until(lambda: not sleepers(), "nothing that it started is left")
    assert project.call("issue", "list")["issues"] == [], "it had not come to filing"

    project.repo.commit("quick", {".scout.toml": CONFIG})
    after = project.scout()

    (found,) = after["dimensions"]["methodology"]["findings"]
    assert not found["new"], "it was recorded before the kill"
    assert len(after["filed"]) == 1


def until(condition: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, what
        time.sleep(0.1)


def sleepers() -> list[int]:
    return [each.pid for each in psutil.process_iter(["cmdline"]) if each.info["cmdline"] == ["sleep", "600"]]
