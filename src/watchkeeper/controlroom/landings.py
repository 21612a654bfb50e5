"""What the queue of one project says: who waits, what landed and when, what came back, what is red."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from watchkeeper.landing.folding import apply_event
from watchkeeper.landing.queue import Queue
from watchkeeper.landing.view import QueueView, Red, find_red, find_returned, view_queue
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, Seq, Sha
from watchkeeper.model.landing import (
    At,
    Entry,
    EntryBounced,
    EntryId,
    EntryQueued,
    Halt,
    LandingDone,
    LandingEvent,
    LandingIntended,
    RunBegan,
    RunEnded,
    RunId,
    TargetMoved,
)


class LandedEntry(NamedTuple):
    """An entry that is in the target branch: which commit brought it, when, and what the log says of it.

    ``commit`` is the branch's tip after it landed, ``old`` the one before; ``entry.head`` is its own. ``past_queue``:
    somebody put it there. ``tested``: the run of the tests on that very tree, as far as the log knows one.
    """

    entry: Entry
    commit: Sha
    old: Sha | None
    at: Millis
    seq: Seq
    past_queue: bool = False
    tested: RunId | None = None


class Rewritten(NamedTuple):
    """Somebody moved the target branch to where it does not go on from ``old``: what landed may be in it no more."""

    old: Sha
    new: Sha
    at: Millis
    seq: Seq


class LandingPicture(NamedTuple):
    """The queue of now, and all that ever landed, in order. ``entries`` are all there ever were.

    ``halt`` is why nothing lands; None: something may.
    """

    view: QueueView
    entries: Mapping[EntryId, Entry]
    landed: tuple[LandedEntry, ...] = ()
    returned: tuple[tuple[EntryBounced, Millis, Seq], ...] = ()
    red: Red | None = None
    runs: Mapping[RunId, tuple[RunBegan, RunEnded | None, Seq]] = {}
    halt: Halt | None = None
    rewritten: tuple[Rewritten, ...] = ()


class LandingReader:
    """Folds one project's landing events. Not thread-safe; a picture never changes after it was given."""

    def __init__(self) -> None:
        self._queue = Queue()
        self._events: list[LandingEvent] = []  # without runs and candidates, which are most of all
        self._entries: dict[EntryId, Entry] = {}
        self._bounced: dict[EntryId, tuple[Millis, Seq]] = {}
        self._landed: list[LandedEntry] = []
        self._runs: dict[RunId, tuple[RunBegan, RunEnded | None, Seq]] = {}
        self._passed: dict[Sha, RunId] = {}
        self._intended: LandingIntended | None = None
        self._rewritten: list[Rewritten] = []

    def take(self, events: Iterable[Recorded]) -> None:
        """Hold more events, in their order."""
        for each in events:
            if isinstance(each.event, LandingEvent):
                self._take(each, each.event)

    def picture(self) -> LandingPicture:
        """As it is now."""
        returned = tuple((each, *self._bounced[each.id]) for each in find_returned(self._events))
        return LandingPicture(
            view_queue(self._queue),
            dict(self._entries),
            tuple(self._landed),
            returned,
            find_red(self._queue, self._events),
            dict(self._runs),
            self._queue.halted.why if self._queue.halted is not None else None,
            tuple(self._rewritten),
        )

    def _take(self, recorded: Recorded, event: LandingEvent) -> None:
        apply_event(self._queue, At(recorded.seq, recorded.at, event))
        match event:
            case RunBegan():
                self._runs[event.id] = (event, None, recorded.seq)
                return
            case RunEnded():
                self._end(recorded, event)
                return
            case EntryQueued():
                self._entries[event.entry.id] = event.entry
            case EntryBounced():
                self._bounced[event.id] = (recorded.at, recorded.seq)
            case LandingIntended():
                self._intended = event
            case LandingDone():
                self._land(recorded, event)
            case TargetMoved():
                self._adopt(recorded, event)
            case _:
                pass
        self._events.append(event)

    def _end(self, recorded: Recorded, event: RunEnded) -> None:
        known = self._runs.get(event.id)
        if known is None:
            return
        began = known[0]
        self._runs[event.id] = (began, event, recorded.seq)
        if event.verdict.value == "passed" and not began.tests:
            self._passed[began.tree] = event.id

    def _land(self, recorded: Recorded, event: LandingDone) -> None:
        intended = self._intended
        if intended is None or intended.new != event.new:
            return
        tested = self._passed.get(intended.tree)
        for each in intended.entries:
            if each in self._entries:
                entry = self._entries[each]
                landed = LandedEntry(entry, event.new, intended.old, recorded.at, recorded.seq, tested=tested)
                self._landed.append(landed)
        self._intended = None

    def _adopt(self, recorded: Recorded, event: TargetMoved) -> None:
        if event.old is not None and not event.adopted:
            self._rewritten.append(Rewritten(event.old, event.new, recorded.at, recorded.seq))
        for entry in event.adopted:
            self._entries[entry.id] = entry
            tested = self._passed.get(event.tree)
            self._landed.append(LandedEntry(entry, event.new, event.old, recorded.at, recorded.seq, True, tested))
