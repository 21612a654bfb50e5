"""What is known of each pair of changes: a change comes, moves or goes, and events follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from watchkeeper.conflicts.change_of_state import decide_events
from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.pair import Party
from watchkeeper.conflicts.standing import State, Status
from watchkeeper.conflicts.succession import name_heirs
from watchkeeper.model.changes import Change, Source
from watchkeeper.model.conflicts import Conflict, Kind
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import (
    ChangeAppeared,
    ChangeGone,
    ChangeLanded,
    ChangeMoved,
    CloseReason,
    Event,
    FileUnreadable,
    Recorded,
)
from watchkeeper.model.ids import ChangeId, ConflictId, Millis, ProjectId, Seq
from watchkeeper.watch.judgement import is_ignored, kept_open, unread_of
from watchkeeper.watch.reach import Reach, touched_by

PairKey = frozenset[ChangeId]
Compare = Callable[[Party, Party], tuple[Conflict, ...]]
"""The conflicts of two parties. Raises WatchkeeperError where git could not be asked."""


class Pairs:
    """The live parties and their conflicts. Events gather until they are taken with ``events``.

    A pair is compared once a step, however many of its sides moved, and never with the recorded state alone: what the
    same step already said counts too.
    """

    def __init__(
        self, compare: Compare, state: Callable[[], State], *, clock: Callable[[], Millis], ignore: Sequence[str] = ()
    ) -> None:
        self._compare = compare
        self._recorded = state
        self._clock = clock
        self._ignore = tuple(ignore)
        self._reach = Reach()
        self._parties: dict[ChangeId, Party] = {}
        self._pairs_of: dict[ChangeId, set[PairKey]] = {}
        self._moved: set[ChangeId] = set()
        self._told: dict[PairKey, frozenset[ConflictId]] = {}
        self._conflicts: dict[PairKey, tuple[Conflict, ...]] = {}
        self._unread: dict[ChangeId, dict[str, str]] = {}
        self._dirty: set[PairKey] = set()
        self._judged: set[PairKey] = set()
        self._inherited: set[PairKey] = set()
        self._pending: list[Event] = []
        self._folded: tuple[Seq, int, State] | None = None
        self.problem = ""
        self._inherit()

    @property
    def parties(self) -> Mapping[ChangeId, Party]:
        """The changes with work of their own, as they are now."""
        return self._parties

    @property
    def has_unjudged(self) -> bool:
        """Some pairs could not be compared: ``events`` tries again."""
        return bool(self._dirty)

    def events(self) -> tuple[Event, ...]:
        """Compare what has to be compared, and give everything that happened since the last call."""
        failed: set[PairKey] = set()
        problem = ""
        for pair in sorted(self._dirty, key=sorted):
            try:
                self._judge(pair)
            except WatchkeeperError as error:
                failed.add(pair)
                problem = error.message
        self._dirty, self.problem = failed, problem
        pending, self._pending, self._folded = self._pending, [], None
        return name_heirs(pending, self._recorded(), self._clock())

    def suspicions(self, pair: PairKey) -> tuple[Conflict, ...]:
        """What the pair's last comparison found."""
        return self._conflicts.get(pair, ())

    def take_judged(self) -> set[PairKey]:
        """The pairs that were compared since this was asked last, also those that came apart."""
        judged, self._judged = self._judged, set()
        return judged

    def take_moved(self) -> set[ChangeId]:
        """The changes that came, moved or went since this was asked last."""
        moved, self._moved = self._moved, set()
        return moved

    def place(self, party: Party) -> None:
        """A change as it is now."""
        party = Party(self._with_since(party.change), party.footprint)
        self._tell_change(party.change)
        self._parties[party.id] = party
        self._moved.add(party.id)
        self._tell_unreadable(party)
        near = self._reach.place(party.id, touched_by(party))
        met = {other for pair in self._pairs_of.get(party.id, ()) for other in pair}
        self._dirty |= {frozenset({party.id, other}) for other in (near | met) - {party.id}}

    def drop(self, identity: ChangeId, reason: str) -> None:
        """A change is no longer live. Nothing happens where it was not."""
        if self._parties.pop(identity, None) is None:
            return
        self._moved.add(identity)
        self._reach.drop(identity)
        self._unread.pop(identity, None)
        self._dirty = {pair for pair in self._dirty if identity not in pair}
        for pair in list(self._pairs_of.get(identity, ())):
            told = self._told.get(pair, frozenset())
            self._set_told(pair, frozenset())
            self._conflicts.pop(pair, None)
            self._judged.add(pair)
            self._pending += decide_events(self._now().conflicts, (), told, CloseReason.GONE)
        self._pending.append(ChangeGone(identity, reason))

    def judge_again(self, identity: ChangeId) -> None:
        """All that the change met has to be compared again."""
        self._dirty |= self._pairs_of.get(identity, set())

    def close_inherited(self) -> None:
        """Everything was looked at: what the last run left open and nobody sees any more is closed."""
        for pair in self._inherited - self._dirty:
            reason = CloseReason.RESOLVED if pair <= self._parties.keys() else CloseReason.GONE
            told = self._told.get(pair, frozenset())
            self._set_told(pair, frozenset())
            self._pending += decide_events(self._now().conflicts, (), told, reason)
        self._inherited.clear()
        for identity in self._now().changes.keys() - self._parties.keys():
            self._pending.append(ChangeGone(identity, "it was not there any more when watching began"))

    def reconcile(self) -> None:
        """Say everything that is seen against a state that others wrote meanwhile."""
        for party in self._parties.values():
            self._tell_change(party.change)
        known = self._now().conflicts
        seen = [conflict for found in self._conflicts.values() for conflict in found]
        told = [each for each, it in known.items() if it.status is not Status.CLOSED and _is_ours(it.conflict)]
        self._pending += decide_events(known, seen, told)

    def _inherit(self) -> None:
        for each in self._recorded().conflicts.values():
            if each.status is not Status.CLOSED and _is_ours(each.conflict):
                pair = frozenset(each.conflict.changes)
                self._set_told(pair, self._told.get(pair, frozenset()) | {each.conflict.id})
                self._inherited.add(pair)

    def _now(self) -> State:
        """The recorded state with what this step has said already."""
        state = self._recorded()
        if not self._pending:
            return state
        count = len(self._pending)
        if self._folded is not None and self._folded[:2] == (state.seq, count):
            return self._folded[2]
        numbered = [
            Recorded(Seq(state.seq + 1 + index), self._clock(), ProjectId(""), event)
            for index, event in enumerate(self._pending)
        ]
        folded = fold_all(numbered, state)
        self._folded = (state.seq, count, folded)
        return folded

    def _judge(self, pair: PairKey) -> None:
        one, two = (self._parties.get(identity) for identity in sorted(pair))
        if one is None or two is None:
            return
        found = tuple(each for each in self._compare(one, two) if not is_ignored(each, self._ignore))
        known = self._now().conflicts
        told = self._told.get(pair, frozenset())
        unread = {identity: self._unread[identity] for identity in pair if identity in self._unread}
        kept = kept_open([known[each] for each in told if each in known], found, unread)
        self._inherited.discard(pair)
        self._set_told(pair, frozenset(conflict.id for conflict in found) | kept)
        self._judged.add(pair)
        self._conflicts[pair] = (*found, *(known[each].conflict for each in kept))
        if not self._conflicts[pair]:
            del self._conflicts[pair]
        self._pending += decide_events(known, found, told - kept)

    def _set_told(self, pair: PairKey, told: frozenset[ConflictId]) -> None:
        if told:
            self._told[pair] = told
        else:
            self._told.pop(pair, None)
        for identity in pair:
            pairs = self._pairs_of.setdefault(identity, set())
            if told:
                pairs.add(pair)
            else:
                pairs.discard(pair)
            if not pairs:
                del self._pairs_of[identity]

    def _with_since(self, change: Change) -> Change:
        """Since when it is at work: as it was first said, else as git knows, else since now."""
        known = self._now().changes.get(change.id)
        since = known.since if known is not None and known.since else change.since or self._clock()
        return msgspec.structs.replace(change, since=since)

    def _tell_change(self, change: Change) -> None:
        known = self._now().changes.get(change.id)
        if known is None:
            landed = change.source is Source.LANDED
            self._pending.append(ChangeLanded(change) if landed else ChangeAppeared(change))
        elif _position(known) != _position(change):
            self._pending.append(ChangeMoved(change))

    def _tell_unreadable(self, party: Party) -> None:
        now = unread_of(party.footprint)
        before = self._unread.pop(party.id, {})
        if now:
            self._unread[party.id] = now
        self._pending += _news(party.id, before, now)


def _is_ours(conflict: Conflict) -> bool:
    """What is emergent is found by running merges, and closed by running them again."""
    return conflict.kind is not Kind.EMERGENT


def _position(change: Change) -> tuple[object, ...]:
    return change.head, change.base, change.path, change.branch


def _news(change: ChangeId, before: Mapping[str, str], now: Mapping[str, str]) -> Iterable[Event]:
    return [FileUnreadable(change, path, reason) for path, reason in now.items() if before.get(path) != reason]
