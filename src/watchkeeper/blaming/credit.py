"""Who wrote a line, and whose work that was: git, trailers, and the record."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from watchkeeper.database.ledger import Ledger
from watchkeeper.database.sources import Work, Written
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import Sha
from watchkeeper.model.landing import EntryId
from watchkeeper.repos.blame import CommitSaid, added_lines, blame_lines, read_said
from watchkeeper.repos.hub import Hub

_MOST_SAID = 2_000
_MOST_LEFT = 4


class HubBlame:
    """Who wrote a line: git's blame at the revision that runs, then trailers, then the record. Safe for threads."""

    def __init__(self, hub: Hub, read: Callable[[], Ledger]) -> None:
        self._hub, self._read = hub, read
        self._said: OrderedDict[Sha, CommitSaid] = OrderedDict()
        self._guard = threading.Lock()

    def written(self, revision: Sha, path: str, lines: Iterable[int]) -> Mapping[int, Written]:
        """Who wrote these lines of a file. Raises GitError for a file that the revision does not have."""
        blamed = blame_lines(self._hub, revision, path, lines)
        ledger = self._read() if blamed else Ledger()
        found = {}
        for number, line in blamed.items():
            said = self._say(line.commit)
            works = self._works(ledger, said, path, line.text)
            found[number] = Written(number, line.text, line.commit, said.subject, said.author, works)
        return found

    def is_before(self, old: Sha, new: Sha) -> bool:
        """Whether ``new`` has ``old`` in its history, itself included."""
        return self._hub.repository.is_ancestor(old, new)

    def works_of(self, commit: Sha, path: str = "", text: str = "") -> tuple[Work, ...]:
        """Whose work a commit is; of a landing of several, theirs alone who added that text. Raises GitError."""
        return self._works(self._read(), self._say(commit), path, text)

    def _works(self, ledger: Ledger, said: CommitSaid, path: str, text: str) -> tuple[Work, ...]:
        entries = self._entries(ledger, said, path, text)
        recorded = tuple(ledger.work_of(each) for each in entries)
        trailers = tuple(ledger.with_trailers(Work(each.agent, each.issue, each.engagement, by="trailers"))
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

    def _entries(self, ledger: Ledger, said: CommitSaid, path: str, text: str) -> Sequence[EntryId]:
        """The entries that may have brought a commit. A trailer is believed within a landing of ours alone."""
        try:
            landing = ledger.landing_of(said.sha, self.is_before)
        except WatchkeeperError:
            return ()
        if landing is None:
            return ()
        named = [EntryId(each) for each in said.entries if each in landing.entries]
        left = named or list(landing.entries)
        if len(left) == 1:
            return left
        own = [each for each in left if self._has(ledger, each, said.sha)]
        if not own:
            own = [each for each in left if self._adds(ledger, each, path, text)]
        return (own or left)[:_MOST_LEFT]

    def _has(self, ledger: Ledger, entry: EntryId, commit: Sha) -> bool:
        """Whether the commit is one of the entry's own."""
        known = ledger.entries.get(entry)
        if known is None:
            return False
        try:
            has = self.is_before(commit, known.head)
            return has and (known.base is None or not self.is_before(commit, known.base))
        except WatchkeeperError:  # it landed long ago, and its own commits are no longer kept
            return False

    def _adds(self, ledger: Ledger, entry: EntryId, path: str, text: str) -> bool:
        """Whether the entry's own commits have the line and its base has not: what a squash of several came from."""
        known = ledger.entries.get(entry)
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
