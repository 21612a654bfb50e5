"""What agents are given in each arm, what a day came to, and what is assumed."""

from __future__ import annotations

from enum import StrEnum

import msgspec

HEEDS = 0.8
READING_MIN = 3.0
LEASE_MIN = 60.0

ASSUMPTIONS = (
    (
        "Real: repository, worktrees, edits, merges, the analysis that finds conflicts, the gate that keeps leases, "
        "the checks, run on the main branch after each landing."
    ),
    (
        "Simulated: the clock; how long a step takes (triangular: read and edit 4-30 min each, mostly 10; checks and "
        "verify 2-15, mostly 5); the agents, whose edits follow a script. No day of yours can be played: the log has "
        "what collided, not what was typed."
    ),
    "All arms of a day have the same tasks in the same order, with the same minutes and the same draws of who heeds.",
    (
        "Agents take the next task when they are free, on the main branch as it is then, and land without running the "
        "checks on the merge; with a queue, what fails there comes back, and the queue itself costs no time."
    ),
    (
        "Rework is minutes of agents: reading notices, editing again, mending. Of one task: a textual conflict, or "
        "what the queue sends back, 5-25 (mostly 10); a heeded notice, once the other has landed, 3-15 (mostly 6); an "
        "escape 15-60 (mostly 30), of who landed last; nobody else stops for it. Main may move on meanwhile."
    ),
    (
        f"A notice is told at major and above, arrives with the next step, costs {READING_MIN:.0f} min, and is heeded "
        "with the stated chance. Needless: the two as first written merge, and no check fails that passed in both."
    ),
    (
        f"A lease of {LEASE_MIN:.0f} min is taken on all that a task edits of what stands, known beforehand, when it "
        "begins, all at once (nobody waits in a circle); who may not begin takes another task, or waits. What is only "
        "read or new needs none. Leases come with notices."
    ),
)


class Arm(StrEnum):
    """What agents are given."""

    ALONE = "alone"
    NOTICES = "notices"
    LEASES = "leases"
    QUEUE = "queue"
    QUEUE_NOTICES = "queue-notices"

    @property
    def is_told(self) -> bool:
        """Whether agents get notices."""
        return self in (Arm.NOTICES, Arm.LEASES, Arm.QUEUE_NOTICES)

    @property
    def is_queued(self) -> bool:
        """Whether the checks are run on the merge before it lands."""
        return self in (Arm.QUEUE, Arm.QUEUE_NOTICES)


class Escape(msgspec.Struct, frozen=True):
    """What merged cleanly and fails a check on the main branch. ``earlier`` is None where no other task explains it.

    ``seen``: the analysis of both, unrun, says so.
    """

    earlier: int | None
    later: int
    seen: bool


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a day came to in one arm. Minutes are of all agents together; ``reading`` is part of ``rework``."""

    arm: Arm
    seed: int
    landed: int
    hours: float
    rework: float
    reading: float
    waiting: float
    textual: int
    sent_back: int
    escapes: tuple[Escape, ...]
    planted_escaped: int
    notices: int
    needless: int
    put_off: int
    expired: int
    most_holders: int

    @property
    def throughput(self) -> float:
        """Tasks landed for each hour of the day."""
        return self.landed / self.hours if self.hours else 0.0

    @property
    def lost(self) -> float:
        """Minutes of agents that made nothing new."""
        return self.rework + self.waiting
