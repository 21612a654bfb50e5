"""tables: both changes write one table, or one alters a table that the other newly uses.

Row locks are held on rows, not columns: two write sets without a common column can still hang each other. So tables are
compared, and columns only grade what was found.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import NamedTuple

from watchkeeper.conflicts.pair import Pair, Party, make_conflict
from watchkeeper.conflicts.rules.resource_table_locks import is_about_locks
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Evidence, Kind, Severity
from watchkeeper.model.migration_files import is_taken_back
from watchkeeper.model.resources import Access, AccessMode, Alteration, ResourceKind, ResourceTouch

RULE = "tables"
_DEFINES = frozenset({AccessMode.DEFINE, AccessMode.REMOVE})
_WRITES = frozenset({AccessMode.WRITE, AccessMode.LOCK})
_EVERY = "*"
_SHOWN = 5  # columns in a sentence

_Touches = Sequence[ResourceTouch]


class _Judgement(NamedTuple):
    """How bad two touches of one table are together, and why."""

    severity: Severity
    summary: str
    why: str
    next_step: str
    ours: ResourceTouch
    theirs: ResourceTouch

    @property
    def rank(self) -> tuple[int, int]:
        return self.severity.rank, self.confidence.rank

    @property
    def confidence(self) -> Confidence:
        return min((self.ours.access.confidence, self.theirs.access.confidence), key=lambda each: each.rank)


def find_table_conflicts(pair: Pair) -> Iterator[Conflict]:
    """At most one conflict for each table that both changes touch: the worst."""
    ours, theirs = _by_table(pair.first), _by_table(pair.second)
    for table in sorted(ours.keys() & theirs.keys()):
        if _said(ours[table]) == _said(theirs[table]):
            continue  # the same edit on both sides
        judged = [
            judgement
            for one, two in product(ours[table], theirs[table])
            if (judgement := _judge(pair, table, one, two)) is not None
        ]
        if judged:
            yield _conflict(pair, table, max(judged, key=lambda judgement: judgement.rank))


def _by_table(party: Party) -> dict[str, list[ResourceTouch]]:
    table: dict[str, list[ResourceTouch]] = {}
    for touch in party.footprint.resources:
        is_forward = touch.is_new and not is_taken_back(touch.path, touch.access.symbol)
        is_named = touch.access.value != Alteration.REFERENCE  # nobody alters the parent of a foreign key
        if is_forward and is_named and touch.access.resource.kind is ResourceKind.TABLE:
            table.setdefault(touch.access.resource.name, []).append(touch)
    return table


def _said(touches: _Touches) -> set[tuple[str, str, str, str]]:
    return {(t.path, t.access.symbol, t.access.mode.value, t.access.text) for t in touches}


def _judge(pair: Pair, table: str, one: ResourceTouch, two: ResourceTouch) -> _Judgement | None:
    if is_about_locks(one, two):
        return None
    modes = {one.access.mode, two.access.mode}
    if modes & _DEFINES:
        return _judge_definition(pair, table, one, two)
    if modes <= _WRITES and AccessMode.WRITE in modes:
        return _judge_writes(pair, table, one, two)
    return None


def _judge_definition(pair: Pair, table: str, one: ResourceTouch, two: ResourceTouch) -> _Judgement | None:
    both = {one.access.mode, two.access.mode} <= _DEFINES
    first_defines = one.access.mode in _DEFINES
    definer, user = (pair.first, pair.second) if first_defines else (pair.second, pair.first)
    change = one.access if first_defines else two.access
    used = two.access if first_defines else one.access
    gone = AccessMode.REMOVE in (one.access.mode, two.access.mode)
    verb = "drops" if change.mode is AccessMode.REMOVE else "alters"
    verb_of_user = "alters" if both else {"read": "reads", "write": "writes"}.get(used.mode.value, "locks")
    summary = f"{definer.label} {verb} the table {table}, which {user.label} {verb_of_user}"
    shared = _shared(change, used)
    apart = not shared and bool(change.columns) and bool(used.columns)
    severity = Severity.MINOR if apart and not gone else Severity.MAJOR
    why = f"both name {_columns(shared)}" if shared else "each was written against the table without the other"
    if apart and not gone:
        why = "they name different columns, but altering a table waits for all who use it"
    step = f"put the change of {table} first, and have the other side read the result"
    return _Judgement(severity, summary, why, step, one, two)


def _judge_writes(pair: Pair, table: str, one: ResourceTouch, two: ResourceTouch) -> _Judgement:
    shared = _shared(one.access, two.access)
    names = f"{pair.first.label} and {pair.second.label}"
    columns = f"both write {_columns(shared)}" if shared else "their columns differ, their rows may not"
    second = next((t for t in (one, two) if _is_second(t.access)), None)
    if second is not None:
        summary = f"{names} both write the table {table}, one over a second connection"
        why = f"{second.access.connection} waits for rows that {second.access.held[-1]} has locked; {columns}"
        step = f"write {table} over one connection, or end the first transaction before the second begins"
        return _Judgement(Severity.MAJOR, summary, why, step, one, two)
    if (one.path, one.access.symbol) == (two.path, two.access.symbol):
        summary = f"{names} both write the table {table} in {one.access.symbol or one.path}"
        return _Judgement(Severity.MAJOR, summary, columns, "make one statement of the two", one, two)
    summary = f"{names} both write the table {table}"
    if shared:
        step = "agree on who owns the column"
        return _Judgement(Severity.MINOR, summary, f"{columns}, in different places", step, one, two)
    step = "look at both if they can meet on one row"
    return _Judgement(Severity.INFO, summary, f"{columns}; in different places", step, one, two)


def _is_second(access: Access) -> bool:
    """Whether a write goes over another connection than one that is open already."""
    return bool(access.connection) and bool(access.held)


def _shared(one: Access, two: Access) -> tuple[str, ...]:
    """The columns that both name; ``*`` alone where one means all."""
    if _EVERY in one.columns or _EVERY in two.columns:
        named = (*one.columns, *two.columns)
        return tuple(dict.fromkeys(column for column in named if column != _EVERY)) or (_EVERY,)
    return tuple(column for column in one.columns if column in two.columns)


def _columns(names: tuple[str, ...]) -> str:
    if names == (_EVERY,):
        return "all columns"
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _conflict(pair: Pair, table: str, judgement: _Judgement) -> Conflict:
    severity = judgement.severity if judgement.confidence is Confidence.SURE else judgement.severity.lowered()
    return make_conflict(
        kind=Kind.RESOURCE,
        rule=RULE,
        severity=severity,
        confidence=judgement.confidence,
        parties=(pair.first, pair.second),
        keys=(f"table:{table}",),
        subjects=(f"table {table}",),
        summary=judgement.summary,
        why=judgement.why,
        evidence=(_shown(pair.first, judgement.ours), _shown(pair.second, judgement.theirs)),
        next_step=judgement.next_step,
    )


def _shown(party: Party, touch: ResourceTouch) -> Evidence:
    access = touch.access
    over = f" over {access.connection}" if access.connection else ""
    return Evidence(party.id, touch.path, access.line, access.text, f"{access.mode.value}{over}")
