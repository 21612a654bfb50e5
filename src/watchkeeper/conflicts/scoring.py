"""How often each rule was right: counted from the record, and what follows for how it is shown. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import assert_never

import msgspec

from watchkeeper.model.conflicts import Kind
from watchkeeper.model.events import (
    CloseReason,
    ConflictChanged,
    ConflictClosed,
    ConflictDismissed,
    ConflictOpened,
    ConflictProbed,
    Recorded,
    RuleDemoted,
    RuleRestored,
)
from watchkeeper.model.ids import ConflictId
from watchkeeper.model.probing import Outcome

WINDOW = 20
"""How many of a rule's newest conclusive outcomes decide how it is shown."""
FLOOR = 0.3
"""Below this share of proofs a rule is shown one severity lower."""
RESTORED = 0.4
"""From this share on a demoted rule is shown in full again: apart from the floor, so that it does not flicker."""

_NEVER_DEMOTED = frozenset({"table-locks", "tables", "text", "unread"})


class Ending(StrEnum):
    """How a suspicion ended; the first three are conclusive."""

    PROVED = "proved"
    CLEARED = "cleared"
    DISMISSED = "dismissed"
    NOT_DISPROVED = "not-disproved"
    CHANGED_COURSE = "changed-course"  # the code no longer shows it, and nothing was proved before
    NONE = "none"  # still open and not run, or gone with its change


CONCLUSIVE = frozenset({Ending.PROVED, Ending.CLEARED, Ending.DISMISSED})


class RuleRecord(msgspec.Struct, frozen=True):
    """What became of a rule's suspicions; each counts once, as proved where it ever was, else by its newest ending.

    ``lately`` are the newest conclusive endings, the newest last.
    """

    rule: str
    raised: int = 0
    endings: Mapping[Ending, int] = {}
    lately: tuple[Ending, ...] = ()
    is_demoted: bool = False

    @property
    def proved_lately(self) -> int:
        return self.lately.count(Ending.PROVED)

    @property
    def precision(self) -> float | None:
        """The share of proofs in the newest conclusive endings; None where there is none."""
        return self.proved_lately / len(self.lately) if self.lately else None


class _Told(msgspec.Struct):
    rule: str
    ending: Ending = Ending.NONE
    at: int = 0  # of the event that made it conclusive: the order of endings


def count_rules(events: Iterable[Recorded]) -> Mapping[str, RuleRecord]:
    """The record of each rule, from all events in their order. A conflict that comes back is raised anew."""
    told: list[_Told] = []
    current: dict[ConflictId, _Told] = {}
    demoted: set[str] = set()
    for recorded in events:
        match recorded.event:
            case ConflictOpened(conflict=conflict) if conflict.kind is not Kind.EMERGENT:
                current[conflict.id] = _Told(conflict.rule)
                told.append(current[conflict.id])
            case ConflictOpened() | ConflictChanged():
                pass
            case RuleDemoted(rule=rule):
                demoted.add(rule)
            case RuleRestored(rule=rule):
                demoted.discard(rule)
            case ConflictProbed() | ConflictDismissed() | ConflictClosed() as event if event.id in current:
                _end(current[event.id], event, recorded.seq)
            case _:
                pass
    rules = dict.fromkeys(each.rule for each in told)
    return {rule: _record(rule, [each for each in told if each.rule == rule], rule in demoted) for rule in rules}


def can_demote(rule: str) -> bool:
    """What both do to a table is shown as it is: it may hang production, and tests rarely meet the interleaving.

    So is what git itself says, and that a file could not be read.
    """
    return rule not in _NEVER_DEMOTED


def decide_demotions(records: Mapping[str, RuleRecord]) -> tuple[RuleDemoted | RuleRestored, ...]:
    """What to record after new outcomes. A rule is judged only by a full window of conclusive outcomes."""
    events: list[RuleDemoted | RuleRestored] = []
    for rule, record in records.items():
        if len(record.lately) < WINDOW or not can_demote(rule) or record.precision is None:
            continue
        if record.precision < FLOOR and not record.is_demoted:
            events.append(RuleDemoted(rule, record.proved_lately, len(record.lately)))
        elif record.precision >= RESTORED and record.is_demoted:
            events.append(RuleRestored(rule, record.proved_lately, len(record.lately)))
    return tuple(events)


def _end(told: _Told, event: ConflictProbed | ConflictDismissed | ConflictClosed, seq: int) -> None:
    """The newest ending counts, but a proof stays one, whatever the code or a person does afterwards: it was right."""
    if told.ending is Ending.PROVED:
        return
    match event:
        case ConflictProbed(proof=proof):
            ending = _ENDINGS.get(proof.outcome, Ending.NONE)
            if ending is Ending.NONE or (ending is Ending.NOT_DISPROVED and told.ending in CONCLUSIVE):
                return
        case ConflictDismissed():
            ending = Ending.DISMISSED
        case ConflictClosed(reason=reason):
            if reason is not CloseReason.RESOLVED or told.ending in CONCLUSIVE:
                return
            ending = Ending.CHANGED_COURSE
        case _:
            assert_never(event)
    told.ending, told.at = ending, seq


_ENDINGS = {
    Outcome.PROVED: Ending.PROVED,
    Outcome.PROVED_AT_RUN_TIME: Ending.PROVED,
    Outcome.CLEARED: Ending.CLEARED,
    Outcome.NOT_DISPROVED: Ending.NOT_DISPROVED,
}


def _record(rule: str, told: list[_Told], is_demoted: bool) -> RuleRecord:
    conclusive = sorted((each for each in told if each.ending in CONCLUSIVE), key=lambda each: each.at)
    endings = {ending: sum(each.ending is ending for each in told) for ending in Ending}
    lately = tuple(each.ending for each in conclusive[-WINDOW:])
    return RuleRecord(rule, len(told), endings, lately, is_demoted)
