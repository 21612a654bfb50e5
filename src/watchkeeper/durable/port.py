"""What a durable engine does for us: it wakes work after a crash. Six methods of an engine, two of a running body.

What is promised, whoever is killed, and when:

* work that was enqueued is run until its body ends or somebody cancels it, **at least once**: a step that ran while
  its process died is run again, so a step has to be harmless when it is done twice;
* a step whose end was recorded is never run again, its result is given again;
* the **result of an id is recorded once**: the first end counts; an id that is over is not run again while it is
  known, for a month at least;
* of one ``dedup`` there is at most one piece of work that is not over.

What is not promised: that a step runs once; that two runs of one work never overlap (a host that was cut off may be
inside a step while another has the work already; what it does afterwards is not recorded); that cancelling interrupts
anything: it takes effect where the next step begins. What must not happen twice has to be refused by the record or by
git. No guarantee of ours rests on an engine.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from enum import StrEnum
from typing import NewType, Protocol

import msgspec

from watchkeeper.model.ids import Millis

WorkId = NewType("WorkId", str)
"""A piece of work, named by whoever enqueues it; never used again."""

WORKFLOWS_VERSION = "1"
"""The order and the names of the steps of all our bodies. Bodies may be changed under running work as long as their
steps keep both; where they cannot, this is raised, and work of the old version waits for a host that still has it."""


class Work(msgspec.Struct, frozen=True):
    """Something to be done. ``argument`` is text for the body of this ``kind``; of priorities 0 comes first."""

    id: WorkId
    kind: str
    argument: str = ""
    priority: int = 2
    dedup: str = ""  # at most one piece of work of this name is not over
    at: str = ""  # the name of the only host that is to do it; once that is gone, whoever takes it; "": any


class Schedule(msgspec.Struct, frozen=True):
    """A body that is run again and again, with the time at which it was due (ISO 8601, UTC) as its argument.

    ``cron`` has five fields, or six with seconds first; in UTC. Each time it is due is one piece of work, whoever
    fires it and however often. Of the times that passed while nobody ran, the newest alone is made up for.
    """

    name: str
    cron: str
    kind: str


class Condition(StrEnum):
    """Where a piece of work is."""

    QUEUED = "queued"
    RUNNING = "running"  # or its host is dead, and nobody has noticed yet
    DONE = "done"
    FAILED = "failed"  # its body raised an error; it is not tried again
    CANCELLED = "cancelled"


OVER = frozenset({Condition.DONE, Condition.FAILED, Condition.CANCELLED})


class WorkStanding(msgspec.Struct, frozen=True):
    """A piece of work as it is now. ``host`` is who has run it last, ``""`` before anybody has."""

    work: Work
    condition: Condition
    host: str = ""
    result: str = ""
    error: str = ""
    tries: int = 0  # how often somebody began to run it
    queued_at: Millis = Millis(0)
    began_at: Millis = Millis(0)  # the newest run


class Stopped(BaseException):
    """Raised inside a body by its steps: go no further. ``why`` is for a log.

    The work was cancelled, another host has it, or this process ends. It derives from BaseException, so that no
    ``except Exception`` of a body goes on with work that is not its own any more. A body may raise it to say: run me
    again when this host starts anew.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class StepFailed(Exception):  # noqa: N818 the port's word for it
    """What a step raised, as text: of a body that is run again the class would be lost, so it always is."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name}: {reason}")
        self.name, self.reason = name, reason


class Steps(Protocol):
    """What a running body is given. Call from the body's own thread, in the same order at each run."""

    def step(self, name: str, call: Callable[[], str]) -> str:
        """What ``call`` gives; once that is recorded, it is not called again for this work.

        Waits while this host is not sure that it is still taken for alive. Raises Stopped where the body must not go
        on; StepFailed where ``call`` raised an Exception, now or then.
        """
        ...

    def sleep_until(self, at: Millis) -> None:
        """Wait for this time of the clock; of a body that is run again only what is left of it.

        Holds a thread and no connection. Raises Stopped within a second of being cancelled, at once where the engine
        is closed.
        """
        ...


Body = Callable[[Steps, str], str]
"""Given its steps and the work's argument, it gives a result. It runs in a thread of its own. What it does outside
of steps is done at each run; an Exception that leaves it fails the work for good."""


class Engine(Protocol):
    """Safe to call from any thread but an event loop's: each call asks a database. Raises WatchkeeperError."""

    def start(self, bodies: Mapping[str, Body], schedules: Sequence[Schedule] = ()) -> None:
        """Begin to run work, what this host left behind first. ``schedules`` replaces those of before."""
        ...

    def enqueue(self, work: Work) -> WorkId:
        """The id under which it is done: of ``work``, or of what has its ``dedup`` already and is not over.

        It is kept when this returns. An id that is known is left as it is, also where it is over.
        """
        ...

    def cancel(self, id: WorkId) -> None:  # noqa: A002 the word that everything here has
        """Let it not go on. A queued one never starts; a running one stops where its next step begins."""
        ...

    def resume(self, id: WorkId, *, held_by: str = "") -> bool:  # noqa: A002
        """Put it into the queue again, and say whether it was. ``held_by``: only while this host has it.

        With ``held_by`` it is a compare-and-swap: asked twice, or late, it takes work from nobody else. Without, also
        cancelled work goes on, after its last recorded step; and a running one starts a second time, so do not.
        """
        ...

    def list_work(self, *, ids: Collection[WorkId] | None = None) -> tuple[WorkStanding, ...]:
        """All that is not over, the oldest first; or those of ``ids`` that are known, over or not."""
        ...

    def close(self, *, patience_s: float = 5.0) -> None:
        """Run nothing any more: bodies are stopped at their next step, and go on when this host starts anew.

        Waits so long for steps that are running; what they do later is not recorded. Idempotent.
        """
        ...
