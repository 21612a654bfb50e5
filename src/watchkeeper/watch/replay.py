"""What Watchkeeper would have said in a repository's own past: its catch, and its noise."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Mapping

import msgspec

from watchkeeper.conflicts.pair import Party
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict, Severity
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.repos.history import list_branches, read_log
from watchkeeper.repos.repository import Repository
from watchkeeper.repos.working import read_branch_files
from watchkeeper.watch.analyst import Analyst
from watchkeeper.watch.history import (
    History,
    OpenPair,
    PastChange,
    Sort,
    pairs_open_together,
    read_history,
    read_pull_requests,
)

_MOST_PARTIES = 60
_MOST_FILES = 400
_TITLE = 60


class ReplayedPair(msgspec.Struct, frozen=True):
    """Two past changes that were open together, whether they share a file, and what would have been told."""

    pair: OpenPair
    shares_file: bool
    conflicts: tuple[Conflict, ...]

    @property
    def worst(self) -> Severity | None:
        """The gravest of its conflicts; None where there is none."""
        return max((c.severity for c in self.conflicts), key=lambda s: s.rank, default=None)


class ReplayReport(msgspec.Struct, frozen=True):
    """The whole replay. ``skipped`` pairs hold a change too large to be a change (generated, vendored, reformatted)."""

    changes: int
    pairs: tuple[ReplayedPair, ...]
    skipped: int
    sort: Sort

    def count_at(self, severity: Severity) -> int:
        """Pairs whose worst conflict is of that severity or above."""
        return sum(1 for each in self.pairs if each.worst is not None and each.worst.rank >= severity.rank)

    def count_same_file(self) -> int:
        return sum(each.shares_file for each in self.pairs)

    def count_rules(self, severity: Severity) -> Mapping[str, int]:
        """Pairs by rule, counting conflicts of that severity or above."""
        counted: Counter[str] = Counter()
        for each in self.pairs:
            counted.update({c.rule for c in each.conflicts if c.severity.rank >= severity.rank})
        return dict(counted.most_common())


def replay_history(
    repository: Repository,
    analyst: Analyst,
    head: Sha,
    *,
    since: Millis | None = None,
    limit: int = 500,
    on_progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> ReplayReport:
    """Compares all past changes of the branch ``head`` that were open at the same time. Records nothing.

    Raises: GitError.
    """
    history = _find_history(repository, head, since, limit)
    pairs = list(pairs_open_together(history.changes))
    past = _Past(repository, analyst)
    replayed: list[ReplayedPair] = []
    for done, pair in enumerate(_by_neighbourhood(pairs)):
        on_progress(done, len(pairs))
        compared = past.compare(pair)
        if compared is not None:
            replayed.append(compared)
    on_progress(len(pairs), len(pairs))
    replayed.sort(key=lambda each: (-each.worst.rank if each.worst else 1, -each.pair.later.position))
    return ReplayReport(
        changes=len(history.changes),
        pairs=tuple(replayed),
        skipped=len(pairs) - len(replayed),
        sort=history.sort,
    )


def _find_history(repository: Repository, head: Sha, since: Millis | None, limit: int) -> History:
    history = read_history(read_log(repository, [head]), head, since=since, limit=limit)
    if history.is_exact:
        return history
    pulls = {branch.name: branch.head for branch in list_branches(repository, ["pull/*"])[:limit]}
    if not pulls:
        return history
    commits = read_log(repository, [head, *dict.fromkeys(pulls.values())])
    return read_pull_requests(commits, head, pulls, since=since)


class _Past:
    """Past changes as parties; a few are kept, because neighbours meet again and again."""

    def __init__(self, repository: Repository, analyst: Analyst) -> None:
        self._repository = repository
        self._analyst = analyst
        self._parties: OrderedDict[Sha, Party | None] = OrderedDict()

    def compare(self, pair: OpenPair) -> ReplayedPair | None:
        earlier, later = self._party(pair.earlier), self._party(pair.later)
        if earlier is None or later is None:
            return None
        shares_file = bool(earlier.files.keys() & later.files.keys())
        return ReplayedPair(pair=pair, shares_file=shares_file, conflicts=self._analyst.compare(earlier, later))

    def _party(self, past: PastChange) -> Party | None:
        if past.landing not in self._parties:
            self._parties[past.landing] = self._make(past)
            while len(self._parties) > _MOST_PARTIES:
                gone, _ = self._parties.popitem(last=False)
                self._analyst.forget(ChangeId(gone))
        self._parties.move_to_end(past.landing)
        return self._parties[past.landing]

    def _make(self, past: PastChange) -> Party | None:
        try:
            files = read_branch_files(self._repository, past.base, past.head)
            if len(files) > _MOST_FILES:
                return None
            return self._analyst.party(_change(past), files)
        except WatchkeeperError:  # objects that this clone does not have (partial, damaged): counted as skipped
            return None


def _change(past: PastChange) -> Change:
    return Change(
        id=ChangeId(past.landing),
        source=Source.BRANCH,
        label=f"{past.title[:_TITLE]} ({past.landing[:8]})",
        head=past.head,
        base=past.base,
        author=past.author,
        since=past.opened,
        landed_at=past.landed,
    )


def _by_neighbourhood(pairs: list[OpenPair]) -> Iterator[OpenPair]:
    """Newest first: pairs of one neighbourhood share parties and base trees."""
    yield from sorted(pairs, key=lambda pair: (-pair.later.position, -pair.earlier.position))
