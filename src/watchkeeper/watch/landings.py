"""The target branch, and the changes that landed in it lately: taken up one by one, let go when they are old."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from watchkeeper.model.changes import Change, Source
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.ids import ChangeId, Millis, Sha
from watchkeeper.repos.target import Target
from watchkeeper.repos.working import read_branch_files
from watchkeeper.watch.board import Board
from watchkeeper.watch.discovery import Landed, Surveyor

_MOST_FILES = 400


class Landings:
    """Not thread-safe. ``left_out`` are those that could not be read, in sentences."""

    def __init__(self, surveyor: Surveyor, board: Board, clock: Callable[[], Millis]) -> None:
        self._surveyor = surveyor
        self._board = board
        self._clock = clock
        self._landed = Landed()
        self._waiting: OrderedDict[ChangeId, Change] = OrderedDict()
        self._is_old = False
        self.target: Target | None = None
        self.left_out: tuple[str, ...] = ()

    @property
    def has_more(self) -> bool:
        """Some were not taken up yet."""
        return bool(self._waiting)

    def set_target(self, target: Target | None) -> None:
        """The target branch is there now."""
        has_moved = (target and target.commit) != (self.target and self.target.commit)
        self.target, self._is_old = target, self._is_old or has_moved

    def renew_if_moved(self) -> None:
        """Find what landed, where the target branch is elsewhere than the last time."""
        if self._is_old:
            self.renew()

    def renew(self) -> None:
        """Let go of what landed too long ago, and find what landed since."""
        parties = self._board.parties
        landed = self._surveyor.landed(self.target, self._clock())
        now = {change.id: change for change in landed.changes}
        known = {identity for identity, party in parties.items() if party.change.source is Source.LANDED}
        for identity in known - now.keys():
            self._board.drop(identity, "it landed too long ago, or is no longer in the target branch")
        self._landed, self._is_old, self.left_out = landed, False, ()
        self._waiting = OrderedDict((each.id, each) for each in landed.changes if each.id not in known)
        for identity in known & now.keys():  # who has what may have changed with the target branch
            self._board.pairs.judge_again(identity)

    def take_next(self) -> None:
        """Take up the next one."""
        _, change = self._waiting.popitem(last=False)
        assert change.head is not None
        try:
            files = read_branch_files(self._surveyor.history, change.base, change.head)
        except WatchkeeperError as error:  # a shallow clone ends before it
            self.left_out = (*self.left_out, f"{change.label}: {error.message}")
            return
        if len(files) <= _MOST_FILES:
            self._board.renew(change, files, "it changes nothing")

    def place_again(self) -> None:
        """Who has to be compared with what landed is another matter now."""
        for party in [party for party in self._board.parties.values() if party.is_landed]:
            self._board.pairs.place(party)

    def were_open_together(self, one: ChangeId, two: ChangeId) -> bool:
        """Of two that landed: whether either was begun before the other was in."""
        return frozenset({one, two}) in self._landed.open_together

    def is_in_target(self, commit: Sha) -> bool:
        """Whether the target branch has it."""
        return self.target is not None and self._surveyor.merge_base(commit, self.target.commit) == commit
