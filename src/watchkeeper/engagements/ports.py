"""What an engagement needs of others: an agent, the project's tests, the queue. Joined in the composition root."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from watchkeeper.agents.port import Capabilities
from watchkeeper.model.agents import AgentEvent, Channel
from watchkeeper.model.fleet import Engagement
from watchkeeper.model.ids import Millis, Sha

Clock = Callable[[], Millis]


class AgentRun(Protocol):
    """One agent in one worktree: an adapter of ``agents.port``, with the id of its process (0: unknown).

    ``start``, ``prompt`` raise AgentError; whatever comes later is an event. Started once; a new session is a new one.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def pid(self) -> int: ...

    async def start(self, cwd: Path, *, resume: str = "") -> str: ...

    async def prompt(self, text: str) -> None: ...

    async def advise(self, text: str) -> Channel | None: ...

    async def cancel(self) -> None: ...

    async def stop(self) -> None: ...

    def events(self) -> AsyncIterator[AgentEvent]: ...


MakeAgent = Callable[[Engagement, "dict[str, str]"], AgentRun]
"""Makes the agent that an engagement names. The variables have to be in its environment: by them what it leaves behind
is found. Raises: WatchkeeperError where there is no such agent any more."""


class Outcome(StrEnum):
    """What the project's tests said of a tree."""

    PASSED = "passed"
    FAILED = "failed"
    NO_TESTS = "no-tests"  # the project has no command for them
    COULD_NOT_RUN = "could-not-run"  # which is never a pass


class Checked(msgspec.Struct, frozen=True):
    """A run of the tests; ``said`` is it in one line, ``details`` what an agent needs to know to repair it."""

    outcome: Outcome
    said: str = ""
    details: str = ""


class Checks(Protocol):
    """The project's own commands, in the sandbox. Neither raises: what cannot be run says so."""

    async def set_up(self, folder: Path) -> str:
        """Set the project up in a worktree; why that failed, ``""`` where it did not. Again is harmless."""
        ...

    async def test(self, tree: Sha) -> Checked:
        """Run the tests on a tree of the hub. Cancelled, nothing of it lives on."""
        ...


class Desk(Protocol):
    """Where finished changes are handed in to land."""

    async def submit(self, engagement: Engagement, change: Sha) -> str:
        """Queue a change; the id of its entry. The same change again is the same entry. Raises: WatchkeeperError."""
        ...


Hold = Callable[[Engagement], str]
"""Why no agent may be started now (memory, quiet hours), ``""``: it may."""
