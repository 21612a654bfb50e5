"""The fleet: issues, the sealed pieces of work that come of them, and what was decided about both. Values."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

import msgspec

from watchkeeper.model.agents import Channel, NoticeId
from watchkeeper.model.ids import Millis, Sha

IssueId = NewType("IssueId", str)
"""``<project>#<number>`` in the built-in tracker, ``github:<owner>/<name>#<number>`` there. Never used again."""

EngagementId = NewType("EngagementId", str)
"""``e-`` and eight hex digits; one run of one agent on one issue. A new try is a new engagement."""

RESOLVES_ISSUE = "engineer-resolves-issue"
"""The atom of an engagement that turns an issue into a change."""


class IssueState(StrEnum):
    OPEN = "open"
    CLOSED = "closed"


class Closing(StrEnum):
    """Why an issue is closed."""

    LANDED = "landed"  # a change that says it resolves it is in the target branch
    NOTHING_TO_DO = "nothing-to-do"  # an engagement gave a reason, and a person did not disagree
    DUPLICATE = "duplicate"
    SPLIT = "split"  # its parts are issues of their own
    PERSON = "person"
    SOURCE = "source"  # it was closed where it came from


class Issue(msgspec.Struct, frozen=True):
    """A request for work, as it is now. ``body`` is markdown of whoever wrote it: data, never an order to us.

    ``priority`` 0 is the most urgent, 2 the usual, 4 the least. ``depends_on`` are issues that have to be closed first.
    ``source`` is where it comes from (an address, or a path and line), by which it is known again: two of one source
    are one. ``parent`` is the issue that it was split from.
    """

    id: IssueId
    title: str
    body: str = ""
    labels: tuple[str, ...] = ()
    priority: int = 2
    depends_on: tuple[IssueId, ...] = ()
    source: str = ""
    author: str = ""
    parent: IssueId | None = None
    filed_at: Millis = Millis(0)


class Budget(msgspec.Struct, frozen=True):
    """The most that may be spent; 0: no bound. Money in the currency of whoever pays, tokens in and out, minutes."""

    money: float = 0.0
    tokens: int = 0
    minutes: float = 0.0


class Spend(msgspec.Struct, frozen=True):
    """What was spent until now, by the agent's own count where it tells, else only time."""

    money: float = 0.0
    tokens: int = 0
    minutes: float = 0.0


class Document(msgspec.Struct, frozen=True):
    """An input: its kind (``issue``, ``role``, ``guide``; ``tests``: the command for them), its name, its words."""

    kind: str
    name: str
    digest: str  # sha256 of its bytes, hex
    blob: Sha  # in the hub, pinned: what it said can be read for ever


class Seal(msgspec.Struct, frozen=True):
    """All inputs, fixed before the run; nothing is added later but notices. ``digest`` is over all of it."""

    base: Sha
    documents: tuple[Document, ...]
    budget: Budget
    digest: str


class Engagement(msgspec.Struct, frozen=True):
    """One sealed run of one agent. ``attempt`` counts from 1 for each issue. ``branch`` is where its change is.

    ``host`` is where it was sealed, and is driven as long as nobody takes it over; ``""``: there is only one.
    """

    id: EngagementId
    atom: str
    issue: IssueId
    agent: str
    seal: Seal
    attempt: int = 1
    branch: str = ""
    title: str = ""
    host: str = ""


class Stage(StrEnum):
    """Where an engagement is in its life."""

    QUEUED = "queued"
    PREPARING = "preparing"  # its worktree is made, and the project is set up in it
    RUNNING = "running"  # its agent is at work
    WAITING = "waiting"  # on what, the reason says
    CHECKING = "checking"  # the agent is done; whether there is an effect, and whether its tests pass, is looked at
    DONE = "done"  # a change with tests run, or a reasoned "nothing to do"
    FAILED = "failed"
    INTERRUPTED = "interrupted"  # it was cut off, and its work is pinned
    NEEDS_PERSON = "needs-person"


OVER = frozenset({Stage.DONE, Stage.FAILED, Stage.INTERRUPTED, Stage.NEEDS_PERSON})
"""No agent works on it any more; only a person, or a new attempt, goes on."""


class Fault(StrEnum):
    """Why an engagement failed, by name."""

    NO_EFFECT = "no-effect"  # it ran to its end and produced nothing, and no reason why there is nothing to do
    TESTS_FAIL = "tests-fail"
    AGENT = "agent"  # the program is missing, or died
    HUNG = "hung"  # nothing happened for too long, also after it was nudged and started again
    BUDGET = "budget"
    SETUP = "setup"  # the worktree could not be made, or the project not be set up in it
    REWROTE = "rewrote"  # it rewrote history that was not its own, or lost its base
    ESCAPED = "escaped"  # it wrote outside its worktree
    LOST = "lost"  # its host is gone, and not even what it was given had reached another: nobody's failure


class Effect(msgspec.Struct, frozen=True):
    """What an engagement produced: a change with the run of its tests, or a reason why there is nothing to do."""

    change: Sha | None = None
    files: int = 0
    tests: str = ""  # what was run, and what it said, in one line; "" where the project has no test command
    reason: str = ""  # of "nothing to do"


class Choice(StrEnum):
    """What the dispatcher decided."""

    START = "start"
    ORDER = "order"  # it waits for another that will probably touch the same
    BLOCK = "block"  # what it depends on is open
    HOLD = "hold"  # a person is needed
    IDLE = "idle"  # nothing is started, for a reason


class Dispatch(msgspec.Struct, frozen=True):
    """One decision of the dispatcher: why this, why now, or why nothing."""

    choice: Choice
    why: str
    issue: IssueId | None = None
    agent: str = ""
    after: tuple[IssueId, ...] = ()  # for ORDER and BLOCK: what it waits for
    likely: tuple[str, ...] = ()  # symbols that it will probably touch, and others' work too


class IssueFiled(msgspec.Struct, frozen=True, tag="issue-filed"):
    """An issue is there. Says nothing about whether it is ready for work."""

    issue: Issue


class IssueEdited(msgspec.Struct, frozen=True, tag="issue-edited"):
    """It is something else now: the whole of it. ``by`` is a person's name, or what changed it."""

    issue: Issue
    by: str = ""


class IssueCommented(msgspec.Struct, frozen=True, tag="issue-commented"):
    """Somebody said something about it."""

    id: IssueId
    text: str
    by: str = ""


class IssueClosed(msgspec.Struct, frozen=True, tag="issue-closed"):
    """Nothing is to be done about it any more."""

    id: IssueId
    why: Closing
    reason: str = ""
    by: str = ""


class IssueReopened(msgspec.Struct, frozen=True, tag="issue-reopened"):
    """It is open again."""

    id: IssueId
    reason: str = ""
    by: str = ""


class EngagementSealed(msgspec.Struct, frozen=True, tag="engagement-sealed"):
    """The issue is claimed by this engagement, and its inputs are fixed. It is queued."""

    engagement: Engagement


class EngagementMoved(msgspec.Struct, frozen=True, tag="engagement-moved"):
    """It is in another stage, and why. ``by`` is the process that drives it; no other may while that one lives.

    ``session`` is what its agent calls the session that it works in; ``notice`` what its agent is told beyond the seal:
    why its change came back, or which tests fail.
    """

    id: EngagementId
    stage: Stage
    reason: str = ""
    fault: Fault | None = None
    effect: Effect | None = None
    by: str = ""
    session: str = ""
    notice: str = ""


class EngagementSnapped(msgspec.Struct, frozen=True, tag="engagement-snapped"):
    """Its work as it was is pinned in the hub, uncommitted work included: ``commit`` has it, on top of its head.

    ``left_out`` says of paths why they are not in it: ``big.bin: larger than 100 MB``.
    """

    id: EngagementId
    commit: Sha
    files: int = 0
    left_out: tuple[str, ...] = ()


class EngagementSpent(msgspec.Struct, frozen=True, tag="engagement-spent"):
    """All that it has spent until now."""

    id: EngagementId
    spend: Spend


class Push(StrEnum):
    """What was done to get on with an engagement that did not."""

    SPOKEN = "spoken to"
    RESTARTED = "started again"  # its agent, from the last snapshot
    TAKEN = "taken over"  # the process that drove it is gone


class EngagementNudged(msgspec.Struct, frozen=True, tag="engagement-nudged"):
    """It did not get on: its agent was spoken to, or started again from the last snapshot, or its driver was gone."""

    id: EngagementId
    what: Push
    reason: str


class EngagementWarned(msgspec.Struct, frozen=True, tag="engagement-warned"):
    """Another host's watch has something to tell its agent: it does not go together with work that is done there.

    Says nothing about whether it was told.
    """

    id: EngagementId
    notice: NoticeId
    text: str


class EngagementHeard(msgspec.Struct, frozen=True, tag="engagement-heard"):
    """Its agent was told, by this channel; None: it was over before it could be."""

    id: EngagementId
    notice: NoticeId
    channel: Channel | None = None


class DispatchDecided(msgspec.Struct, frozen=True, tag="dispatch-decided"):
    """The dispatcher decided something else than the last time it looked."""

    dispatch: Dispatch


class DispatchOverruled(msgspec.Struct, frozen=True, tag="dispatch-overruled"):
    """A person let an issue go on that was ordered behind others."""

    issue: IssueId
    by: str = ""


FleetEvent = (
    IssueFiled
    | IssueEdited
    | IssueCommented
    | IssueClosed
    | IssueReopened
    | EngagementSealed
    | EngagementMoved
    | EngagementSnapped
    | EngagementSpent
    | EngagementNudged
    | EngagementWarned
    | EngagementHeard
    | DispatchDecided
    | DispatchOverruled
)
