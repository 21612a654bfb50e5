"""Whose work a line is: what blame, trailers and the record say together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from watchkeeper.app import Analysis
from watchkeeper.database.sources import Work, Written
from watchkeeper.model.errors import GitError
from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.ids import ProjectId, Seq, Sha
from watchkeeper.model.landing import Entry, EntryId, EntryQueued
from watchkeeper.record.codec import FLEET_KINDS
from watchkeeper.record.log import Log
from watchkeeper.repos.blame import BlamedLine, CommitSaid, Credit, added_lines, blame_lines, read_said

_MOST_ENTRIES = 500


class Ledger:
    """``database.sources.Blame``. A commit's trailers say whose it is; where it has none, or several, entries of the
    landing queue do: the one whose own commits have the line."""

    def __init__(self, analysis: Analysis, log: Log, project: ProjectId, shared: ProjectId) -> None:
        self._hub = analysis.hub
        self._log, self._project, self._shared = log, project, shared
        self._entries: dict[EntryId, Entry] = {}
        self._fleet = FleetState()
        self._read = Seq(0)

    def written(self, revision: Sha, path: str, lines: Iterable[int]) -> Mapping[int, Written]:
        """Who wrote these lines; empty where the revision does not have them. Raises WatchkeeperError."""
        try:
            blamed = blame_lines(self._hub, revision, path, lines)
        except GitError as error:
            if error.slug == "not-in-revision":
                return {}
            raise
        self._refresh()
        said = {commit: read_said(self._hub, commit) for commit in {each.commit for each in blamed.values()}}
        return {line: self._written(path, each, said[each.commit]) for line, each in blamed.items()}

    def is_before(self, old: Sha, new: Sha) -> bool:
        """Whether ``new`` has ``old`` in its history. Raises WatchkeeperError."""
        return self._hub.repository.is_ancestor(old, new)

    def _written(self, path: str, line: BlamedLine, said: CommitSaid) -> Written:
        works = self._works(path, line, said)
        return Written(line.line, line.text, line.commit, said.subject, said.author, works)

    def _works(self, path: str, line: BlamedLine, said: CommitSaid) -> tuple[Work, ...]:
        if len(said.credits) == 1:
            return (self._completed(said.credits[0], self._entry_of(path, line, said)),)
        entry = self._entry_of(path, line, said)
        if entry is not None:
            return (self._completed(self._credit_of(entry, said.credits), entry),)
        return tuple(self._completed(each, None) for each in said.credits)

    def _entry_of(self, path: str, line: BlamedLine, said: CommitSaid) -> Entry | None:
        """The landed entry whose work the line is: named by the commit, or with the commit among its own."""
        named = [found for name in said.entries if (found := self._entries.get(EntryId(name))) is not None]
        if named:
            own = [each for each in named if self._added(each, path, line)]
            return own[0] if len(own) == 1 else named[0] if len(named) == 1 else None
        for entry in reversed(self._entries.values()):
            if path in entry.paths and entry.base is not None and self._holds(entry, entry.base, line.commit):
                return entry
        return None

    def _added(self, entry: Entry, path: str, line: BlamedLine) -> bool:
        try:
            return entry.base is not None and line.text in added_lines(self._hub, entry.base, entry.head, path)
        except GitError:
            return False

    def _holds(self, entry: Entry, base: Sha, commit: Sha) -> bool:
        repository = self._hub.repository
        try:
            return repository.is_ancestor(commit, entry.head) and not repository.is_ancestor(commit, base)
        except GitError:  # its commit is kept no more
            return False

    def _credit_of(self, entry: Entry, told: tuple[Credit, ...]) -> Credit:
        return next((each for each in told if entry.issue and each.issue == entry.issue), Credit())

    def _completed(self, credit: Credit, entry: Entry | None) -> Work:
        """With what the record knows of the engagement."""
        standing = next(
            (
                each
                for each in reversed(list(self._fleet.engagements.values()))
                if (credit.engagement and each.engagement.id == credit.engagement)
                or (entry is not None and each.engagement.branch == entry.change)
            ),
            None,
        )
        engagement = standing.engagement if standing is not None else None
        by = "trailers" if credit != Credit() else "ledger" if entry is not None or engagement is not None else ""
        return Work(
            agent=credit.agent or (engagement.agent if engagement is not None else ""),
            issue=credit.issue or (engagement.issue if engagement is not None else entry.issue if entry else ""),
            engagement=credit.engagement or (engagement.id if engagement is not None else ""),
            change=entry.change if entry is not None else Work().change,
            before=entry.base if entry is not None else None,
            by=by,
        )

    def _refresh(self) -> None:
        for recorded in self._log.read(self._project, kinds=("entry-queued",), after=self._read):
            self._hear(recorded)
        self._fleet = fold_fleet(self._log.read(self._shared, kinds=FLEET_KINDS, after=self._fleet.seq), self._fleet)

    def _hear(self, recorded: Recorded) -> None:
        self._read = recorded.seq
        if isinstance(recorded.event, EntryQueued):
            self._entries[recorded.event.entry.id] = recorded.event.entry
            while len(self._entries) > _MOST_ENTRIES:
                self._entries.pop(next(iter(self._entries)))
