"""Where everything in a project stands: conflicts, changes, sessions, notices, leases."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import msgspec

from watchkeeper.conflicts.incident_news import IncidentNews
from watchkeeper.conflicts.landing_news import LandingNews
from watchkeeper.model.agents import Channel, Heed, Lease, Notice, NoticeId, Session, SessionId
from watchkeeper.model.changes import Change
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.events import (
    CloseReason,
    ConflictDismissed,
    IntentDeclared,
)
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, Seq
from watchkeeper.model.incidents import IncidentId
from watchkeeper.model.probing import Outcome, Proof


class Status(StrEnum):
    OPEN = "open"
    DISMISSED = "dismissed"
    CLOSED = "closed"


class ConflictState(msgspec.Struct, frozen=True):
    """A conflict and where it stands.

    ``opened_at`` is when it was opened last, ``changed_at`` and ``seq`` belong to the newest event about it.
    ``dismissal`` is kept while the conflict is no worse than it was then, also while it is closed. ``proof`` is what
    running the merge came to last. ``is_demoted`` says that its rule was too often wrong lately. ``unanswered`` are
    the sessions that were told, or were done before they could be, while it stands: it is for a person now. ``heirs``
    are conflicts that a closed one goes on as, since its change has another name.
    """

    conflict: Conflict
    status: Status
    opened_at: Millis
    changed_at: Millis
    seq: Seq
    closed: CloseReason | None = None
    dismissal: ConflictDismissed | None = None
    proof: Proof | None = None
    is_demoted: bool = False
    unanswered: tuple[SessionId, ...] = ()
    heirs: tuple[ConflictId, ...] = ()

    @property
    def severity(self) -> Severity:
        """As it is shown: a proof is blocking, a cleared suspicion and one of a demoted rule step down."""
        outcome = self.proof.outcome if self.proof is not None else None
        after = severity_after(self.conflict.severity, outcome)
        is_settled = outcome is not None and outcome.is_conclusive
        return after.lowered() if self.is_demoted and not is_settled else after


class SessionState(msgspec.Struct, frozen=True):
    """A session and whether it still is at work; ``ended_at`` None: it is."""

    session: Session
    ended_at: Millis | None = None
    reason: str = ""
    intent: IntentDeclared | None = None


class NoticeState(msgspec.Struct, frozen=True):
    """A notice and how far it came. ``channel`` None: not delivered yet; ``heed`` None: nothing came of it yet."""

    notice: Notice
    queued_at: Millis
    delivered_at: Millis | None = None
    channel: Channel | None = None
    heed: Heed | None = None
    settled_at: Millis | None = None


class State(msgspec.Struct, frozen=True):
    """Everything that a project's events say about now; ``seq`` is the last event that it holds.

    ``demoted`` are the rules whose conflicts are shown lower. ``sessions`` are all there ever were; ``notices`` those
    of sessions at work, and of others what nothing came of yet; ``leases`` by subject, also when their time is over;
    ``landing`` is what the queue says of changes, ``incidents`` are the newest of its databases.
    """

    conflicts: Mapping[ConflictId, ConflictState] = {}
    changes: Mapping[ChangeId, Change] = {}
    demoted: frozenset[str] = frozenset()
    sessions: Mapping[SessionId, SessionState] = {}
    notices: Mapping[NoticeId, NoticeState] = {}
    leases: Mapping[str, Lease] = {}
    landing: LandingNews = LandingNews()
    incidents: Mapping[IncidentId, IncidentNews] = {}
    seq: Seq = Seq(0)


def open_conflicts(state: State) -> tuple[ConflictState, ...]:
    """The open ones, the worst first, then the oldest."""
    found = [each for each in state.conflicts.values() if each.status is Status.OPEN]
    return tuple(sorted(found, key=lambda each: (-each.severity.rank, each.opened_at, each.conflict.id)))


def living_of(conflicts: Mapping[ConflictId, ConflictState], identity: ConflictId) -> tuple[ConflictState, ...]:
    """The conflict, or, where that is closed and goes on by other names, those; empty where it is not known."""
    state = conflicts.get(identity)
    if state is None or state.status is not Status.CLOSED or not state.heirs:
        return (state,) if state is not None else ()
    return tuple(each for heir in state.heirs for each in living_of(conflicts, heir))


def find_living(conflicts: Mapping[ConflictId, ConflictState], identity: ConflictId) -> ConflictState | None:
    """Of ``living_of`` the one that counts: an open one before others, then the gravest, then the newest."""
    return max(
        living_of(conflicts, identity),
        key=lambda each: (each.status is not Status.CLOSED, each.severity.rank, each.seq),
        default=None,
    )


def severity_after(suspected: Severity, outcome: Outcome | None) -> Severity:
    """A proof is blocking; what was cleared steps down, and so out of the way."""
    if outcome is not None and outcome.is_proof:
        return Severity.BLOCKING
    return suspected.lowered(2) if outcome is Outcome.CLEARED else suspected


def is_worse(conflict: Conflict, dismissal: ConflictDismissed) -> bool:
    """Whether a dismissed conflict has to come back: it is graver or heavier than what the person judged."""
    return conflict.severity.rank > dismissal.severity.rank or conflict.weight > dismissal.weight
