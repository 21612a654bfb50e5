"""Run-time faults of a database, and the changes that caused them: values, recorded as events. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import NewType

import msgspec

from watchkeeper.model.ids import ChangeId, ConflictId, Millis, Sha

IncidentId = NewType("IncidentId", str)
"""An incident, short enough to type: ``i-`` and eight hexadecimal digits of its fingerprint."""


class IncidentKind(StrEnum):
    """What stands still, and why; in the order in which one is preferred where several fit."""

    CYCLE = "cycle"  # transactions wait for each other in a ring; the server will break it
    SELF_DEADLOCK = "self-deadlock"  # a task waits for a transaction that it holds itself: nobody will break it
    POOL = "pool"  # every connection of a pool is held by one who waits for another
    DDL_QUEUE = "ddl-queue"  # a schema change waits, and everybody behind it
    LONG_TRANSACTION = "long-transaction"  # it holds what others need or vacuum cannot pass, and is still at work
    IDLE_HOLDER = "idle-holder"  # the one that all wait for does nothing, in an open transaction
    LOCK_WAIT = "lock-wait"  # someone waits for someone who is at work
    LOST_UPDATE = "lost-update"  # a write met no row, or overwrote what another wrote


class Role(StrEnum):
    """What a party does in an incident."""

    HOLDER = "holder"  # has what others wait for
    WAITER = "waiter"
    QUEUED = "queued"  # waits behind a waiter, for nothing that the holder has
    BOTH = "both"  # in a ring, or in a chain


class Tier(StrEnum):
    """How a party was traced to code, best first."""

    JOURNAL = "journal"  # the process itself said which writes its transaction has made, and where
    TAG = "tag"  # its statement bears where it comes from
    INDEX = "index"  # its statement and its locks fit code of the revision that runs
    UNATTRIBUTED = "unattributed"


class Tag(msgspec.Struct, frozen=True):
    """What stands in front of a statement that ``watchkeeper-tag`` has seen; ``""`` or 0 where it does not say.

    ``site`` is where it was sent (``path:line``, relative to the repository), ``set`` where its value was assigned.
    """

    revision: str = ""
    symbol: str = ""
    site: str = ""
    set: str = ""
    process: int = 0
    thread: int = 0
    task: str = ""


class Origin(msgspec.Struct, frozen=True):
    """One line of code that a party runs, and who wrote it.

    ``revision`` is the commit that is deployed, ``commit`` the one that blame names there; ``code`` is the line.
    ``confidence`` is the share of the weight that this origin has among all that fit (1.0: it is the only one).
    """

    path: str
    line: int
    symbol: str = ""
    code: str = ""
    revision: Sha | None = None
    commit: Sha | None = None
    subject: str = ""  # of the commit
    author: str = ""
    agent: str = ""
    issue: str = ""
    engagement: str = ""
    change: ChangeId = ChangeId("")  # by which conflicts know it; "": nobody knows
    before: Sha | None = None  # where the change parted from the target branch; None: nobody knows
    confidence: float = 1.0


class Attribution(msgspec.Struct, frozen=True):
    """What a party is traced to. ``origins`` are ranked, the likeliest first; none where ``tier`` is unattributed.

    ``reason`` says in a clause what it rests on, or why it could not be told.
    """

    tier: Tier = Tier.UNATTRIBUTED
    origins: tuple[Origin, ...] = ()
    reason: str = ""


class Party(msgspec.Struct, frozen=True):
    """One connection of an incident as it was seen.

    ``statement`` is the last that the server knows of, without its tag, cut at 2,000 characters: for a holder it need
    not be the one that took the lock, unless it ``is_taking`` (MariaDB remembers more than the last one). ``holds`` and
    ``wants`` name tables with modes (``content RowExclusiveLock``).
    ``process`` is the operating system's, where it is known, and ``task`` tells tasks of a process apart.
    """

    backend: int
    role: Role
    state: str = ""
    statement: str = ""
    application: str = ""
    client: str = ""
    user: str = ""
    process: int = 0
    task: str = ""
    transaction_since: Millis | None = None
    waiting_since: Millis | None = None
    holds: tuple[str, ...] = ()
    wants: str = ""
    tag: Tag | None = None
    attribution: Attribution = Attribution()
    is_taking: bool = False


class Edge(msgspec.Struct, frozen=True):
    """``waiter`` waits for ``holder``, both backends. ``in_application``: through the program, unseen by the server."""

    waiter: int
    holder: int
    what: str = ""
    in_application: bool = False


class Incident(msgspec.Struct, frozen=True):
    """Something in a database stands still, or lost a write.

    ``database`` is the name by which it is watched. ``summary`` is one sentence, ``advice`` what to do, best first.
    ``is_certain``: follows from structure, and not from having lasted. ``since`` is when the first wait began by the
    server's clock, ``seen`` when it was classified by the same clock. ``by`` names what saw it (``poll``, ``log``,
    ``client``). ``fingerprint`` is made of what it is and of the code or statements behind it, never of process ids:
    the same fault tomorrow is the same incident. ``stuck`` counts those that wait, parties that are not listed too.
    """

    id: IncidentId
    fingerprint: str
    kind: IncidentKind
    database: str
    summary: str
    since: Millis
    seen: Millis
    parties: tuple[Party, ...]
    edges: tuple[Edge, ...] = ()
    relation: str = ""
    stuck: int = 0
    is_certain: bool = False
    by: str = "poll"
    advice: tuple[str, ...] = ()
    conflict: ConflictId | None = None
    missed: tuple[str, ...] = ()  # rules and checks that looked at these changes and said nothing


class EndReason(StrEnum):
    """Why an incident is over."""

    RESOLVED = "resolved"  # nobody waits any more
    BROKEN = "broken"  # the server broke it: deadlock detector, a timeout
    CANCELLED = "cancelled"  # the waiter was cancelled, by us or somebody
    RESTARTED = "restarted"  # the server was started anew
    UNKNOWN = "unknown"  # it could not be looked at, and was gone when it could


class IncidentOpened(msgspec.Struct, frozen=True, tag="incident-opened"):
    """It was seen, for the first time or again after it had ended."""

    incident: Incident


class IncidentChanged(msgspec.Struct, frozen=True, tag="incident-changed"):
    """The same with other parties, or better known."""

    incident: Incident


class IncidentEnded(msgspec.Struct, frozen=True, tag="incident-ended"):
    """It is over. Says nothing about its cause, which is still in the code."""

    id: IncidentId
    reason: EndReason
    lasted_ms: int
    detail: str = ""


class RevisionDeployed(msgspec.Struct, frozen=True, tag="revision-deployed"):
    """A commit runs in an environment from now on, as somebody said."""

    environment: str
    revision: Sha
    by: str = ""


class DatabaseUnseen(msgspec.Struct, frozen=True, tag="database-unseen"):
    """A database could not be looked at, or not wholly (``is_partial``): what is not said meanwhile was not seen."""

    database: str
    reason: str
    is_partial: bool = False


class DatabaseSeen(msgspec.Struct, frozen=True, tag="database-seen"):
    """A database is looked at, from now on or again."""

    database: str
    server: str = ""  # its version, and since when it runs


IncidentEvent = IncidentOpened | IncidentChanged | IncidentEnded | RevisionDeployed | DatabaseUnseen | DatabaseSeen


def fingerprint(kind: IncidentKind, database: str, marks: Iterable[str]) -> str:
    """What makes an incident the same one again: its kind, where it is, and what stands behind its parties."""
    text = "\x1f".join((kind.value, database, *sorted(set(marks))))
    return hashlib.sha256(text.encode()).hexdigest()


def incident_id(of: str) -> IncidentId:
    """The short name of the incident with this fingerprint."""
    return IncidentId(f"i-{of[:8]}")
