"""Whose work a line is: what blame, trailers and the record say together."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from watchkeeper.database.books import KINDS, Books, read_books
from watchkeeper.database.sources import Work, Written
from watchkeeper.model.errors import GitError, WatchkeeperError
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import ProjectId, Seq, Sha
from watchkeeper.model.landing import EntryId
from watchkeeper.record.log import Log
from watchkeeper.repos.blame import CommitSaid, added_lines, blame_lines, read_said
from watchkeeper.repos.hub import Hub

_MOST_SAID = 2_000
_MOST_LEFT = 4


class Ledger:
    """``database.sources.Blame``: git's blame at the revision that runs, then trailers, then the record.

    Of a landing of several entries a line is the entry's whose own commits have it, be they squashed or replayed.
    Safe for threads.
    """

    def __init__(self, hub: Hub, log: Log, project: ProjectId, shared: ProjectId) -> None:
        self._hub, self._log = hub, log
        self._read: dict[ProjectId, Seq] = dict.fromkeys((project, shared), Seq(0))
        self._events: list[Recorded] = []
        self._known = Books()
        self._said: OrderedDict[Sha, CommitSaid] = OrderedDict()
        self._guard = threading.Lock()

    def written(self, revision: Sha, path: str, lines: Iterable[int]) -> Mapping[int, Written]:
        """Who wrote these lines; empty where the revision does not have them. Raises WatchkeeperError."""
        try:
            blamed = blame_lines(self._hub, revision, path, lines)
        except GitError as error:
            if error.slug == "not-in-revision":
                return {}
            raise
        books = self._books()
        found = {}
        for number, line in blamed.items():
            said = self._say(line.commit)
            works = self._works(books, said, path, line.text)
            found[number] = Written(number, line.text, line.commit, said.subject, said.author, works)
        return found

    def is_before(self, old: Sha, new: Sha) -> bool:
        """Whether ``new`` has ``old`` in its history, itself included."""
        return self._hub.repository.is_ancestor(old, new)

    def _books(self) -> Books:
        """What the record says until now; of a fleet, what all its hosts do."""
        with self._guard:
            fresh: list[Recorded] = []
            for project, after in self._read.items():
                found = list(self._log.read(project, kinds=KINDS, after=after))
                self._read[project] = found[-1].seq if found else after
                fresh += found
            if fresh:
                self._events = sorted([*self._events, *fresh], key=lambda each: each.seq)
                self._known = read_books(self._events)
            return self._known

    def _works(self, books: Books, said: CommitSaid, path: str, text: str) -> tuple[Work, ...]:
        entries = self._entries(books, said, path, text)
        recorded = tuple(books.work_of(each) for each in entries)
        trailers = tuple(books.with_trailers(Work(each.agent, each.issue, each.engagement, by="trailers"))
                         for each in said.credits)  # fmt: skip
        if not trailers:
            return recorded
        if len(recorded) == 1:  # what the trailers leave out the record may know
            only = recorded[0]
            fill = only if len(trailers) == 1 else Work()
            return tuple(
                msgspec.structs.replace(
                    each,
                    agent=each.agent or fill.agent,
                    issue=each.issue or fill.issue,
                    engagement=each.engagement or fill.engagement,
                    change=only.change,
                    before=only.before,
                )
                for each in trailers
            )
        return trailers

    def _entries(self, books: Books, said: CommitSaid, path: str, text: str) -> Sequence[EntryId]:
        """The entries that may have brought a commit. A trailer is believed within a landing of ours alone."""
        try:
            landing = books.landing_of(said.sha, self.is_before)
        except WatchkeeperError:
            return ()
        if landing is None:
            return ()
        named = [EntryId(each) for each in said.entries if each in landing.entries]
        left = named or list(landing.entries)
        if len(left) == 1:
            return left
        own = [each for each in left if self._has(books, each, said.sha)]
        if not own:
            own = [each for each in left if self._adds(books, each, path, text)]
        return (own or left)[:_MOST_LEFT]

    def _has(self, books: Books, entry: EntryId, commit: Sha) -> bool:
        """Whether the commit is one of the entry's own."""
        known = books.entries.get(entry)
        if known is None:
            return False
        try:
            has = self.is_before(commit, known.head)
            return has and (known.base is None or not self.is_before(commit, known.base))
        except WatchkeeperError:  # it landed long ago, and its own commits are no longer kept
            return False

    def _adds(self, books: Books, entry: EntryId, path: str, text: str) -> bool:
        """Whether the entry's own commits have the line and its base has not: what a squash of several came from."""
        known = books.entries.get(entry)
        if known is None or known.base is None or not text:
            return False
        try:
            return text in added_lines(self._hub, known.base, known.head, path)
        except WatchkeeperError:
            return False

    def _say(self, commit: Sha) -> CommitSaid:
        with self._guard:
            if commit in self._said:
                return self._said[commit]
        said = read_said(self._hub, commit)
        with self._guard:
            self._said[commit] = said
            while len(self._said) > _MOST_SAID:
                self._said.popitem(last=False)
        return said
