"""What goes wrong around the queue is told with its cause, loses nothing, and is over when its cause is gone."""

from __future__ import annotations

import os
from contextlib import closing
from itertools import count
from pathlib import Path
from threading import Event

import pytest

from gitrepo import GitRepo
from landingscene import PYTEST, Verbs, begin, finish
from watchkeeper.app import find_place, now
from watchkeeper.cli.main import run
from watchkeeper.controlroom.wording.landing import describe_landing
from watchkeeper.landing.driver import Driver
from watchkeeper.landing.workshop import GitWorkshop
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.model.landing import Entry, EntryId, LandingIntended, LandingVoid, QueueResumed, TargetMoved
from watchkeeper.queueing import open_book, open_landing
from watchkeeper.repos.authors import Committer
from watchkeeper.repos.landingcommits import Method
from watchkeeper.repos.moving import LocalBranch, Outcome, TargetBranch

SHOP = {"shop.py": "NAME = 'shop'\n", "test_shop.py": "import shop\n\n\ndef test_name():\n    assert shop.NAME\n"}
README = {"README.md": "a shop\n"}


@pytest.fixture
def verbs(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> Verbs:
    return Verbs(git_repo, capfd)


def share(repo: GitRepo, folder: Path) -> GitRepo:
    """A bare repository that is the remote ``origin``."""
    repo.git("clone", "-q", "--bare", str(repo.path), str(folder))
    repo.git("remote", "add", "origin", str(folder))
    return GitRepo(folder)


def drive_until_halted(repo: GitRepo) -> None:
    """As a daemon does, up to where nothing lands any more."""
    ended = Event()
    with open_landing(find_place(repo.path, os.environ)) as landing:
        driver = Driver(landing.book, landing.workshop, landing.gate, landing.policy, now, on_ended=ended.set)
        with closing(driver):
            driver.recover()
            while landing.book.queue.halted is None:
                if not driver.step():
                    assert ended.wait(60), "nothing goes on"
                    ended.clear()


def test_the_url_of_a_remote_may_be_relative_to_the_checkout(git_repo: GitRepo, verbs: Verbs, tmp_path: Path) -> None:
    begin(git_repo, SHOP, landing='remote = "origin"')
    shared = share(git_repo, tmp_path / "shared.git")
    git_repo.git("remote", "set-url", "origin", "../shared.git")
    finish(git_repo, "readme", README)

    assert verbs.land("readme")["readme/1"]["state"] == "landed"
    assert shared.git("show", "main:README.md") == "a shop"


def test_what_a_remotes_hook_says_is_told_and_who_lands_again_need_not_wait(
    git_repo: GitRepo, verbs: Verbs, tmp_path: Path
) -> None:
    begin(git_repo, SHOP, landing='remote = "origin"')
    hook = share(git_repo, tmp_path / "shared.git").path / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\necho 'not on fridays' >&2\nexit 1\n")
    hook.chmod(0o755)
    finish(git_repo, "readme", README)
    verbs("land", "readme", "--no-wait")

    drive_until_halted(git_repo)
    halted = verbs("queue")["halted"]
    hook.unlink()
    after = verbs.land("readme")

    assert "not on fridays" in halted
    assert after["readme/1"]["state"] == "landed"
    with open_book(find_place(git_repo.path, os.environ)) as book:
        said = [event.by for event in book.history() if isinstance(event, QueueResumed)]
    assert len(said) == 1
    assert said != ["watchkeeper"], "it was tried at once, not after a pause"


def test_a_remote_that_is_away_is_told_as_such(git_repo: GitRepo, verbs: Verbs, tmp_path: Path) -> None:
    begin(git_repo, SHOP, landing='remote = "origin"')
    shared = share(git_repo, tmp_path / "shared.git")
    finish(git_repo, "readme", README)
    shared.path.rename(tmp_path / "away.git")

    error = verbs("land", "readme")["error"]

    assert error["slug"] == "remote-unreachable"
    assert "main at origin does not answer" in error["message"]


def test_a_test_command_that_runs_nowhere_is_told_with_its_words_and_is_no_red_branch(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    begin(git_repo, SHOP, test="no-such-program --all")
    finish(git_repo, "readme", README)

    before = verbs.land("readme")
    halted = verbs("queue")["halted"]
    configuration = git_repo.path / "watchkeeper.toml"
    configuration.write_text(configuration.read_text().replace("no-such-program --all", "true"))
    after = verbs.land("readme")

    assert before["readme/1"]["state"] == "waiting"
    assert "cannot be run" in halted
    assert "no-such-program" in halted
    assert after["readme/1"]["state"] == "landed"


def test_who_makes_the_tests_impossible_to_run_past_the_queue_is_named(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, {"run": "exit 0\n"}, test="sh run")
    finish(git_repo, "readme", README)
    verbs.land("readme")
    git_repo.commit("break it", {"run": "exec no-such-program\n"})

    red = verbs("land", "--from-main")["red"]

    assert "no-such-program" in red["reason"]
    assert red["entries"][-1].startswith("past-the-queue-")
    assert red["revert"]


def test_a_red_branch_says_how_its_command_ended(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP, test="echo 'the broker is not there' && exit 3")
    finish(git_repo, "readme", README)

    verbs.land("readme")

    assert "the broker is not there" in verbs("queue")["halted"]


class FullDisk:
    """A branch whose first move ends in an error, before or after the branch was moved."""

    def __init__(self, branch: TargetBranch, *, moves: bool) -> None:
        self._branch = branch
        self._moves = moves
        self._is_full = True

    def read_tip(self) -> Sha | None:
        return self._branch.read_tip()

    def move(self, old: Sha, new: Sha, message: str) -> Outcome:
        if not self._is_full:
            return self._branch.move(old, new, message)
        self._is_full = False
        if self._moves:
            self._branch.move(old, new, message)
        raise WatchkeeperError("no space left", slug="disk-full", hint="df -h")


@pytest.mark.parametrize("moves", [False, True])
def test_where_git_fails_while_the_branch_is_moved_the_branch_says_what_came_of_it(
    git_repo: GitRepo, verbs: Verbs, *, moves: bool
) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "readme", README)
    verbs("land", "readme", "--no-wait")
    place, ended = find_place(git_repo.path, os.environ), Event()

    with open_landing(place) as landing:
        hub = landing.analysis.hub
        branch = FullDisk(LocalBranch(hub, place.repository, "main"), moves=moves)
        shop = GitWorkshop(hub, branch, Method.MERGE, lambda: Committer(hub, place.repository, now() // 1000))
        driver = Driver(landing.book, shop, landing.gate, landing.policy, now, on_ended=ended.set)
        with closing(driver):
            driver.recover()
            while landing.book.queue.halted is None and not driver.statistics().landings:
                if not driver.step():
                    assert ended.wait(60), "nothing goes on"
                    ended.clear()
        halted = landing.book.queue.halted
        events = list(landing.book.history())

    assert (halted is None) is moves
    assert halted is None or halted.reason == "no space left"
    assert [each.reason for each in events if isinstance(each, LandingVoid)] == ([] if moves else ["no space left"])
    verbs("land", "readme")
    assert verbs("queue", "readme")["entry"]["state"] == "landed"
    assert git_repo.git("show", "main:README.md") == "a shop"


def test_what_was_told_once_is_not_told_again(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    begin(git_repo, SHOP, test=PYTEST)
    finish(git_repo, "readme", README)
    finish(git_repo, "licence", {"LICENSE": "free\n"})
    run(["land", "readme", "--repo", str(git_repo.path)])
    first = capfd.readouterr().err

    run(["land", "licence", "--repo", str(git_repo.path)])
    second = capfd.readouterr().err

    assert "readme/1 wants to land" in first
    assert "licence/1 wants to land" in second
    assert "readme" not in second


def test_what_nobody_looked_at_yet_is_not_said_to_pass(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "readme", README)
    run(["land", "readme", "--repo", str(git_repo.path)])
    git_repo.commit("break it", {"shop.py": "NAME = ''\n"})
    capfd.readouterr()

    run(["land", "--from-main", "--no-wait", "--repo", str(git_repo.path)])
    before = capfd.readouterr().out
    run(["land", "--from-main", "--repo", str(git_repo.path)])
    after = capfd.readouterr().out

    assert "passes" not in before
    assert "not tested yet" in before
    assert "itself fails test_shop.py::test_name" in after


def test_a_run_of_a_driver_that_is_gone_is_not_said_to_go_on(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "readme", README)
    verbs("land", "readme", "--no-wait")
    place = find_place(git_repo.path, os.environ)
    with open_landing(place) as landing:
        assert landing.lock.acquire()
        driver = Driver(landing.book, landing.workshop, landing.gate, landing.policy, now)
        driver.recover()
        driver.step()
        began = list(landing.book.queue.runs.values())
        while_driven = verbs("queue")
        landing.lock.release()  # as a kill leaves it: the run has begun, and nobody tells how it ended
        after = verbs("queue")
        driver.close()

    assert began
    assert while_driven["driven"]
    assert len(while_driven["runs"]) == 1
    assert not after["driven"]
    assert after["runs"] == []


def test_a_halt_without_a_reason_halts_and_is_seen(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)

    halted = verbs("queue", "--halt", " ")
    code = verbs.code

    assert halted["halted"] == "somebody said so"
    assert code == 1


def test_of_a_long_queue_the_head_is_shown_and_who_waits_for_a_person(
    git_repo: GitRepo, verbs: Verbs, capfd: pytest.CaptureFixture[str]
) -> None:
    begin(git_repo, SHOP)
    changes = [f"change-{number}" for number in range(24)]
    for number, change in enumerate(changes):
        finish(git_repo, change, {f"part_{number}.py": "X = 1\n"})
    verbs("land", *changes, "--no-wait")
    verbs("hold", "change-23")

    run(["queue", "--repo", str(git_repo.path)])
    lines = capfd.readouterr().out.splitlines()

    shown = [line for line in lines if "work of change-" in line]
    assert len(shown) == 21
    assert "change-23/1" in shown[-1]
    assert any("and 3 more behind them" in line for line in lines)
    assert lines[-2:] == ["nobody drives the queue, so nothing is run", "next: watchkeeper up"]


def test_who_asks_for_an_entry_that_is_gone_is_led_to_what_became_of_it(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "readme", README)
    verbs("land", "readme", "--no-wait")
    verbs("bounce", "readme", "--reason", "")

    error = verbs("hold", "readme")["error"]
    page = verbs("queue", "readme")

    assert error["slug"] == "not-in-queue"
    assert error["hint"].startswith("what became of it: watchkeeper queue readme")
    assert (page["entry"]["state"], page["entry"]["reason"]) == ("bounced", "somebody said so")


def test_a_target_branch_that_the_remote_does_not_have_is_named(
    git_repo: GitRepo, verbs: Verbs, tmp_path: Path
) -> None:
    begin(git_repo, SHOP, landing='remote = "origin"')
    shared = share(git_repo, tmp_path / "shared.git")
    finish(git_repo, "readme", README)
    shared.git("branch", "-m", "main", "trunk")

    error = verbs("land", "readme")["error"]

    assert (error["slug"], error["hint"]) == ("no-target", "git push origin main")


@pytest.mark.parametrize(
    "options", [("--from-main", "readme"), ("--revert", "readme/1", "readme"), ("readme", "--since", "main")]
)
def test_what_land_would_have_to_ignore_it_refuses(git_repo: GitRepo, verbs: Verbs, options: tuple[str, ...]) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "readme", README)

    assert verbs("land", *options)["error"]["slug"] == "usage"


def test_a_branch_with_another_history_goes_back_with_the_reason(
    git_repo: GitRepo, capfd: pytest.CaptureFixture[str]
) -> None:
    begin(git_repo, SHOP)
    git_repo.git("checkout", "-q", "--orphan", "foreign")
    git_repo.commit("foreign", {"foreign.py": "X = 1\n"})
    git_repo.git("checkout", "-q", "main")

    run(["land", "foreign", "--repo", str(git_repo.path)])

    assert "git cannot merge foreign/1 with what is ahead of it: git cannot merge it" in capfd.readouterr().err


def test_where_nothing_came_after_what_counts_as_good_that_is_said(
    git_repo: GitRepo, capfd: pytest.CaptureFixture[str]
) -> None:
    begin(git_repo, SHOP)

    code = run(["land", "--from-main", "--repo", str(git_repo.path)])

    assert code == 0
    assert f"nothing came after {git_repo.git('rev-parse', 'main')[:10]}" in capfd.readouterr().out


def test_a_target_branch_that_is_gone_is_waited_for(git_repo: GitRepo, verbs: Verbs) -> None:
    begin(git_repo, SHOP)
    finish(git_repo, "readme", README)
    verbs("land", "readme", "--no-wait")
    ended, times = Event(), (Millis(now() + 1_000 * number) for number in count(1))

    with open_landing(find_place(git_repo.path, os.environ)) as landing:
        driver = Driver(
            landing.book, landing.workshop, landing.gate, landing.policy, lambda: next(times), on_ended=ended.set
        )
        with closing(driver):
            driver.recover()
            driver.step()
            git_repo.git("branch", "-m", "main", "away")
            assert ended.wait(60)
            while landing.book.queue.halted is None:
                driver.step()
            halted = landing.book.queue.halted.reason
            git_repo.git("branch", "-m", "away", "main")
            while not driver.statistics().landings:
                driver.step()
        intents = [event for event in landing.book.history() if isinstance(event, LandingIntended)]

    assert halted == "the target branch is gone"
    assert len(intents) == 1
    assert verbs("queue", "readme")["entry"]["state"] == "landed"


def test_a_branch_that_was_rewritten_is_told_apart_from_one_that_went_on() -> None:
    adopted = Entry(EntryId("past/1"), ChangeId("past"), Sha("b" * 40), Sha("a" * 40))

    rewritten = describe_landing(TargetMoved(Sha("a" * 40), Sha("b" * 40), Sha("c" * 40)))
    went_on = describe_landing(TargetMoved(Sha("a" * 40), Sha("b" * 40), Sha("c" * 40), (adopted,)))

    assert "was rewritten past the queue" in rewritten
    assert "was moved past the queue" in went_on
