"""The port to a tracker: what an issue is there, and the acts that can be done on it. Values and protocols."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from watchkeeper.model.errors import UsageError, WatchkeeperError
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import Closing, FleetEvent, IssueId, IssueState
from watchkeeper.model.fleet_state import FleetState
from watchkeeper.model.ids import Millis, Seq

MOST_TITLE = 500
"""Characters of a title."""

MOST_BODY = 256 << 10
"""Characters of a body or comment: more than any tracker takes, and little enough to be recorded whole."""

LEAST_URGENT = 4
"""Priorities are 0 (the most urgent) to 4."""

_CUT = "\n\n(cut here: the rest is where it comes from)"
_NO_LINE = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]+")
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Draft(msgspec.Struct, frozen=True):
    """What somebody says of an issue: a form to file, a line of a file, what its tracker has. None: not said.

    ``depends_on`` are names of issues: ids, or keys of other drafts that are filed with it. ``key`` is its own.
    """

    title: str
    body: str | None = None
    labels: tuple[str, ...] | None = None
    priority: int | None = None
    depends_on: tuple[str, ...] | None = None
    source: str = ""
    author: str = ""
    parent: str | None = None
    filed_at: Millis = Millis(0)
    state: IssueState | None = None
    key: str = ""


class Said(msgspec.Struct, frozen=True):
    """A comment. ``mark`` is what it was marked with when we made it, ``""`` for all others."""

    text: str
    by: str
    at: Millis = Millis(0)
    mark: str = ""


class Told(msgspec.Struct, frozen=True):
    """An issue as its tracker has it now. ``comments`` counts them; ``said`` has them only where one was fetched."""

    id: IssueId
    draft: Draft
    state: IssueState
    reason: str = ""
    by: str = ""
    comments: int = 0
    said: tuple[Said, ...] = ()


class Page(msgspec.Struct, frozen=True):
    """Some of what changed. After the last page ``cursor`` is where to go on; ``unread`` says what made no sense.

    ``is_whole``: with the pages before it these are all open issues of the tracker.
    """

    told: tuple[Told, ...]
    cursor: str
    unread: tuple[str, ...] = ()
    is_whole: bool = False


class NotThereError(WatchkeeperError):
    """The tracker has no such issue (any more): whoever wants to say something of it has to give up."""


class Tracker(Protocol):
    """One tracker. Every method may block, and raises WatchkeeperError in words that hold no secret.

    ``mark`` names an act: done again with the same mark it is still done once, also after a crash in the middle.
    """

    def changed(self, cursor: str, *, whole: bool = False) -> Iterator[Page]:
        """What is new or changed since ``cursor`` (``""``, or ``whole``: all that is open), in any order."""
        ...

    def get(self, identity: IssueId) -> Told:
        """One issue with its comments. Raises NotThereError."""
        ...

    def comment(self, identity: IssueId, text: str, *, mark: str = "") -> bool:
        """Say something about it; whether it was not said already. Raises NotThereError."""
        ...

    def close(self, identity: IssueId, why: Closing, reason: str, *, mark: str = "") -> bool:
        """Nothing is to be done about it any more; whether it was open. Raises NotThereError."""
        ...

    def reopen(self, identity: IssueId, reason: str, *, mark: str = "") -> bool:
        """It is open again; whether it was closed. Raises NotThereError."""
        ...

    def file(self, draft: Draft) -> IssueId:
        """A new issue; one with the same ``source`` is that one."""
        ...


class Ledger(Protocol):
    """The record of a project's issues and engagements. Raises WatchkeeperError."""

    def state(self) -> FleetState:
        """What is known, as new as it gets."""
        ...

    def events(self, after: Seq = Seq(0)) -> Iterable[Recorded]:
        """What was recorded of them after that number, in order."""
        ...

    def record(self, events: Sequence[FleetEvent], seen: Seq) -> bool:
        """Record them, all or none, if ``seen`` is still the newest of the fleet's events; False: it is not."""
        ...


class Shelf(Protocol):
    """State kept beside the record, only ever the newest; what is on it can be missing. Raises WatchkeeperError."""

    def read(self) -> Mapping[str, bytes]:
        """All that is kept."""
        ...

    def put(self, values: Mapping[str, bytes | None]) -> None:
        """Keep these, all or none; None: no longer."""
        ...


def record_decided(
    ledger: Ledger, decide: Callable[[FleetState], Sequence[FleetEvent]]
) -> tuple[FleetState, tuple[FleetEvent, ...]]:
    """Record what ``decide`` makes of the newest state; it is asked again where somebody was faster. Both are given."""
    while True:
        state = ledger.state()
        events = tuple(decide(state))
        if not events or ledger.record(events, state.seq):
            return state, events


def read_line(text: str, most: int = MOST_TITLE) -> str:
    """``text`` on one line, cut, without what acts on a terminal or turns the direction of writing."""
    line = _NO_LINE.sub(" ", text).strip()
    return line if len(line) <= most else line[: most - 1] + "…"


def read_text(text: str) -> str:
    """``text`` without control characters, cut where it is too long to keep; lines end as git has them."""
    clean = _NO_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
    return clean if len(clean) <= MOST_BODY else clean[: MOST_BODY - len(_CUT)] + _CUT


def source_mark(source: str) -> str:
    """What an issue of ours is marked with, so that its source is known again."""
    return hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def checked_title(text: str) -> str:
    """A title that can be filed. Raises UsageError (``issue-title``)."""
    title = read_line(text, most=1 << 30)
    if not title or len(title) > MOST_TITLE:
        raise UsageError(
            "An issue needs a title" if not title else f"The title has {len(title)} characters",
            slug="issue-title",
            hint=f"give it one line of at most {MOST_TITLE} characters, and the rest as its body",
        )
    return title


def checked_body(text: str) -> str:
    """A body or comment that can be recorded. Raises UsageError (``issue-too-long``): of ours nothing is cut off."""
    if len(text) > MOST_BODY:
        raise UsageError(
            f"The text has {len(text):,} characters; {MOST_BODY:,} are kept",
            slug="issue-too-long",
            hint="put it into a file of the repository, and name that",
        )
    return read_text(text)


def checked_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Labels without the empty ones, each once, in order."""
    return tuple(dict.fromkeys(label for each in labels if (label := read_line(each, most=100))))
