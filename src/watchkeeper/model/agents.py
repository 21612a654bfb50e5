"""Agents at work: their sessions, what they do, what they are told."""

from __future__ import annotations

from enum import StrEnum
from typing import NewType

import msgspec

from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Severity
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, SymbolKey
from watchkeeper.model.incidents import IncidentId
from watchkeeper.model.landing import EntryId

SessionId = NewType("SessionId", str)
"""A session, as people name it: ``codex-1``. Unique in a project, never reused."""

NoticeId = NewType("NoticeId", str)
"""A notice: ``n-`` and eight hexadecimal digits, the same for the same matter and session."""


class Act(StrEnum):
    """What an agent does."""

    BEGIN = "begin"  # the session
    END = "end"
    PROMPT = "prompt"  # a person, or Watchkeeper, asked for something: a turn begins
    IDLE = "idle"  # the turn ended
    READ = "read"
    WRITE = "write"
    RUN = "run"  # a command in a shell: what it reads and writes is not told
    SEARCH = "search"
    SAY = "say"
    ASK = "ask"  # for a permission
    HEARD = "heard"  # what was pushed into the turn is seen in its conversation: ``text`` says what
    FAULT = "fault"  # the agent, or what it printed, is broken
    USAGE = "usage"  # what it has used of its model: ``usage`` says how much


class Phase(StrEnum):
    INTENT = "intent"  # about to be done: may yet be denied
    DONE = "done"
    FAILED = "failed"


class TextEdit(msgspec.Struct, frozen=True):
    """A piece of text that took the place of another. ``old`` None: unknown, or the whole file."""

    old: str | None
    new: str


class Usage(msgspec.Struct, frozen=True):
    """Tokens that went into and came out of a model, and money in the currency of whoever pays; by the agent's count.

    ``is_total``: of the whole session until now; else of what was done since the last such event. A field that the
    agent does not tell is 0, and says nothing.
    """

    tokens_in: int = 0
    tokens_out: int = 0
    money: float = 0.0
    is_total: bool = True


class AgentEvent(msgspec.Struct, frozen=True):
    """One thing that a session did, as its agent tells it: untrusted, and in no order with the file system.

    ``session`` is the vendor's own id. ``path`` is as told (absolute, or relative to ``cwd``), ``lines`` the first and
    last line read, from 1. ``call`` is the id of the tool call, ``""`` where the vendor gives none: with the same id
    another channel tells of the same thing. ``source`` is the channel: ``hook``, ``acp``, ``app-server``, ``stream``.
    """

    agent: str
    session: str
    act: Act
    phase: Phase = Phase.DONE
    path: str = ""
    lines: tuple[int, int] | None = None
    edits: tuple[TextEdit, ...] = ()
    command: str = ""
    tool: str = ""
    call: str = ""
    text: str = ""
    cwd: str = ""
    source: str = "hook"
    usage: Usage | None = None


class Session(msgspec.Struct, frozen=True):
    """One agent at work. ``guest``: a person started it. ``path`` is the worktree that it works in.

    ``change`` is what its work counts as; where several share a checkout, each has a change of its own. ``vendor_id``
    is what the agent calls itself; ``pid`` the agent's process, 0 where unknown. ``issue`` says what it works on.
    """

    id: SessionId
    agent: str
    vendor_id: str
    path: str
    change: ChangeId = ChangeId("")
    guest: bool = True
    pid: int = 0
    since: Millis = Millis(0)
    issue: str = ""


class How(StrEnum):
    """How it is known that a session has seen something."""

    DECLARED = "declared"  # its agent told that it read these lines
    INFERRED = "inferred"  # its code relies on it, or a command named the file
    UNKNOWN = "unknown"  # it may have: the change that it works on relies on it, and did before


class Seen(msgspec.Struct, frozen=True):
    """A version of a symbol that a session has seen; a rebase does not refresh it.

    ``contract`` is the symbol's signature as it was seen, ``digest`` says whether anything of it is different now.
    """

    symbol: SymbolKey
    digest: str
    how: How
    at: Millis
    contract: str = ""


UNATTRIBUTED = "unattributed"
"""How the change is called of what in a shared checkout nobody is known to have done."""


class Channel(StrEnum):
    """How a notice reached an agent, the most direct first."""

    STEER = "steer"  # pushed into the running turn
    HOOK = "hook"  # with the answer to a tool or model call
    STOP = "stop"  # the agent wanted to stop, and was held back once
    PROMPT = "prompt"  # at the head of what it is asked next
    INBOX = "inbox"  # it asked


class Heed(StrEnum):
    """What became of a notice."""

    HEEDED = "heeded"  # the conflict closed, was cleared, or the overlap shrank, before the session was done
    UNANSWERED = "unanswered"  # the turn or the session was done, and the conflict stood
    MOOT = "moot"  # it was over before the notice was delivered


class Notice(msgspec.Struct, frozen=True):
    """What one session is told of one matter. ``text`` is whole, under 120 words, what others wrote in it quoted.

    ``about`` are the subjects of its conflict as it was then.
    """

    id: NoticeId
    session: SessionId
    severity: Severity
    text: str
    conflict: ConflictId | None = None
    symbol: SymbolKey | None = None
    confidence: Confidence = Confidence.SURE
    entry: EntryId | None = None  # of the queue, that came back
    about: tuple[str, ...] = ()
    incident: IncidentId | None = None  # of a database, in which its change or a symbol of it takes part


class Lease(msgspec.Struct, frozen=True):
    """Somebody alone may touch something until then: a symbol (by any of its names), a path or glob, or a resource.

    ``holder`` is a session, an agent (all its sessions), or a person, whom no session is.
    """

    subject: str
    holder: str
    until: Millis
    note: str = ""
