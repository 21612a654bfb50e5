"""Events: facts, recorded once, in order. Every view is a fold over them."""

from __future__ import annotations

from enum import StrEnum

import msgspec

from watchkeeper.model.agents import Channel, Heed, Lease, Notice, NoticeId, Session, SessionId
from watchkeeper.model.attention import AttentionEvent, PersonActed
from watchkeeper.model.changes import Change
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.fleet import FleetEvent
from watchkeeper.model.hosts import HostEvent
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq
from watchkeeper.model.incidents import IncidentEvent
from watchkeeper.model.landing import LandingEvent
from watchkeeper.model.probing import Proof
from watchkeeper.model.review import ReviewEvent
from watchkeeper.model.scouting import ScoutEvent


class ChangeAppeared(msgspec.Struct, frozen=True, tag="change-appeared"):
    """A worktree or branch with work of its own was seen for the first time, or again. Says nothing about its files."""

    change: Change


class ChangeMoved(msgspec.Struct, frozen=True, tag="change-moved"):
    """Its head or its merge base is another commit now (a commit, a switch, a rebase, or the target branch moved)."""

    change: Change


class ChangeGone(msgspec.Struct, frozen=True, tag="change-gone"):
    """It is no longer live: worktree removed, branch deleted, or nothing left that differs from the base."""

    change: ChangeId
    reason: str


class ChangeLanded(msgspec.Struct, frozen=True, tag="change-landed"):
    """The target branch moved over it. Says that its work is in the target, not that it was tested."""

    change: Change


class ConflictOpened(msgspec.Struct, frozen=True, tag="conflict-opened"):
    """Two live changes began to conflict, or a closed conflict came back. A suspicion, not a proof.

    ``succeeds`` are conflicts that closed and that this one is by another name, since a checkout was split between its
    sessions, or became one change again, or since each side relies on the other's now, or only one: what was said of
    them holds on, and what was proved and dismissed by the same rule.
    """

    conflict: Conflict
    succeeds: tuple[ConflictId, ...] = ()


class ConflictChanged(msgspec.Struct, frozen=True, tag="conflict-changed"):
    """The same conflict with another severity, evidence or sentence."""

    conflict: Conflict


class CloseReason(StrEnum):
    RESOLVED = "resolved"  # the code no longer shows it
    GONE = "gone"  # one of the changes is no longer live
    LANDED = "landed"  # both sides are in the target branch
    RENAMED = "renamed"  # it goes on by another name


class ConflictClosed(msgspec.Struct, frozen=True, tag="conflict-closed"):
    """The conflict is no longer seen."""

    id: ConflictId
    reason: CloseReason


class ConflictDismissed(msgspec.Struct, frozen=True, tag="conflict-dismissed"):
    """A person said that it does not matter, as it stands: it comes back when severity or weight grow."""

    id: ConflictId
    severity: Severity
    weight: int
    by: str = ""
    reason: str = ""


class ConflictProbed(msgspec.Struct, frozen=True, tag="conflict-probed"):
    """The virtual merge was run: what that says of the conflict as it stood. The newest such event counts."""

    id: ConflictId
    proof: Proof


class RuleDemoted(msgspec.Struct, frozen=True, tag="rule-demoted"):
    """Too few of a rule's last conclusive outcomes were proofs: its conflicts are shown one severity lower."""

    rule: str
    proved: int
    conclusive: int


class RuleRestored(msgspec.Struct, frozen=True, tag="rule-restored"):
    """A demoted rule's outcomes are good enough again."""

    rule: str
    proved: int
    conclusive: int


class FileUnreadable(msgspec.Struct, frozen=True, tag="file-unreadable"):
    """A changed file could not be read or parsed: its symbols are unknown, which is never "no conflict"."""

    change: ChangeId
    path: str
    reason: str


class SessionBegan(msgspec.Struct, frozen=True, tag="session-began"):
    """An agent was heard of for the first time, or again after it had ended, or from another worktree."""

    session: Session


class SessionEnded(msgspec.Struct, frozen=True, tag="session-ended"):
    """It said so, or its process is gone. Says nothing about its work, which stays live."""

    id: SessionId
    reason: str


class SessionForged(msgspec.Struct, frozen=True, tag="session-forged"):
    """A process that does not belong to a session spoke in its name: what it said was dropped."""

    id: SessionId
    pid: int
    reason: str


class NoticeQueued(msgspec.Struct, frozen=True, tag="notice-queued"):
    """A session has to be told of a conflict. It was not told yet."""

    notice: Notice


class NoticeDelivered(msgspec.Struct, frozen=True, tag="notice-delivered"):
    """The notice left through a channel that reaches the model. Whether it acts on it is another fact."""

    id: NoticeId
    channel: Channel


class NoticeSettled(msgspec.Struct, frozen=True, tag="notice-settled"):
    """What became of a notice. What was unanswered is for a person; in a later turn it may yet be heeded."""

    id: NoticeId
    heed: Heed
    reason: str


class IntentDeclared(msgspec.Struct, frozen=True, tag="intent-declared"):
    """A session said what it is going to touch. Holds until it is done, or says something else."""

    session: SessionId
    subjects: tuple[str, ...]
    note: str = ""


class DecisionRecorded(msgspec.Struct, frozen=True, tag="decision-recorded"):
    """A session chose something that its issue did not settle, and said so."""

    session: SessionId
    title: str
    choice: str
    why: str = ""


class LeaseTaken(msgspec.Struct, frozen=True, tag="lease-taken"):
    """Somebody alone may touch something for a while. The newest lease of a subject counts."""

    lease: Lease


class LeaseReleased(msgspec.Struct, frozen=True, tag="lease-released"):
    """Everybody may touch it again."""

    subject: str


class GateClosed(msgspec.Struct, frozen=True, tag="gate-closed"):
    """A session was kept from writing a file, and told why. Says nothing about whether it found another way."""

    session: SessionId
    path: str
    reason: str


class WatchStarted(msgspec.Struct, frozen=True, tag="watch-started"):
    """Watching began. What happened since the previous event of another watch was not seen."""

    version: str
    target: str


class WatchStopped(msgspec.Struct, frozen=True, tag="watch-stopped"):
    """Watching ended in order. A log whose last event is another was cut short."""


class Opaque(msgspec.Struct, frozen=True, tag="opaque"):
    """An event whose kind this version does not know: a newer one wrote it. Kept as it is; nothing follows from it."""

    kind: str
    payload: str  # its JSON text, unchanged


Event = (
    ChangeAppeared
    | ChangeMoved
    | ChangeGone
    | ChangeLanded
    | ConflictOpened
    | ConflictChanged
    | ConflictClosed
    | ConflictDismissed
    | ConflictProbed
    | RuleDemoted
    | RuleRestored
    | FileUnreadable
    | SessionBegan
    | SessionEnded
    | SessionForged
    | NoticeQueued
    | NoticeDelivered
    | NoticeSettled
    | IntentDeclared
    | DecisionRecorded
    | LeaseTaken
    | LeaseReleased
    | GateClosed
    | LandingEvent
    | FleetEvent
    | HostEvent
    | IncidentEvent
    | ReviewEvent
    | AttentionEvent
    | ScoutEvent
    | PersonActed
    | WatchStarted
    | WatchStopped
    | Opaque
)


class Recorded(msgspec.Struct, frozen=True):
    """An event with its place in the log."""

    seq: Seq
    at: Millis
    project: ProjectId
    event: Event
