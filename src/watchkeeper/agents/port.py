"""What every agent can be asked to do, and what it tells, whatever protocol it speaks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

from watchkeeper.model.agents import AgentEvent, Channel
from watchkeeper.model.errors import WatchkeeperError


class GateKind(StrEnum):
    """Where an agent can be held back from something, the most useful first."""

    HOOK = "hook"  # the vendor's hook denies, with a reason that reaches the model
    DECLINE = "decline"  # the protocol's approval is declined, and the turn goes on
    FILES = "files"  # the agent writes through us, and is told the reason as the error of the write
    PERMISSION = "permission"  # a permission request is rejected: see ``reject_ends_turn``


class Reads(StrEnum):
    """How well an agent tells what it reads, the best first."""

    LINES = "lines"  # path, and which lines
    PATHS = "paths"
    COMMANDS = "commands"  # only what its own parser finds in simple shell commands
    NONE = "none"


class Capabilities(msgspec.Struct, frozen=True):
    """What an agent can do, as measured with version ``measured``; ``""``: from its documentation only.

    ``push`` are the ways into its running turn, the most direct first; the next prompt is always left.
    ``reject_ends_turn``, ``cancel`` and ``resume`` are None where nobody has seen it.
    """

    push: tuple[Channel, ...] = ()
    gates: tuple[GateKind, ...] = ()
    reject_ends_turn: bool | None = None
    reads: Reads = Reads.NONE
    diffs: bool = False
    cancel: bool | None = None
    resume: bool | None = None
    measured: str = ""


class Launch(msgspec.Struct, frozen=True):
    """How an agent's program is started. ``environment`` is all that it gets; None: what Watchkeeper itself has."""

    command: tuple[str, ...]
    environment: Mapping[str, str] | None = None


class Limits(msgspec.Struct, frozen=True):
    """How much of an agent is borne before its process group is killed, or what it says is dropped; each is told.

    ``line_bytes``: a longer line is skipped. ``output_bytes``, ``output_lines``: all that a process may print in its
    life. ``said_bytes``: what is kept, of each turn, of output that no protocol explains. ``silence_s``: how long
    nothing may come within a turn. ``waiting_events``, ``waiting_bytes``: what is kept for a reader of ``events`` that
    is slower than the agent.
    """

    line_bytes: int = 16 << 20
    output_bytes: int = 1 << 30
    output_lines: int = 5_000_000
    said_bytes: int = 1 << 20
    start_s: float = 60.0
    answer_s: float = 20.0
    silence_s: float = 1800.0
    gate_s: float = 60.0
    waiting_events: int = 10_000
    waiting_bytes: int = 64 << 20


class Verdict(msgspec.Struct, frozen=True):
    """Whether an agent may do what it asks for; ``reason`` is told to it where its protocol can."""

    allow: bool
    reason: str = ""


Gate = Callable[[AgentEvent], Awaitable[Verdict]]
"""Decides what an agent may do: gets an event of phase ``intent``. Too slow or broken, it counts as having allowed."""


async def allow(event: AgentEvent) -> Verdict:  # noqa: ARG001 - the signature is the port's
    """The gate that is open: gates are off unless a person asks for them."""
    return Verdict(allow=True)


class AgentError(WatchkeeperError):
    """An agent cannot be started, or not be asked for this now."""


class Adapter(Protocol):
    """One session of one agent that Watchkeeper started, over one protocol.

    Only ``start`` and ``prompt`` raise, and only AgentError: what the agent does later, its death included, comes as
    events. Not thread-safe: all calls come from the loop that ``start`` ran in.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    @property
    def pid(self) -> int:
        """The first process of the agent; 0 while none runs, or where that is not known."""
        ...

    async def start(self, cwd: Path, *, resume: str = "") -> str:
        """Start the program in ``cwd`` and open a session, or attach to the session with the id ``resume``.

        Gives the vendor's id of the session. Raises: AgentError where the program is missing or does not answer.
        """
        ...

    async def prompt(self, text: str) -> None:
        """Begin a turn; returns at once, its end is the event ``idle``. Raises: AgentError while a turn runs."""
        ...

    async def advise(self, text: str) -> Channel | None:
        """Push text into the running turn. None: no turn runs, or there is no way in; nothing was sent then.

        ``steer`` means that the agent took it; that it is in the conversation is the event ``heard``, where the agent
        tells. ``prompt``: the turn ended at that moment, and the text began another.
        """
        ...

    async def cancel(self) -> None:
        """End the running turn, if any; the session stays. The event ``idle`` says when."""
        ...

    async def stop(self) -> None:
        """End the session and every process of it; idempotent. The last event is ``end``."""
        ...

    def events(self) -> AsyncIterator[AgentEvent]:
        """Everything from the start on, once, in the agent's order, until ``end``; for one reader."""
        ...
