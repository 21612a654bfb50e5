"""What was said and done here about issues that live elsewhere, and has to be said and done there. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from watchkeeper.model.events import Recorded
from watchkeeper.model.fleet import IssueClosed, IssueCommented, IssueId, IssueReopened
from watchkeeper.model.ids import Seq

Deed = IssueClosed | IssueReopened | IssueCommented


class Act(NamedTuple):
    """A deed with its place in the record. ``mark`` names it there, and nobody can guess it."""

    seq: Seq
    deed: Deed
    mark: str

    @property
    def id(self) -> IssueId:
        """The issue that it is about."""
        return self.deed.id

    @property
    def is_move(self) -> bool:
        """It opens or closes."""
        return not isinstance(self.deed, IssueCommented)


def own_acts(events: Iterable[Recorded], ids: str, their: str) -> tuple[Act, ...]:
    """The acts among ``events`` on issues whose ids begin with ``ids``; those of names with ``their`` were done there.

    Of several moves of one issue only the last counts.
    """
    acts: dict[tuple[IssueId, Seq], Act] = {}
    moved: dict[IssueId, tuple[IssueId, Seq]] = {}
    for each in events:
        deed = each.event
        if not isinstance(deed, Deed) or deed.id.rpartition("#")[0] != ids:
            continue
        act, key = Act(each.seq, deed, _mark(each)), (deed.id, each.seq)
        if act.is_move and (before := moved.pop(deed.id, None)) is not None:
            acts.pop(before)
        if not deed.by.startswith(their):
            acts[key] = act
            if act.is_move:
                moved[deed.id] = key
    return tuple(acts.values())


def _mark(recorded: Recorded) -> str:
    said = msgspec.json.encode((recorded.project, recorded.seq, recorded.at, str(recorded.event)))
    return hashlib.sha256(said).hexdigest()[:16]
