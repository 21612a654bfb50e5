"""A daemon drives the queue, in a process beside the watch, and goes on when that one is killed."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from daemons import PATIENCE_S, daemon_of
from gitrepo import GitRepo
from hookagent import Agent
from landingscene import Verbs, begin, finish

PRICES = "RATE = 2\n\n\ndef price(n):\n    return n * RATE\n"
SHOP = {
    "prices.py": PRICES,
    "test_prices.py": "from prices import price\n\n\ndef test_price():\n    assert price(1) == 2\n",
}


@pytest.fixture
def verbs(git_repo: GitRepo, capfd: pytest.CaptureFixture[str]) -> Verbs:
    begin(git_repo, SHOP)
    return Verbs(git_repo, capfd)


def wait_until(is_so: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + 2 * PATIENCE_S
    while not is_so():
        assert time.monotonic() < ends, f"never: {what}"
        time.sleep(0.1)


def drivers(repo: Path) -> list[psutil.Process]:
    """The processes that drive the queue of this repository."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        command = process.info["cmdline"] or []
        if "--serve" in command and str(repo) in command:
            found.append(process)
    return found


def test_what_is_queued_lands_without_anybody_waiting_and_nothing_is_left_when_the_daemon_ends(
    git_repo: GitRepo, verbs: Verbs
) -> None:
    finish(git_repo, "readme", {"README.md": "a shop\n"})
    with daemon_of(git_repo.path, least=0):
        queued = verbs.land("readme")

        assert queued["readme/1"]["state"] == "waiting"
        wait_until(lambda: verbs("queue", "readme")["entry"]["state"] == "landed", "it lands")
        assert len(drivers(git_repo.path)) == 1
    wait_until(lambda: not drivers(git_repo.path), "the driver ends with its daemon")


def test_a_driver_that_is_killed_is_started_again_and_goes_on(git_repo: GitRepo, verbs: Verbs) -> None:
    finish(git_repo, "readme", {"README.md": "a shop\n"})
    finish(git_repo, "more", {"MORE.md": "more\n"})
    with daemon_of(git_repo.path, least=0):
        verbs.land("readme")
        wait_until(lambda: bool(drivers(git_repo.path)), "it is driven")
        drivers(git_repo.path)[0].kill()

        verbs.land("more")

        wait_until(lambda: verbs("queue", "more")["entry"]["state"] == "landed", "the later one lands")
        assert verbs("queue", "readme")["entry"]["state"] == "landed"


def test_who_works_on_a_change_that_came_back_is_told_in_his_next_call(git_repo: GitRepo, verbs: Verbs) -> None:
    tree = git_repo.worktree("wrong", "wrong")
    tree.commit("wrong", {"prices.py": PRICES.replace("n * RATE", "n")})
    with daemon_of(git_repo.path, least=0) as daemon:
        agent = Agent("one", tree)
        agent.hook("SessionStart")
        daemon.until(lambda standing: len(standing.sessions) == 1, "it takes part")
        verbs.land("wrong")
        wait_until(lambda: verbs("queue", "wrong")["entry"]["state"] == "bounced", "it comes back")
        daemon.until(lambda standing: sum(each.queued for each in standing.sessions) == 1, "a notice is queued")

        told = agent.writes("notes.txt", "mine\n")

        assert "did not land" in told
        assert "test_prices.py::test_price" in told
