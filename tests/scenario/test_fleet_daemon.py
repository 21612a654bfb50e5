"""The fleet's daemon, with the installed program, real git, real tests and scripted agents."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleetscene import FleetScene, fleet_scene, plan_text
from gitrepo import GitRepo, contents_of
from watchkeeper.model.fleet import EngagementId, EngagementMoved, Stage
from watchkeeper.record.codec import LANDING_KINDS

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[FleetScene]:
    with fleet_scene(tmp_path) as found:
        yield found


def double(number: int) -> list[object]:
    return ["edit", f"m{number}.py", "return n\n", f"return n * {number + 2}\n"]


def test_an_issue_is_dispatched_done_landed_and_closed(scene: FleetScene) -> None:
    repo = scene.add("shop")
    scene.configure()
    place = str(repo.path)
    words = ("--body", plan_text("doubles", [double(0)]), "--label", "ready-for-dev", "--repo", place)
    issue = scene.call("issue", "new", "Do doubles", *words)["issue"]["id"]

    pid = scene.up()
    again = scene.call("up", "--fleet", str(scene.file))
    shown = scene.closed("shop", issue)

    assert (again["started"], again["pid"]) == (False, pid)
    assert shown["why"] == "landed"
    assert repo.git("show", "main:m0.py").endswith("return n * 2")
    assert len(scene.marked("doubles", "end")) == 1
    assert scene.fleet()["projects"][0]["engagements"] == []
    (engagement,) = attempts(scene, "shop", issue)
    worktrees = scene.hub("shop").parent / "worktrees"
    scene.until(lambda: not (worktrees / engagement).exists(), "nobody needs its worktree any more")
    assert any("m0.py" in files for files in pinned(scene, "shop", engagement)), "what it did is kept"


def attempts(scene: FleetScene, project: str, issue: str) -> list[str]:
    return list(scene.shown(project, issue)["attempts"])


def pinned(scene: FleetScene, project: str, engagement: str) -> list[str]:
    """What is kept of an engagement: each ref with its commit's files."""
    hub = GitRepo(scene.hub(project))
    refs = hub.git("for-each-ref", "--format=%(refname)", f"refs/watchkeeper/engagements/{engagement}").split()
    return [hub.git("ls-tree", "-r", "--name-only", each) for each in refs if not each.endswith("/seal")]


def test_a_daemon_that_ends_keeps_the_work_and_the_next_one_goes_on_with_it(scene: FleetScene) -> None:
    repo = scene.add("shop")
    scene.configure()
    go = scene.root / "go"
    turn = [["write", "half.py", "half = 1\n"], ["wait", str(go)], double(0)]
    issue = scene.issue("shop", "long", turn)

    scene.up()
    scene.until(lambda: list((scene.home / "projects").glob("*/worktrees/*/half.py")), "half of it is done")
    (before,) = scene.engagements("shop")
    scene.down()
    scene.until(lambda: not scene.processes(), "nothing of it runs any more")
    assert any("half.py" in files for files in pinned(scene, "shop", before["id"]))
    assert scene.fleet()["projects"][0]["engagements"][0]["stage"] == "running"

    go.touch()
    scene.up()
    assert scene.closed("shop", issue)["why"] == "landed"
    assert attempts(scene, "shop", issue) == [before["id"]], "it is the same engagement"
    assert repo.git("show", "main:half.py") == "half = 1"
    assert "1 file differs from where you began" in scene.marked("long", "start")[1]["prompt"]
    assert scene.marked("long", "two") == []


def test_a_killed_daemon_leaves_no_agent_and_the_next_one_goes_on(scene: FleetScene) -> None:
    scene.add("shop")
    scene.configure()
    go = scene.root / "go"
    issue = scene.issue("shop", "long", [["fork", 2], ["write", "half.py", "half = 1\n"], ["wait", str(go)], double(0)])

    pid = scene.up()
    scene.until(lambda: list((scene.home / "projects").glob("*/worktrees/*/half.py")), "half of it is done")
    os.kill(pid, signal.SIGKILL)
    scene.until(lambda: not scene.processes(), "its agent, its guardian and its watch end by themselves")

    go.touch()
    scene.up()
    assert scene.closed("shop", issue)["why"] == "landed"
    assert scene.marked("long", "two") == []
    told = [each["what"] for each in scene.record("shop") if each["type"] == "engagement-nudged"]
    assert told == ["taken over"]


def test_a_project_that_cannot_be_opened_keeps_no_other_back(scene: FleetScene) -> None:
    scene.add("gone")
    scene.add("shop")
    scene.configure()
    issue = scene.issue("shop", "doubles", [double(0)])
    shutil.rmtree(scene.root / "gone")

    started = scene.call("up", "--fleet", str(scene.file))

    assert started["code"] == 1
    assert scene.closed("shop", issue)["why"] == "landed"
    assert [(each["project"], each["slug"]) for each in scene.fleet()["problems"]] == [("gone", "fleet-no-repository")]


def test_agents_that_go_wrong_are_told_by_name_and_the_other_project_lands_all_the_same(scene: FleetScene) -> None:
    """Each at the same time as the others, on the same daemon."""
    scene.add("bad")
    shop = scene.add("shop")
    scene.configure(fleet="stuck_minutes = 0.05\nconcurrency = 8\nmax_attempts = 1")
    before = contents_of(scene.repos["bad"].path)
    outside = str(scene.root / "bad" / "new.py")
    bad = {
        "fails": ([["exit", 3]], ("its turn ended",)),
        "hangs": ([["write", "kept.py", "kept = 1\n"], ["wait", "/nowhere"]], ("nothing was seen of it",)),
        "deletes": ([double(2), ["empty"]], ("files",)),
        "escapes": ([["tell", outside, "x = 1\n"], ["wait", "/nowhere"]], ("wrote outside", outside)),
        "rewrites": ([["rewrite"]], ("history",)),
        "breaks": ([["write", "m4.py", "def f4(n):\n    return 0\n"]], ("tests fail",)),
        "nothing": ([["say", "I looked at it."]], ("changed nothing",)),
        "garbage": ([["fork", 3], ["garbage", 200]], ("changed nothing",)),
    }  # fmt: skip
    issues = {name: scene.issue("bad", name, turn) for name, (turn, _) in bad.items()}
    good = scene.issue("shop", "doubles", [double(0)])

    scene.up()

    assert scene.closed("shop", good)["why"] == "landed"
    assert shop.git("show", "main:m0.py").endswith("return n * 2")
    for name, (_, words) in bad.items():
        why = scene.waiting("bad", issues[name])
        assert all(word in why for word in words), (name, why)
        assert scene.marked(name, "two") == []
    assert bad["hangs"][1][0] in scene.shown("bad", issues["hangs"])["waits_for"]
    assert any("kept.py" in files for files in pinned(scene, "bad", attempts(scene, "bad", issues["hangs"])[0]))
    project = next(each for each in scene.fleet()["projects"] if each["name"] == "bad")
    held = {each["issue"] for each in project["issues"] if each["choice"] == "hold"}
    assert held == set(issues.values())
    (scene.root / "bad" / "new.py").unlink()
    assert contents_of(scene.repos["bad"].path) == before


@pytest.mark.parametrize(
    ("fleet", "words"),
    [('quiet = "00:00-23:59,23:59-00:00"', "quiet"), ("budget = { minutes = 0.000001 }", "budget")],
    ids=["quiet hours", "budget"],
)
def test_idle_for_a_reason_nothing_is_started(scene: FleetScene, fleet: str, words: str) -> None:
    scene.add("shop")
    scene.configure(fleet=fleet)
    if words == "budget":
        spend(scene)
    issue = scene.issue("shop", "doubles", [double(0)])

    scene.up()

    why = scene.until(
        lambda: [
            each["dispatch"]
            for each in scene.record("shop")
            if each["type"] == "dispatch-decided" and words in each["dispatch"]["why"]
        ],
        "it is recorded why nothing is started",
    )
    assert {each["choice"] for each in why} == {"idle"}
    assert any(words in json.dumps(each["decision"]) for each in scene.fleet()["projects"])
    assert attempts(scene, "shop", issue) == []
    assert scene.marked("doubles", "start") == []


def spend(scene: FleetScene) -> None:
    """An engagement of today that spent something."""
    scene.configure()
    issue = scene.issue("shop", "spends", [["spin", 0.1], double(5)])
    scene.up()
    scene.closed("shop", issue)
    scene.down()
    scene.configure(fleet="budget = { minutes = 0.000001 }")


def test_two_issues_in_one_function_one_lands_and_the_other_comes_back_and_is_repaired(scene: FleetScene) -> None:
    repo = scene.add("shop")
    scene.configure()
    both = [str(scene.root / name) for name in ("one-is-there", "two-is-there")]

    def turns(mine: int, text: str) -> list[list[list[object]]]:
        first = [["write", both[mine], ""], ["wait", both[1 - mine]], ["edit", "m0.py", "return n\n", text]]
        return [first, [["write", "m0.py", "def f0(n):\n    n = abs(n)\n    return n * 7\n"]]]

    issues = [
        scene.issue("shop", "one", *turns(0, "return n * 7\n")),
        scene.issue("shop", "two", *turns(1, "n = abs(n)\n    return n\n")),
    ]

    scene.up()
    shown = [scene.closed("shop", each) for each in issues]

    assert [each["why"] for each in shown] == ["landed", "landed"]
    assert repo.git("show", "main:m0.py") == "def f0(n):\n    n = abs(n)\n    return n * 7"
    prompts = [each["prompt"] for name in ("one", "two") for each in scene.marked(name, "start")]
    returned = next(each for each in prompts if "did not land" in each)
    assert "is merged into the folder" in returned
    assert "what both sides meant, in m0.py" in returned
    bounced = [each for each in scene.record("shop", LANDING_KINDS) if each["type"] == "entry-bounced"]
    assert [each["why"] for each in bounced] == ["clash"]
    assert [len(each["attempts"]) for each in shown] == [1, 1], "the same engagement repairs it"


def test_who_was_sent_back_and_not_woken_is_taken_up_all_the_same(scene: FleetScene) -> None:
    """As where its change comes back while its last work is just ending."""
    scene.add("shop")
    scene.configure()
    issue = scene.issue("shop", "doubles", [double(0)], [double(1)])
    scene.up()
    scene.closed("shop", issue)
    (engagement,) = attempts(scene, "shop", issue)

    scene.tell("shop", EngagementMoved(EngagementId(engagement), Stage.RUNNING, "it came back", notice="Look again."))

    scene.until(lambda: len(scene.marked("doubles", "end")) == 2, "its agent goes on")
