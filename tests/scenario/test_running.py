"""An agent that Watchkeeper runs and that hears nothing in its turn is told what waits once, whichever way is first."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from daemons import Daemon, daemon_of
from gitrepo import GitRepo
from watchkeeper.agents.port import Capabilities, Verdict
from watchkeeper.agents.shimcopy import render_shim
from watchkeeper.cli.main import run
from watchkeeper.model.agents import Act, AgentEvent, Channel, Phase, TextEdit
from watchkeeper.record.home import find_home
from watchkeeper.watch.hosting import SessionStanding
from watchkeeper.watch.running import Running, gate_of

PRICES = "RATE = 3\n\n\ndef price(n):\n    return n * RATE\n"
Turn = Callable[[], Awaitable[None]]


class Deaf:
    """An agent whose turn is ``turn``, and whose protocol has no way into it."""

    capabilities = Capabilities()

    def __init__(self, turn: Turn) -> None:
        self.prompts: list[str] = []
        self._turn = turn
        self._events: asyncio.Queue[AgentEvent] = asyncio.Queue()
        self._work: list[asyncio.Task[None]] = []

    async def start(self, cwd: Path, *, resume: str = "") -> str:  # noqa: ARG002 - the signature is the port's
        return "one"

    async def prompt(self, text: str) -> None:
        self.prompts.append(text)
        self._work.append(asyncio.create_task(self._do(is_first=len(self.prompts) == 1)))

    async def _do(self, *, is_first: bool) -> None:
        if is_first:
            await self._turn()
        self._events.put_nowait(AgentEvent("claude", "one", Act.IDLE))

    async def advise(self, text: str) -> Channel | None:  # noqa: ARG002 - the signature is the port's
        return None

    async def cancel(self) -> None:
        pass

    async def stop(self) -> None:
        self._events.put_nowait(AgentEvent("claude", "one", Act.END))

    async def events(self) -> AsyncIterator[AgentEvent]:
        while (event := await self._events.get()).act is not Act.END:
            yield event
        yield event


@pytest.fixture
def trees(git_repo: GitRepo) -> tuple[GitRepo, GitRepo]:
    git_repo.commit("prices", {"prices.py": PRICES})
    mine, other = git_repo.worktree("one", "one"), git_repo.worktree("two", "two")
    other.write("prices.py", PRICES.replace("n * RATE", "n * RATE + 2"))
    return mine, other


@pytest.fixture
def daemon(git_repo: GitRepo, trees: tuple[GitRepo, GitRepo]) -> Iterator[Daemon]:
    with daemon_of(git_repo.path) as running:
        yield running


def collides(daemon: Daemon, mine: GitRepo) -> None:
    mine.write("prices.py", PRICES.replace("n * RATE", "n * RATE + 1"))
    until_session(daemon, lambda each: each.queued == 1, "it is to be told")


def until_session(daemon: Daemon, condition: Callable[[SessionStanding], bool], what: str) -> None:
    daemon.until(lambda standing: any(condition(each) for each in standing.sessions), what)


def hook(mine: GitRepo) -> str:
    """What the agent's own hook tells it after a tool."""
    home = find_home(os.environ)
    shim = home.with_name("shim.py")
    shim.write_bytes(render_shim(home, 20.0))
    payload = {
        "session_id": "one", "cwd": str(mine.path), "hook_event_name": "PostToolUse", "tool_name": "Bash",
        "tool_input": {"command": "true"}, "tool_response": {},
    }  # fmt: skip
    command = [sys.executable, "-I", "-S", str(shim), "claude"]
    done = subprocess.run(command, input=json.dumps(payload).encode(), capture_output=True, check=True, cwd=mine.path)
    return done.stdout.decode()


def ran(daemon: Daemon, mine: GitRepo, turn: Callable[[], None]) -> list[str]:
    """The prompts that an agent got which did ``turn`` in its first one."""

    async def work() -> list[str]:
        agent = Deaf(lambda: asyncio.to_thread(turn))
        await asyncio.wait_for(Running("claude", agent, daemon.socket, mine.path).run("do it", lambda _: None), 90)
        return agent.prompts

    return asyncio.run(work())


def test_what_somebody_holds_is_kept_from_an_agent_that_asks_first(
    git_repo: GitRepo, daemon: Daemon, trees: tuple[GitRepo, GitRepo]
) -> None:
    verdicts: list[Verdict] = []

    def asked(path: str) -> Verdict:
        event = AgentEvent(
            "claude", "one", Act.WRITE, Phase.INTENT, path=str(trees[0].path / path),
            edits=(TextEdit("    return n * RATE", "    return RATE * n"),),
        )  # fmt: skip
        return asyncio.run(gate_of("claude", daemon.socket)(event))

    def turn() -> None:
        assert run(["lease", "prices.py", "--to", "goose-1", "--repo", str(git_repo.path)]) == 0
        daemon.until(lambda _: not asked("prices.py").allow, "the lease is heard of")
        verdicts.extend((asked("prices.py"), asked("other.py")))

    ran(daemon, trees[0], turn)

    assert [each.allow for each in verdicts] == [False, True]
    assert "goose-1" in verdicts[0].reason
    daemon.kill()
    assert asked("prices.py").allow, "without a daemon it goes on"


def test_what_could_not_be_told_within_the_turn_begins_another_once(
    daemon: Daemon, trees: tuple[GitRepo, GitRepo]
) -> None:
    first, second = ran(daemon, trees[0], lambda: collides(daemon, trees[0]))

    assert first == "do it"
    assert "major conflict" in second


def test_what_its_hook_told_within_the_turn_begins_no_other(daemon: Daemon, trees: tuple[GitRepo, GitRepo]) -> None:
    said: list[str] = []

    def turn() -> None:
        collides(daemon, trees[0])
        said.append(hook(trees[0]))

    assert ran(daemon, trees[0], turn) == ["do it"]
    assert "major conflict" in said[0]


def test_what_is_over_by_the_end_of_the_turn_begins_no_other(daemon: Daemon, trees: tuple[GitRepo, GitRepo]) -> None:
    def turn() -> None:
        collides(daemon, trees[0])
        trees[1].git("checkout", "-q", "prices.py")
        until_session(daemon, lambda each: each.queued == 0, "it is over")

    assert ran(daemon, trees[0], turn) == ["do it"]
