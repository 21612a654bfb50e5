"""What a person has to know or do: matters, how they are told, and what he said of them. Values."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import NewType

import msgspec

from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.review import Step

MatterId = NewType("MatterId", str)
"""A matter, short enough to type: ``m-`` and eight hexadecimal digits of its fingerprint."""


class Urgency(StrEnum):
    """What a sender says, never a channel: the routing is the reader's own."""

    FYI = "fyi"  # in the log, the brief and on the pages; nothing is sent
    TODAY = "today"  # with the next brief, or at once outside quiet hours where so configured
    SCHEDULED = "scheduled"  # at a time
    NAG = "nag"  # again and again until it is done or acknowledged
    URGENT = "urgent"  # at once, also in quiet hours where it is on the list for that

    @property
    def rank(self) -> int:
        return _URGENCIES.index(self.value)


_URGENCIES = ("fyi", "today", "scheduled", "nag", "urgent")


class MatterKind(StrEnum):
    """What a matter is about; a rule of its own in the account of what was worth telling."""

    CONFLICT = "conflict"
    INCIDENT = "incident"
    QUEUE = "queue"  # the target branch is red, or nothing can be run
    ENTRY = "entry"  # held, or came back with nobody at work on it
    ISSUE = "issue"  # a person has to decide, or it was tried too often
    ENGAGEMENT = "engagement"  # stuck, failed, needs a person
    DECISION = "decision"
    RISK = "risk"  # a landed change that should be read
    BUDGET = "budget"
    HOST = "host"
    PROJECT = "project"  # cannot be worked on
    DATABASE = "database"  # is not seen
    ROLLOVER = "rollover"
    BRIEF = "brief"
    CHANNEL = "channel"  # a way to the person is dead
    SCOUT = "scout"  # nobody could look, or projects agree, or contradict each other
    ASKED = "asked"  # an agent, or a person, wants him to know


class Matter(msgspec.Struct, frozen=True):
    """One thing that may need a person, as it is now. Derived from the log each time: what is over is not there.

    ``fingerprint`` is the same while it is the same matter, whatever its words; ``weight`` grows when it gets worse: an
    acknowledgement holds until then. ``title`` is one sentence of at most 200 bytes, ``reason`` why it needs him,
    ``step`` the one action. ``about`` is the id of what it is about, ``parent`` the fingerprint of a matter that
    silences it. ``evidence`` are the events that say so. ``due`` is when, of what is scheduled.
    """

    fingerprint: str
    kind: MatterKind
    urgency: Urgency
    title: str
    reason: str = ""
    body: str = ""
    project: str = ""  # its name; "": the fleet
    project_id: ProjectId | None = None
    about: str = ""
    since: Millis = Millis(0)
    weight: int = 0
    step: Step | None = None
    page: str = ""
    parent: str = ""
    evidence: tuple[Seq, ...] = ()
    due: Millis | None = None

    @property
    def id(self) -> MatterId:
        return matter_id(self.fingerprint)


def matter_fingerprint(kind: MatterKind, project: str, about: str) -> str:
    """What makes a matter the same one again."""
    return hashlib.sha256(f"{kind.value}\x1f{project}\x1f{about}".encode("utf-8", "surrogatepass")).hexdigest()


def matter_id(fingerprint: str) -> MatterId:
    """The short name of the matter with this fingerprint."""
    return MatterId(f"m-{fingerprint[:8]}")


class MessageAsked(msgspec.Struct, frozen=True, tag="message-asked"):
    """A session, a program or a person wants the reader to know something. Whether and how he is told is derived.

    ``key`` makes two askings of the same matter one; ``is_over`` takes it back. Its words are untrusted.
    """

    key: str
    urgency: Urgency
    title: str
    body: str = ""
    by: str = ""
    due: Millis | None = None
    is_over: bool = False


class MatterAcknowledged(msgspec.Struct, frozen=True, tag="matter-acknowledged"):
    """A person knows of it: it is not told again until it gets worse than ``weight``, or comes back."""

    fingerprint: str
    weight: int
    by: str = ""


class MatterSnoozed(msgspec.Struct, frozen=True, tag="matter-snoozed"):
    """A person wants to hear of it again at a time, or when it gets worse."""

    fingerprint: str
    until: Millis
    weight: int
    by: str = ""


class Delivery(StrEnum):
    POST = "post"  # a new message
    EDIT = "edit"  # of one that is there
    REPLY = "reply"  # to one that is there, since it got worse


class EntryState(StrEnum):
    """How a matter stands in a message."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    SNOOZED = "snoozed"
    OVER = "over"


class ToldEntry(msgspec.Struct, frozen=True):
    """A matter as a message shows it, kept so that the message can be set right when the matter is not there any more.

    ``words`` is a digest of everything about it that is shown; ``why`` says why it is told again (``""``: the first
    time).
    """

    fingerprint: str
    kind: MatterKind
    urgency: Urgency
    title: str
    weight: int = 0
    since: Millis = Millis(0)
    project: str = ""
    about: str = ""
    words: str = ""
    state: EntryState = EntryState.OPEN
    why: str = ""


class MessageIntended(msgspec.Struct, frozen=True, tag="message-intended"):
    """A message is about to be given to a channel. Whether it was is another fact; after a crash nobody knows.

    ``token`` names this one delivery, at the channel too where that can refuse a second one. ``matters`` are all that
    it tells of: more than one where they were grouped; ``entries`` has them as they are shown. ``may_repeat``: an
    earlier try may have come through, and the channel cannot tell. ``is_more``: it stands for all that the budget of
    the hour had no room for.
    """

    token: str
    channel: str
    what: Delivery
    matters: tuple[str, ...]
    digest: str  # of the words: what is told already is not told again
    weight: int = 0
    reference: str = ""  # the message that is edited or replied to
    entries: tuple[ToldEntry, ...] = ()
    may_repeat: bool = False
    is_more: bool = False


class MessageSent(msgspec.Struct, frozen=True, tag="message-sent"):
    """The channel has it, under ``reference``, by which it can be edited; ``""`` where the channel cannot."""

    token: str
    reference: str = ""


class MessageFailed(msgspec.Struct, frozen=True, tag="message-failed"):
    """The channel did not take it, as far as is known. ``again_at`` None: it never will, as it is.

    ``is_unknown``: nobody answered, and it may have come through all the same.
    """

    token: str
    reason: str
    again_at: Millis | None = None
    is_unknown: bool = False


class ChannelDied(msgspec.Struct, frozen=True, tag="channel-died"):
    """Nothing gets through a channel; whatever is urgent goes another way until it is back."""

    channel: str
    reason: str


class ChannelBack(msgspec.Struct, frozen=True, tag="channel-back"):
    """A channel takes messages again."""

    channel: str


AttentionEvent = (
    MessageAsked
    | MatterAcknowledged
    | MatterSnoozed
    | MessageIntended
    | MessageSent
    | MessageFailed
    | ChannelDied
    | ChannelBack
)
"""What people were told, and what they said. Recorded under ``model.hosts.FLEET``, but what a project asked."""


class PersonActed(msgspec.Struct, frozen=True, tag="person-acted"):
    """Somebody did something, or tried to, through a page, the API or a bot: the audit. What it did is its own event.

    ``what`` is the action's name (``hold``, ``dismiss``, ``login``), ``on`` what it was about. ``via`` is ``web``,
    ``api``, ``discord``; ``who`` as that knows him, ``role`` what he may. No secret is in it.
    """

    what: str
    on: str
    who: str
    via: str
    role: str = ""
    allowed: bool = True
    detail: str = ""
