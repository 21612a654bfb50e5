"""The changes as they stand: their files, their footprints, and what is known of each pair of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from watchkeeper.conflicts.pair import Party
from watchkeeper.conflicts.standing import State
from watchkeeper.model.changes import Change
from watchkeeper.model.ids import ChangeId, Millis
from watchkeeper.repos.working import WorkingFile
from watchkeeper.watch.analyst import Analyst
from watchkeeper.watch.pairs import Compare, Pairs


class Board:
    """Not thread-safe. ``pairs`` has the events that follow from what is put here and taken away."""

    def __init__(
        self,
        analyst: Analyst,
        compare: Compare,
        state: Callable[[], State],
        *,
        clock: Callable[[], Millis],
        ignore: Sequence[str] = (),
    ) -> None:
        self.analyst = analyst
        self.pairs = Pairs(compare, state, clock=clock, ignore=ignore)
        self._files: dict[ChangeId, tuple[WorkingFile, ...]] = {}

    @property
    def files(self) -> Mapping[ChangeId, tuple[WorkingFile, ...]]:
        """The files of each change."""
        return self._files

    @property
    def parties(self) -> Mapping[ChangeId, Party]:
        """The changes with work of their own."""
        return self.pairs.parties

    def renew(self, change: Change, files: tuple[WorkingFile, ...], why_empty: str) -> None:
        """The change is like this now; without files it is none, and ``why_empty`` says why."""
        if files:
            party = self.analyst.party(change, files)
            self._files[change.id] = files
            self.pairs.place(party)
        else:
            self.drop(change.id, why_empty)

    def renew_part(self, part: Change, files: tuple[WorkingFile, ...], why_empty: str = "") -> None:
        """As ``renew``, for a part of a checkout: what another session saved or committed moves nothing here."""
        known = self.parties.get(part.id)
        if known is None or known.change.base != part.base or self._files.get(part.id) != files:
            self.renew(part, files, why_empty)

    def drop(self, identity: ChangeId, reason: str) -> None:
        """The change is no longer live. Nothing happens where it was not."""
        self.pairs.drop(identity, reason)
        self._files.pop(identity, None)
        self.analyst.forget(identity)
