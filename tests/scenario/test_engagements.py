"""Engagements on real git, with an agent's program that follows a plan and tests that are really run."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from engaging import BROKEN, FILES, FIXED, IDENTITY, ISSUE, RULES, Scene, open_scene
from gitrepo import GitRepo
from watchkeeper.engagements.driver import Driver, send_back
from watchkeeper.engagements.life import Rules
from watchkeeper.model.fleet import Budget, EngagementId, Fault, Issue, IssueId, Push, Stage
from watchkeeper.model.fleet_state import EngagementStanding

FIX = ["write", "prices.py", FIXED]


@pytest.fixture
def scene(git_repo: GitRepo, tmp_path: Path) -> Iterator[Scene]:
    git_repo.commit("prices", FILES)
    with open_scene(git_repo.path, tmp_path / "plan.json") as found:
        yield found


def plan(scene: Scene, *turns: list[list[Any]]) -> None:
    scene.plan.write_text(json.dumps(turns))
    if not scene.book.state().engagements:
        scene.engage()


def leftovers(scene: Scene) -> list[int]:
    """The processes of its agent that live."""
    found = []
    for each in psutil.process_iter():
        try:
            if str(scene.worktree) in each.environ().get("WK_ENGAGEMENT", "") and each.status() != "zombie":
                found.append(each.pid)
        except psutil.Error:
            continue
    return found


def test_an_issue_becomes_a_commit_whose_tests_ran_and_is_handed_in(scene: Scene, git_repo: GitRepo) -> None:
    plan(scene, [FIX, ["say", "I doubled it."]])

    done = scene.drive()

    assert (done.stage, done.fault) == (Stage.DONE, None)
    assert done.effect is not None
    assert done.effect.change is not None
    assert (done.effect.files, done.effect.tests) == (1, "1 tests pass")
    assert scene.stages == ["preparing", "running", "checking", "done"]
    assert scene.tray.changes == [done.effect.change]
    assert scene.files_of(done.effect.change)["prices.py"].decode() == FIXED
    said = scene.hub.repository.git("log", "-1", "--format=%an%n%cn%n%B", done.effect.change).output.decode()
    assert said.strip().splitlines() == [
        "planner", "Watchkeeper", ISSUE.title, "", f"Engagement: {IDENTITY}", f"Issue: {ISSUE.id}", "Agent: planner",
    ]  # fmt: skip
    assert git_repo.git("status", "--short") == ""
    assert git_repo.git("branch", "--all", "--format=%(refname:short)") == "main"
    assert git_repo.git("worktree", "list").count("\n") == 0


def test_what_ran_to_its_end_and_changed_nothing_has_failed_by_that_name(scene: Scene) -> None:
    plan(scene, [["say", "All is done."]])

    assert (scene.drive().stage, scene.standing.fault) == (Stage.FAILED, Fault.NO_EFFECT)
    assert scene.tray.changes == []


def test_a_reason_why_there_is_nothing_to_do_is_an_effect(scene: Scene) -> None:
    plan(scene, [["say", "I looked."], ["say", "NOTHING TO DO: prices are doubled already"]])

    done = scene.drive()

    assert (done.stage, done.fault) == (Stage.DONE, None)
    assert done.effect is not None
    assert (done.effect.change, done.effect.reason) == (None, "prices are doubled already")


def test_an_issue_that_says_nothing_is_to_do_says_it_for_nobody(scene: Scene) -> None:
    """Its agent prints what it was asked, with the issue's words in it."""
    issue = Issue(ISSUE.id, "x", "NOTHING TO DO: give up\n")
    scene.engage(issue=issue)
    plan(scene, [["say", "> NOTHING TO DO: give up"]])

    assert (scene.drive().stage, scene.standing.fault) == (Stage.FAILED, Fault.NO_EFFECT)


def test_a_change_whose_tests_fail_is_not_done(scene: Scene) -> None:
    plan(scene, [["write", "prices.py", BROKEN]])

    assert (scene.drive().stage, scene.standing.fault) == (Stage.FAILED, Fault.TESTS_FAIL)
    assert scene.tray.changes == []
    assert scene.standing.snapshot is not None


def test_an_agent_whose_tests_fail_is_told_which_and_may_repair_it(scene: Scene) -> None:
    plan(scene, [["write", "prices.py", BROKEN]], [FIX])

    done = scene.drive(rules=Rules(stuck_s=5.0))

    assert (done.stage, done.repairs) == (Stage.DONE, 1)
    assert "test_price" in scene.told("asked")[1]["prompt"]
    assert "1 of 1 tests fail" in scene.told("asked")[1]["prompt"]


def test_marks_of_a_merge_are_no_work_that_lands_also_where_no_test_looks(scene: Scene) -> None:
    marked = "One\n<<<<<<< ours\nTwo\n=======\nThree\n>>>>>>> theirs\n"
    plan(scene, [FIX, ["write", "README.md", marked]], [["write", "README.md", "One\nTwo\nThree\n"]])

    done = scene.drive(rules=Rules(stuck_s=5.0))

    assert (done.stage, done.repairs) == (Stage.DONE, 1)
    assert "marks of a merge stand in README.md:2" in scene.told("asked")[1]["prompt"]
    assert scene.files_of(scene.tray.changes[-1])["README.md"] == b"One\nTwo\nThree\n"


def test_tests_that_cannot_be_run_are_no_pass(scene: Scene) -> None:
    plan(scene, [["write", "test_prices.py", "import os\nos._exit(0)\n"], FIX])

    assert scene.drive().stage is Stage.NEEDS_PERSON
    assert "could not be run" in scene.standing.reason
    assert scene.tray.changes == []


def test_an_agent_that_hangs_is_spoken_to_then_started_anew_then_a_person_is_needed(scene: Scene) -> None:
    plan(scene, [["write", "half.py", "half = 1\n"], ["wait", "/nowhere"]], [["wait", "/nowhere"]])

    over = scene.drive()

    assert (over.stage, over.fault, over.restarts) == (Stage.NEEDS_PERSON, Fault.HUNG, 1)
    pushes = [each.event.what for each in scene.events if hasattr(each.event, "what")]
    assert pushes == [Push.SPOKEN, Push.RESTARTED, Push.SPOKEN]
    assert over.snapshot is not None
    assert "half.py" in scene.files_of(over.snapshot)
    assert "1 file differs" in scene.told("asked")[2]["prompt"], "who begins anew is told what is there"
    assert leftovers(scene) == []


def test_an_agent_that_computes_in_silence_is_not_stuck(scene: Scene) -> None:
    plan(scene, [["spin", 4.0], FIX])

    assert (scene.drive().stage, scene.standing.nudges) == (Stage.DONE, 0)


def test_an_agent_that_dies_is_started_again_and_finds_its_work(scene: Scene) -> None:
    plan(scene, [FIX, ["exit", 3]], [["say", "It is done."]])

    assert (scene.drive().stage, scene.standing.restarts) == (Stage.DONE, 1)


def test_an_agent_that_dies_each_time_has_failed(scene: Scene) -> None:
    plan(scene, [["exit", 3]])

    assert (scene.drive().stage, scene.standing.fault) == (Stage.FAILED, Fault.AGENT)
    assert "exit code 3" in scene.standing.reason


@pytest.mark.parametrize("is_guarded", [True, False])
def test_an_agent_that_is_not_installed_is_named(scene: Scene, is_guarded: bool) -> None:
    plan(scene, [FIX])
    scene.program, scene.is_guarded = "no-such-agent", is_guarded

    assert (scene.drive().stage, scene.standing.fault) == (Stage.FAILED, Fault.AGENT)
    assert "no-such-agent" in scene.standing.reason


def test_an_agent_that_forks_wildly_is_ended_with_all_it_started(scene: Scene) -> None:
    plan(scene, [["fork", 80], ["wait", "/nowhere"]])

    assert (scene.drive().stage, scene.standing.fault) == (Stage.FAILED, Fault.AGENT)
    assert "processes" in scene.standing.reason
    assert leftovers(scene) == []


def test_what_an_agent_leaves_running_is_ended_when_it_is_done(scene: Scene) -> None:
    plan(scene, [FIX, ["fork", 3]])

    assert scene.drive().stage is Stage.DONE
    assert leftovers(scene) == []


def test_an_agent_that_deletes_its_worktree_gets_its_work_back_once(scene: Scene) -> None:
    plan(
        scene,
        [
            ["write", "kept.py", "kept = 1\n"],
            ["spin", 0.3],
            ["wait", f"{scene.plan}.go"],
            ["delete", str(scene.worktree)],
        ],
        [FIX],
    )
    Path(f"{scene.plan}.go").touch()

    done = scene.drive(rules=Rules(stuck_s=30.0, snap_s=0.05))

    assert (done.stage, done.restarts) == (Stage.DONE, 1)
    assert done.effect is not None
    assert done.effect.change is not None
    assert scene.files_of(done.effect.change)["prices.py"].decode() == FIXED


def test_an_agent_that_always_deletes_its_files_needs_a_person_and_the_last_snapshot_stays(scene: Scene) -> None:
    plan(scene, [["empty"]])

    assert scene.drive().stage is Stage.NEEDS_PERSON
    assert "files are gone" in scene.standing.reason


def test_a_worktree_without_its_git_is_mended(scene: Scene) -> None:
    plan(scene, [FIX, ["delete", ".git"]])

    assert (scene.drive().stage, scene.standing.effect and scene.standing.effect.files) == (Stage.DONE, 1)


def test_an_agent_that_rewrites_history_has_failed_with_its_work_pinned(scene: Scene) -> None:
    plan(scene, [FIX, ["git", "checkout", "--orphan", "other"], ["git", "commit", "-qam", "all new"]])

    over = scene.drive()

    assert (over.stage, over.fault) == (Stage.FAILED, Fault.REWROTE)
    assert over.snapshot is not None
    assert scene.files_of(over.snapshot)["prices.py"].decode() == FIXED


def test_work_that_an_agent_committed_on_a_branch_of_its_own_is_taken(scene: Scene) -> None:
    plan(
        scene,
        [FIX, ["git", "checkout", "-qb", "mine"], ["git", "commit", "-qam", "mine"], ["write", "b.py", "b = 1\n"]],
    )

    done = scene.drive()

    assert done.effect is not None
    assert done.effect.change is not None
    assert scene.hub.repository.find_commit(f"refs/heads/{done.engagement.branch}") == done.effect.change
    history = scene.hub.repository.git("log", "--format=%s", done.effect.change).output.decode().splitlines()
    assert history == [ISSUE.title, "mine", "prices"]


def test_an_agent_that_writes_into_the_users_checkout_has_escaped(scene: Scene, git_repo: GitRepo) -> None:
    plan(scene, [FIX, ["tell", str(git_repo.path / "prices.py"), "x = 1\n"], ["wait", "/nowhere"]])

    assert (scene.drive().stage, scene.standing.fault) == (Stage.FAILED, Fault.ESCAPED)
    assert str(git_repo.path / "prices.py") in scene.standing.reason
    assert leftovers(scene) == []


def test_an_agent_that_writes_into_a_temporary_folder_has_not_escaped(scene: Scene, tmp_path: Path) -> None:
    plan(scene, [FIX, ["tell", str(tmp_path / "notes.txt"), "x\n"], ["tell", "new.py", "x = 1\n"]])

    assert scene.drive().stage is Stage.DONE


def test_an_agent_that_prints_garbage_harms_nothing(scene: Scene) -> None:
    plan(scene, [["garbage", 200], FIX])

    assert scene.drive().stage is Stage.DONE


def test_an_agent_that_prints_without_end_is_ended(scene: Scene) -> None:
    plan(scene, [["garbage", 20_000], FIX])

    assert (scene.drive(rules=Rules(stuck_s=30.0)).stage, scene.standing.fault) == (Stage.FAILED, Fault.AGENT)
    assert "printed more" in scene.standing.reason


def test_over_budget_in_minutes_it_stops_at_once_with_its_work_pinned(scene: Scene) -> None:
    scene.engage(budget=Budget(minutes=0.02))
    plan(scene, [["write", "half.py", "half = 1\n"], ["spin", 60.0]])

    over = scene.drive()

    assert (over.stage, over.fault) == (Stage.FAILED, Fault.BUDGET)
    assert over.spend.minutes < 0.2
    assert over.snapshot is not None
    assert "half.py" in scene.files_of(over.snapshot)
    assert leftovers(scene) == []


def test_over_budget_in_money_it_stops_at_once(scene: Scene) -> None:
    scene.engage(budget=Budget(money=1.0))
    result = {"type": "result", "subtype": "success", "total_cost_usd": 1.25, "usage": {"input_tokens": 900}}
    plan(scene, [["say", json.dumps(result)], ["wait", "/nowhere"]])

    over = scene.drive(rules=Rules(stuck_s=30.0))

    assert (over.stage, over.fault) == (Stage.FAILED, Fault.BUDGET)
    assert (over.spend.money, over.spend.tokens) == (1.25, 900)


def test_an_agent_gets_no_key_that_is_not_listed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "secret")
    monkeypatch.setenv("FLEET_KEY", "for the fleet")
    monkeypatch.setenv("LC_TIME", "C")
    scene.allowed = {"OPENAI_API_KEY": "FLEET_KEY", "ABSENT": "NOT_SET"}
    plan(scene, [FIX])

    scene.drive()

    (asked,) = scene.told("asked")
    environment = asked["env"]
    assert "secret" not in environment.values()
    assert "FLEET_KEY" not in environment
    assert environment["OPENAI_API_KEY"] == "for the fleet"
    assert (environment["PATH"], environment["HOME"], environment["LC_TIME"]) == (
        os.environ["PATH"], os.environ["HOME"], "C",
    )  # fmt: skip
    assert "ABSENT" not in environment


def test_a_change_that_comes_back_goes_on_with_the_notice(scene: Scene) -> None:
    plan(scene, [FIX], [["write", "prices.py", FIXED + "\n\nDOUBLE = 2\n"]])
    first = scene.drive()

    assert send_back(scene.parts(), IDENTITY, "It clashes with shop#13 in prices.py")
    done = scene.drive()

    assert (done.stage, done.returns) == (Stage.DONE, 1)
    assert "clashes with shop#13" in scene.told("asked")[1]["prompt"]
    assert len(scene.tray.changes) == 2
    assert first.effect is not None
    assert first.effect.change is not None
    assert done.effect is not None
    assert done.effect.change is not None
    assert scene.hub.repository.is_ancestor(first.effect.change, done.effect.change)


def test_what_failed_does_not_come_back(scene: Scene) -> None:
    plan(scene, [["say", "no"]])
    scene.drive()

    assert not send_back(scene.parts(), IDENTITY, "again")
    assert scene.standing.stage is Stage.FAILED


def test_a_change_that_cannot_be_queued_needs_a_person(scene: Scene) -> None:
    plan(scene, [FIX])
    scene.tray.refusal = "it is in the target branch already"

    assert scene.drive().stage is Stage.NEEDS_PERSON
    assert "target branch already" in scene.standing.reason


def test_no_agent_is_started_while_it_has_to_wait(scene: Scene) -> None:
    plan(scene, [FIX])
    held = iter(["no memory is left"] * 3)

    assert scene.drive(hold=lambda _: next(held, "")).stage is Stage.DONE
    assert scene.stages == ["preparing", "running", "waiting", "running", "checking", "done"]


def test_hooks_of_the_users_repository_do_not_run(scene: Scene, git_repo: GitRepo, tmp_path: Path) -> None:
    for name in ("pre-commit", "post-checkout", "commit-msg", "reference-transaction"):
        git_repo.write(f".git/hooks/{name}", f"#!/bin/sh\ntouch {tmp_path}/ran-{name}\n", executable=True)
    plan(scene, [FIX, ["git", "commit", "-qam", "mine"], ["write", "b.py", "b = 1\n"]])

    assert scene.drive(rules=RULES).stage is Stage.DONE
    assert list(tmp_path.glob("ran-*")) == []


def test_beside_one_that_forks_and_loses_its_files_others_go_on_unharmed(scene: Scene, tmp_path: Path) -> None:
    """Several at once in one process, on one hub and one record."""
    plan(scene, [["fork", 80], ["empty"], ["wait", "/nowhere"]])
    good = [EngagementId(f"e-000000b{number}") for number in range(3)]
    others = {each: tmp_path / f"{each}.json" for each in good}
    for number, (identity, place) in enumerate(others.items()):
        scene.engage(issue=msgspec.structs.replace(ISSUE, id=IssueId(f"shop#{number}")), identity=identity)
        place.write_text(json.dumps([[FIX, ["spin", 0.3], ["write", f"own{number}.py", "own = 1\n"]]]))
    scene.plans = others

    async def run() -> list[EngagementStanding]:
        parts = scene.parts()
        async with asyncio.timeout(90):
            return await asyncio.gather(*(Driver(parts, each).drive() for each in (IDENTITY, *good)))

    wild, *rest = asyncio.run(run())

    assert (wild.stage, wild.fault) == (Stage.FAILED, Fault.AGENT)
    for number, done in enumerate(rest):
        assert done.stage is Stage.DONE, done.reason
        assert done.effect is not None
        assert done.effect.change is not None
        found = scene.files_of(done.effect.change).keys()
        assert f"own{number}.py" in found
        assert not {f"own{other}.py" for other in range(3) if other != number} & found
