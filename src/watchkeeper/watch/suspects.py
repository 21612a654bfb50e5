"""The pairs whose merges have to be run, with the trees to run them on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec

from watchkeeper.conflicts.standing import State
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict, Kind
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import Event
from watchkeeper.model.ids import ChangeId, Sha
from watchkeeper.model.probing import LiveTree
from watchkeeper.watch.board import Board
from watchkeeper.watch.pairs import PairKey
from watchkeeper.watch.proving import Prover, Proving, emergent_pairs, open_emergent
from watchkeeper.watch.sharing import Sharing

_MOST_UNITED = 64


class Suspects:
    """Not thread-safe. Without a prover nothing is run, and there never is anything to do."""

    def __init__(self, prover: Prover | None, board: Board, sharing: Sharing, state: Callable[[], State]) -> None:
        self._board = board
        self._sharing = sharing
        self._state = state
        self._proving = Proving(prover, state) if prover is not None else None
        if self._proving is not None:
            self._proving.note(emergent_pairs(state()))

    @property
    def has_more(self) -> bool:
        """Some pairs were compared anew, and the merges of those have to be run."""
        if self._proving is not None:
            moved = self._board.pairs.take_moved()
            if moved:  # nobody compares those whom no rule suspects
                self._proving.note(pair for pair in emergent_pairs(self._state()) if pair & moved)
            self._proving.note(self._board.pairs.take_judged())
        return self._proving is not None and self._proving.has_waiting

    @property
    def is_awaiting(self) -> bool:
        """The merges of some pairs are being run."""
        return self._proving is not None and self._proving.is_awaiting

    @property
    def proved(self) -> tuple[int, int]:
        """How many pairs were run, and how often all changes together."""
        return (self._proving.proofs, self._proving.unions) if self._proving is not None else (0, 0)

    def prove_next(self) -> tuple[Event, ...]:
        """Run the merge of one suspected pair, as far as that is quick."""
        assert self._proving is not None
        pair = self._proving.next_pair()
        suspicions, changes = self._suspected(pair)
        if len(changes) < len(pair):
            return self._proving.gone(pair, self._state())
        return self._proving.run(self._live_trees(changes), suspicions, self._state())

    def prepare(self) -> None:
        """Have what every proof needs got ready: the first suspicion should not have to wait for it."""
        if self._proving is not None:
            self._proving.prepare(self._live())

    def unite(self) -> None:
        """Have all live changes looked at together, where that is worth it."""
        live = self._live()
        if self._proving is not None and 2 < len(live) <= _MOST_UNITED:
            self._proving.unite([self._tree(change) for change in live])

    def take_finished(self) -> tuple[Event, ...]:
        """What came of the merges that ran in the background."""
        return self._proving.take_finished(self._about, self._tree_of) if self._proving is not None else ()

    def close(self) -> None:
        """End what runs."""
        if self._proving is not None:
            self._proving.close()

    def _live(self) -> list[Change]:
        return [party.change for party in self._board.parties.values() if not party.is_landed]

    def _tree(self, change: Change) -> LiveTree:
        return self._board.analyst.live_tree(change, self._board.files[change.id])

    def _tree_now(self, part: Change) -> LiveTree:
        """A part of a checkout at this moment, as what it is together with another: of another moment's tree the other
        one would have what neither has alone."""
        files = self._sharing.part(part)
        if files is None or files == self._board.files[part.id]:
            return self._tree(part)
        return self._board.analyst.passing_tree(part, files)

    def _tree_of(self, identity: ChangeId) -> Sha | None:
        """The change's tree as it is now; None where it is gone, or cannot be made."""
        party, files = self._board.parties.get(identity), self._board.files.get(identity)
        with suppress(WatchkeeperError):
            return self._board.analyst.live_tree(party.change, files).tree if party and files else None
        return None

    def _live_trees(self, changes: Sequence[Change]) -> list[tuple[Change, LiveTree]]:
        files = self._sharing.together(changes[0], changes[1]) if len(changes) == 2 else None
        trees = [self._tree(change) if files is None else self._tree_now(change) for change in changes]
        if files is not None:
            joint = self._board.analyst.joint_tree(changes[0], changes[1], files)
            trees = [
                msgspec.structs.replace(tree, joint=((other.change, joint),))
                for tree, other in zip(trees, reversed(trees), strict=True)
            ]
        return list(zip(changes, trees, strict=True))

    def _suspected(self, pair: PairKey) -> tuple[Sequence[Conflict], Sequence[Change]]:
        """What is suspected of a pair of live changes that git can merge; fewer than two changes where one is gone.

        Where no rule suspects anything, what was emergent: only another run can say that it is over.
        """
        suspicions, changes = self._about(pair)
        is_live = not any(change.source is Source.LANDED for change in changes)
        if not is_live or any(each.kind is Kind.TEXT for each in suspicions):
            return (), changes
        return suspicions or open_emergent(self._state(), pair), changes

    def _about(self, pair: PairKey) -> tuple[Sequence[Conflict], Sequence[Change]]:
        """All that is suspected of a pair, also of one whose merge is not run: it is nothing new when it comes out."""
        parties = [self._board.parties[each] for each in sorted(pair) if each in self._board.parties]
        return self._board.pairs.suspicions(pair), [party.change for party in parties]
