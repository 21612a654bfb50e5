"""What is told of work that was done, each sentence with what it rests on; and what a person said of it. Values."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

import msgspec

from watchkeeper.model.fleet import IssueId
from watchkeeper.model.ids import ChangeId, Millis, ProjectId, Seq, Sha
from watchkeeper.model.landing import EntryId

DecisionId = NewType("DecisionId", str)
"""A decision, short enough to type: ``d-`` and eight hexadecimal digits of its fingerprint."""

Day = NewType("Day", str)
"""A project's day, as the calendar calls the date on which it began: ``2026-11-26``."""


class CommitRef(msgspec.Struct, frozen=True, tag="commit"):
    """A commit. ``is_landed``: that it is in the target branch is part of what is claimed."""

    project: ProjectId
    commit: Sha
    is_landed: bool = False


class RunRef(msgspec.Struct, frozen=True, tag="run"):
    """A command that was run, on which tree, and what it ended with (None: by a signal, or nobody knows)."""

    project: ProjectId
    command: str
    exit: int | None
    tree: Sha | None = None
    at: Seq = Seq(0)  # the event that says so


class ReportRef(msgspec.Struct, frozen=True, tag="report"):
    """A thing with a page of its own, and the state in which it is claimed to be (``open``, ``closed``, ``held``).

    ``kind`` is ``conflict``, ``incident``, ``entry``, ``issue``, ``engagement``, ``decision``, ``queue``, ``database``,
    ``channel`` or ``change`` (a landed one: ``read`` or ``unread``).
    """

    project: ProjectId
    kind: str
    id: str
    state: str = ""


class EventRef(msgspec.Struct, frozen=True, tag="events"):
    """Events of the log, by number: at most 50 of ``count``, the newest last."""

    project: ProjectId
    seqs: tuple[Seq, ...]
    count: int = 0


Ref = CommitRef | RunRef | ReportRef | EventRef


class Standing(StrEnum):
    """What became of a claim when it was looked at again, right before it is shown."""

    HOLDS = "holds"
    CORRECTED = "corrected"  # it was otherwise by now, and says what is
    UNVERIFIED = "unverified"  # what it rests on cannot be looked at: it comes first, and is marked


class Claim(msgspec.Struct, frozen=True):
    """One sentence and what it rests on; a claim without evidence is never shown as one that holds.

    ``id`` is the same for the same sentence about the same thing. ``was`` is what it said before it was corrected,
    ``why`` why it cannot be verified. ``page`` is the path of the page that tells more.
    """

    id: str
    text: str
    evidence: tuple[Ref, ...]
    standing: Standing = Standing.HOLDS
    was: str = ""
    why: str = ""
    page: str = ""


class Section(StrEnum):
    """The parts of a brief, in the order in which they are read."""

    NEEDS_YOU = "needs-you"
    CONFLICTS = "conflicts"  # and incidents, with outcome
    LANDED = "landed"  # per project
    RISK = "risk"  # what to read first
    STUCK = "stuck"  # or idle, with the reason
    COST = "cost"  # and time


class Step(msgspec.Struct, frozen=True):
    """The one action that an entry asks for: as people name it, and as a command line; ``page`` is where it is done."""

    label: str
    command: str = ""
    page: str = ""


class BriefEntry(msgspec.Struct, frozen=True):
    """One thing of a brief. ``score`` orders within its section, the highest first; ``step`` is what to do about it.

    ``matter`` is the id of the matter that it tells of, by which it can be acknowledged; ``""``: of none.
    """

    claim: Claim
    project: str = ""
    score: float = 0.0
    step: Step | None = None
    details: tuple[Claim, ...] = ()
    matter: str = ""


class BriefSection(msgspec.Struct, frozen=True):
    """A part of a brief: what is shown, and of how many."""

    section: Section
    entries: tuple[BriefEntry, ...] = ()
    of: int = 0


class Brief(msgspec.Struct, frozen=True):
    """What the fleet did from ``since`` to ``until``: one screen, then details.

    ``headline`` is one sentence. Entries that cannot be verified stand first in their section. ``seq`` is the last
    event that is in it. ``summary`` is by an agent, sentence by sentence, each checked; none where nobody was asked.
    """

    since: Millis
    until: Millis
    headline: Claim
    sections: tuple[BriefSection, ...]
    seq: Seq = Seq(0)
    summary: tuple[Claim, ...] = ()

    def first(self, count: int) -> tuple[BriefEntry, ...]:
        """The first entries as they are read, from the top."""
        return tuple(each for section in self.sections for each in section.entries)[:count]


class SurveyPoint(msgspec.Struct, frozen=True):
    """One point of a change's risk, as ``risk`` weighs it."""

    kind: str
    weight: int
    reason: str
    path: str = ""
    line: int = 0


class ChangeSurveyed(msgspec.Struct, frozen=True, tag="change-surveyed"):
    """A landed change was looked at once, as it landed; views need not look at its code again.

    ``base`` is what it is compared with. ``writes`` and ``reads`` are symbols (``path:qualname``), ``resources`` are
    ``kind:name``; all lists are cut, the counts are not. ``entry`` is ``""`` for what came past the queue.
    ``digests`` are of the added code of each symbol, normalised: equal ones in two projects have converged.
    """

    project_name: str
    commit: Sha
    base: Sha | None
    title: str
    change: ChangeId = ChangeId("")
    entry: EntryId = EntryId("")
    author: str = ""
    issue: str = ""
    engagement: str = ""
    agent: str = ""
    landed_at: Millis = Millis(0)
    risk: int = 0
    points: tuple[SurveyPoint, ...] = ()
    could_not: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    files: int = 0
    lines_added: int = 0
    lines_removed: int = 0
    tests_added: int = 0
    tests_removed: int = 0
    digests: tuple[str, ...] = ()


class DecisionKind(StrEnum):
    """What an agent chose that its issue did not settle."""

    DEPENDENCY = "dependency"
    TABLE = "table"
    PUBLIC_SYMBOL = "public-symbol"
    ROUTE = "route"
    ENVIRONMENT = "environment"
    AUTH = "auth"
    DELETED_FEATURE = "deleted-feature"
    DEFAULT = "default"
    STATED = "stated"  # in words: by the agent's tool, a commit's body, a decision record


class Decision(msgspec.Struct, frozen=True):
    """One decision that nobody made but an agent. ``origin`` says how it is known: ``diff``, ``agent``, ``commit``,
    ``record`` (a file). ``subject`` is what it is about, by which two that contradict each other are found: a
    dependency's name, ``env:NAME``, ``default:path:symbol:parameter``. ``asked_for``: the issue's text names it.
    """

    id: DecisionId
    kind: DecisionKind
    title: str
    choice: str
    origin: str
    subject: str = ""
    why: str = ""
    commit: Sha | None = None
    change: ChangeId = ChangeId("")
    issue: str = ""
    engagement: str = ""
    agent: str = ""
    path: str = ""
    line: int = 0
    asked_for: bool = False


class DecisionFound(msgspec.Struct, frozen=True, tag="decision-found"):
    """A landed change, or an agent's own words, hold a decision. Says nothing about whether it is a good one."""

    decision: Decision


class DecisionVerdict(StrEnum):
    ACCEPTED = "accepted"
    QUESTIONED = "questioned"  # it became an issue
    REVERTED = "reverted"  # a revert was prepared and queued


class DecisionJudged(msgspec.Struct, frozen=True, tag="decision-judged"):
    """What a person said of a decision; the newest counts. ``issue`` and ``entry`` are what came of it."""

    id: DecisionId
    verdict: DecisionVerdict
    by: str = ""
    reason: str = ""
    issue: IssueId | None = None
    entry: EntryId | None = None


class ChangeReviewed(msgspec.Struct, frozen=True, tag="change-reviewed"):
    """A person has read a landed change, and found it good as far as he looked."""

    commit: Sha
    by: str = ""
    note: str = ""


class WrongHow(StrEnum):
    REVERT = "revert"  # it was taken out again
    FIX = "fix"  # another change says that it mends it
    PERSON = "person"
    INCIDENT = "incident"  # it is a party to one


class ChangeFoundWrong(msgspec.Struct, frozen=True, tag="change-found-wrong"):
    """A landed change turned out to be wrong; its risk points were right, and what had none was missed.

    ``by`` names the person, or the commit or incident that shows it.
    """

    commit: Sha
    how: WrongHow
    what: str = ""
    by: str = ""


class WorkLog(msgspec.Struct, frozen=True):
    """The record of one project's day, or of the whole fleet's (``project`` ``"fleet"``), from ``begin`` to ``end``.

    A day without work says why in ``empty``. ``headline`` is one sentence.
    """

    project: str
    day: Day
    begin: Millis
    end: Millis
    zone: str
    headline: str
    shipped: tuple[Claim, ...] = ()
    completed: tuple[Claim, ...] = ()
    carry_over: tuple[Claim, ...] = ()
    risks: tuple[Claim, ...] = ()
    flags: tuple[Claim, ...] = ()
    next: tuple[Claim, ...] = ()
    empty: str = ""


class DayClosed(msgspec.Struct, frozen=True, tag="day-closed"):
    """A project's day is over, and this is its log; written once a day, also when it was missed and is caught up."""

    log: WorkLog
    is_late: bool = False


class RolloverFailed(msgspec.Struct, frozen=True, tag="rollover-failed"):
    """A day's log could not be written, or was written and is empty without a reason; it is tried again."""

    day: Day
    reason: str


class WatchMeasured(msgspec.Struct, frozen=True, tag="watch-measured"):
    """How long the watch takes from a save to its conflicts, by its own count of the last thousand, in milliseconds.

    ``count`` is how many saves there were since it was started.
    """

    count: int
    p50_ms: float = 0.0
    p99_ms: float = 0.0


ReviewEvent = (
    ChangeSurveyed
    | DecisionFound
    | DecisionJudged
    | ChangeReviewed
    | ChangeFoundWrong
    | DayClosed
    | RolloverFailed
    | WatchMeasured
)
"""What the review of a project is folded from. The fleet's own days are recorded under ``model.hosts.FLEET``."""
