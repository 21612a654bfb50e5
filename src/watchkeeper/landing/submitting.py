"""A finished change becomes an entry of the queue: its commit is kept first, then it counts as queued."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import msgspec

from watchkeeper.landing.book import Book
from watchkeeper.landing.entering import enter, find_waiting, next_revision
from watchkeeper.landing.queue import Queue
from watchkeeper.model.errors import GitError, UsageError
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.landing import Bounce, Entry, EntryBounced, EntryId, EntryQueued, LandingEvent, Vanished
from watchkeeper.repos.history import read_log
from watchkeeper.repos.hub import Hub
from watchkeeper.repos.keeping import keep_change, kept_changes
from watchkeeper.repos.repository import Repository
from watchkeeper.repos.vanishing import vanished_between

_MOST_VANISHED = 200
_MOST_TRIES = 5


class Finished(msgspec.Struct, frozen=True):
    """A change that its maker calls finished: its name, and the commit that is to be landed."""

    change: ChangeId
    head: Sha
    session: str = ""
    issue: str = ""
    title: str = ""
    priority: int = 0


Judge = Callable[[Entry], tuple[Entry, tuple[str, ...]]]
"""Adds what else is known of an entry (its risk, its reach), and says why it waits for a person, if it does."""


def judge_nothing(entry: Entry) -> tuple[Entry, tuple[str, ...]]:
    """Nothing more is known, and nobody has to look."""
    return entry, ()


class Desk:
    """Takes changes in for one project. ``history`` gives the landing events there ever were."""

    def __init__(self, book: Book, hub: Hub, repository: Repository, history: Callable[[], Iterable[Recorded]]) -> None:
        self._book = book
        self._hub = hub
        self._source = repository
        self._repository = hub.repository  # has the user's commits, and ours
        self.history = history

    def submit(
        self, finished: Finished, onto: Sha, judge: Judge = judge_nothing
    ) -> tuple[EntryId, tuple[LandingEvent, ...]]:
        """Queue a change for the target branch, which is at ``onto``; its id, and what was recorded.

        The same commit is not queued twice: nothing is recorded then.
        Raises UsageError where there is nothing to land, GitError, WatchkeeperError.
        """
        self._book.refresh()
        waiting = find_waiting(self._book.queue, finished.change)
        if waiting is not None and waiting.entry.head == finished.head:
            return waiting.entry.id, ()
        if self._repository.is_ancestor(finished.head, onto):
            raise UsageError(
                f"{finished.change} has nothing that is not in the target branch already",
                slug="nothing-to-land",
                hint="commit the work first: git add -A && git commit",
                facts={"change": finished.change, "head": finished.head},
            )
        for _ in range(_MOST_TRIES):
            past = _Past(self.history())
            # Whoever was killed between keeping a commit and queueing it left a revision's name taken.
            taken = {entry for entry, commit in kept_changes(self._hub).items() if commit != finished.head}
            entry, reasons = judge(self._entry(finished, onto, next_revision(finished.change, past.ids | taken)))
            try:
                keep_change(self._hub, self._source, entry.id, entry.head, onto)
            except GitError as error:
                if error.slug != "entry-kept":
                    raise
                continue  # somebody else took the name meanwhile
            vanished = self._find_vanished(entry, past)
            waits = _with_vanished(reasons, vanished)
            events = self._book.tell_if(partial(_enter_anew, entry=entry, waits=waits, vanished=vanished))
            if events or find_waiting(self._book.queue, finished.change) is not None:
                return entry.id, events
        raise UsageError(
            f"{finished.change} is queued by others again and again",
            slug="not-in-queue",
            hint="watchkeeper queue",
            facts={"change": finished.change},
        )

    def _entry(self, finished: Finished, onto: Sha, identity: EntryId) -> Entry:
        base = self._repository.merge_base(finished.head, onto)
        newest = read_log(self._repository, [finished.head], limit=1)[0]
        changes = self._repository.diff(base, finished.head) if base is not None else ()
        paths = {path for each in changes for path in (each.old_path, each.new_path) if path is not None}
        return Entry(
            identity,
            finished.change,
            finished.head,
            base,
            title=finished.title or newest.subject,
            author=newest.author,
            issue=finished.issue,
            session=finished.session,
            paths=tuple(sorted(paths)),
            priority=finished.priority,
        )

    def _find_vanished(self, entry: Entry, past: _Past) -> tuple[Vanished, ...]:
        """What a resolution of a textual clash dropped of either side. Raises GitError."""
        before = past.clashed(entry.change)
        if before is None or before.base is None or entry.base is None:
            return ()
        # From where the earlier revision began: one side is what landed since, the other is that revision itself.
        losses = vanished_between(self._hub, before.base, entry.base, before.head, entry.head)
        found = [
            Vanished(
                before.id if line.side == "theirs" else EntryId("the target branch"),
                line.path,
                line.text.decode("utf-8", "replace")[:160],
            )
            for line in losses.lines
            if not line.is_spacing
        ]
        return tuple(found[:_MOST_VANISHED])


def _enter_anew(
    queue: Queue, *, entry: Entry, waits: Sequence[str], vanished: Sequence[Vanished]
) -> tuple[LandingEvent, ...]:
    """Nothing where the revision's name was taken by somebody else meanwhile."""
    known = queue.entries.get(entry.id)
    return () if known is not None else enter(queue, entry, waits=waits, vanished=vanished)


def _with_vanished(reasons: tuple[str, ...], vanished: tuple[Vanished, ...]) -> tuple[str, ...]:
    if not vanished:
        return reasons
    return (*reasons, f"its resolution drops {len(vanished)} lines that others or it had added")


class _Past:
    """What the log says of earlier revisions."""

    def __init__(self, events: Iterable[Recorded]) -> None:
        self.ids: set[EntryId] = set()
        self._last: dict[ChangeId, Entry] = {}
        self._clashed: set[EntryId] = set()
        for each in events:
            if isinstance(each.event, EntryQueued):
                self.ids.add(each.event.entry.id)
                self._last[each.event.entry.change] = each.event.entry
            elif isinstance(each.event, EntryBounced) and each.event.why is Bounce.CLASH:
                self._clashed.add(each.event.id)

    def clashed(self, change: ChangeId) -> Entry | None:
        """The newest revision of a change, if git could not merge it."""
        last = self._last.get(change)
        return last if last is not None and last.id in self._clashed else None
