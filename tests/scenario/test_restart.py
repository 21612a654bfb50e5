"""A daemon killed between the edits of two agents in one checkout, and begun anew: what was known is known still."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from daemons import Daemon
from gitrepo import GitRepo
from hookagent import Agent, log_of, rebased, told_after

PRICES = "RATE = 3\n\n\ndef price(n):\n    first()\n    second()\n    third()\n    return n * RATE\n"
TOTALS = "from prices import price\n\n\ndef total(ns):\n    return sum(price(n) for n in ns)\n"
CODE = {"prices.py": PRICES, "other.py": "value = 1\n"}


class Daemons:
    """One after the other, of one repository."""

    def __init__(self, repo: GitRepo) -> None:
        self._repo = repo
        self._running: Daemon | None = None

    def start(self, *, changes: int = 0) -> Daemon:
        self._running = Daemon(self._repo.path)
        self._running.until(lambda standing: standing.changes >= changes, "it sees the changes")
        return self._running

    def kill(self) -> None:
        """As a crash would: nothing is closed, nothing is said."""
        if self._running is not None:
            self._running.kill()


@pytest.fixture
def repo(git_repo: GitRepo) -> GitRepo:
    git_repo.commit("base", CODE)
    return git_repo


@pytest.fixture
def daemons(repo: GitRepo) -> Iterator[Daemons]:
    daemons = Daemons(repo)
    yield daemons
    daemons.kill()


def both_at_work(repo: GitRepo, daemon: Daemon) -> tuple[Agent, Agent]:
    """Two agents in one checkout; the first has edited."""
    one, two = Agent("one", repo), Agent("two", repo)
    one.hook("SessionStart")
    two.hook("SessionStart")
    two.edits("other.py", "value = 1", "value = 2")
    one.edits("prices.py", "    first()\n", "    first()\n    mirror()\n")
    daemon.until(lambda standing: standing.changes == 2, "each has a part")
    return one, two


def events(repo: GitRepo, capsys: pytest.CaptureFixture[str], kind: str) -> list[str]:
    return [str(line["event"]) for line in log_of(repo, capsys) if line["kind"] == kind]


def parts(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The live changes, as the log has them."""
    live: set[str] = set()
    for line in log_of(repo, capsys):
        if line["kind"] == "change-appeared":
            live.add(line["event"]["change"]["id"])
        elif line["kind"] == "change-gone":
            live.discard(line["event"]["change"])
    return live


def test_a_conflict_of_two_edits_with_a_kill_between_them_is_found_and_told(
    repo: GitRepo, daemons: Daemons, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon = daemons.start()
    _, two = both_at_work(repo, daemon)
    daemons.kill()
    daemon = daemons.start(changes=2)
    assert two.edits("prices.py", "    third()\n", "    third()\n    replicate()\n") or told_after(two, daemon, "price")
    assert parts(repo, capsys) == {"main@claude-1", "main@claude-2"}
    (opened,) = events(repo, capsys, "conflict-opened")
    assert "main@claude-1" in opened
    assert "main@claude-2" in opened
    assert not any("claude" in each for each in events(repo, capsys, "change-gone")), "no part was ever gone"


def test_an_edit_while_no_daemon_ran_is_unattributed_and_the_rest_stays_whose_it_was(
    repo: GitRepo, daemons: Daemons, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon = daemons.start()
    both_at_work(repo, daemon)
    daemons.kill()
    text = (repo.path / "prices.py").read_text()
    repo.write("prices.py", text.replace("    third()\n", "    third()\n    replicate()\n"))
    daemon = daemons.start(changes=2)
    daemon.until(lambda standing: standing.changes == 3, "what nobody saw is a part of its own")
    assert parts(repo, capsys) == {"main@claude-1", "main@claude-2", "main@unattributed"}
    assert any("main@unattributed" in each and "main@claude-1" in each
               for each in events(repo, capsys, "conflict-opened"))  # fmt: skip


def test_a_conflict_stays_open_over_the_end_of_both_sessions_and_a_kill_until_it_is_committed(
    repo: GitRepo, daemons: Daemons, capsys: pytest.CaptureFixture[str]
) -> None:
    daemon = daemons.start()
    one, two = both_at_work(repo, daemon)
    two.edits("prices.py", "    third()\n", "    third()\n    replicate()\n")
    daemon.until(lambda standing: sum(standing.conflicts.values()) == 1, "they conflict")
    one.hook("SessionEnd")
    two.hook("SessionEnd")
    daemon.until(lambda standing: not standing.sessions, "both have ended")
    daemons.kill()
    daemon = daemons.start(changes=2)
    daemon.until(lambda standing: sum(standing.conflicts.values()) == 1, "it stands")
    assert events(repo, capsys, "conflict-closed") == []
    assert any("unanswered" in each for each in events(repo, capsys, "notice-settled")), "a person hears of it"
    when = {name: f"{int(time.time())} +0000" for name in ("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE")}
    repo.git("commit", "-q", "-am", "both", env=when)
    daemon.until(lambda standing: not any(standing.conflicts.values()), "what is committed is no part")
    assert len(events(repo, capsys, "conflict-closed")) == 1


def test_what_was_read_before_a_kill_is_compared_with_what_was_rebased_while_no_daemon_ran(
    repo: GitRepo, daemons: Daemons
) -> None:
    agent = Agent("one", repo.worktree("topic", "topic"))
    daemon = daemons.start()
    daemon.until(lambda standing: standing.worktrees == 2, "both worktrees")
    agent.reads("prices.py")
    agent.writes("totals.py", TOTALS)
    daemon.until(lambda standing: standing.changes == 1, "it has a change")
    daemons.kill()
    rebased(agent, repo, PRICES.replace("def price(n):", "def price(n, currency):"))
    told = told_after(agent, daemons.start(), "is not what you saw")
    assert "«price(n)» -> «price(n, currency)»" in told


def test_a_rebase_while_no_daemon_ran_over_what_the_agent_does_not_rely_on_tells_nothing(
    repo: GitRepo, daemons: Daemons, capsys: pytest.CaptureFixture[str]
) -> None:
    agent = Agent("one", repo.worktree("topic", "topic"))
    daemon = daemons.start()
    daemon.until(lambda standing: standing.worktrees == 2, "both worktrees")
    agent.reads("prices.py")
    agent.writes("totals.py", TOTALS)
    daemon.until(lambda standing: standing.changes == 1, "it has a change")
    daemons.kill()
    rebased(agent, repo, PRICES + "\n\ndef unrelated():\n    return 2\n")
    daemon = daemons.start()
    daemon.until(lambda _: bool(events(repo, capsys, "change-moved")), "the rebase is seen")
    agent.tool("Bash", {"command": "true"})
    assert events(repo, capsys, "notice-queued") == []
