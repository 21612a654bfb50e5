"""table-locks: a migration of one change keeps waiting, or breaks, what the other change does with the table.

Each is sound alone: the migration was tried on a quiet table, and the code on one that nobody alters. They meet when
the one is deployed while the other runs. What both migrate is no matter of locks: migrations run one after the other.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import NamedTuple

from watchkeeper.conflicts.meeting import shown_touch
from watchkeeper.conflicts.pair import Pair, Party, make_conflict
from watchkeeper.model.confidence import Confidence
from watchkeeper.model.conflicts import Conflict, Kind, Severity
from watchkeeper.model.migration_files import is_migration_file, is_taken_back
from watchkeeper.model.resources import AccessMode, Alteration, ResourceKind, ResourceTouch

RULE = "table-locks"
_USES = {AccessMode.READ: "reads", AccessMode.WRITE: "writes", AccessMode.LOCK: "locks rows of"}
_EVERY = "*"


class _Lock(NamedTuple):
    """What an alteration takes, and what to do about it; ``breaks``: what uses the table may fail afterwards."""

    name: str
    held: str
    severity: Severity
    next_step: str
    breaks: bool = False


_ALL, _WRITES = "ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE"
_MOMENT = "for a moment, but it queues behind open transactions, and all others behind it"
_SCAN = "until every row is read"
_RUNS = "until its transaction ends"
_ORDER = "land {user} without what {migrator} takes away first, then {migrator}, with lock_timeout set"
_RETRY = "set lock_timeout before the statement and repeat it until it gets the lock"
_LATER = "add it NOT VALID, and VALIDATE CONSTRAINT in a later transaction"

_LOCKS = {
    Alteration.DROP_TABLE: _Lock(_ALL, _RUNS, Severity.MAJOR, _ORDER, breaks=True),
    Alteration.DROP_COLUMN: _Lock(_ALL, _MOMENT, Severity.MAJOR, _ORDER, breaks=True),
    Alteration.RENAME: _Lock(_ALL, _MOMENT, Severity.MAJOR, _ORDER, breaks=True),
    Alteration.RETYPE: _Lock(
        _ALL,
        "until every row is rewritten",
        Severity.MAJOR,
        "add a column of the new type and fill it in parts; land {user} on whichever of the two stays",
        breaks=True,
    ),
    Alteration.ADD_REQUIRED: _Lock(
        _ALL,
        "and rows that are written without the column fail from then on",
        Severity.MAJOR,
        "add the column with a default or nullable, and require it only once {user} has landed and fills it",
    ),
    Alteration.VALIDATE: _Lock(
        _ALL, _SCAN, Severity.MAJOR, "add it NOT VALID or USING INDEX, and validate it in a later transaction"
    ),
    Alteration.FOREIGN_KEY: _Lock(_WRITES, _SCAN, Severity.MAJOR, _LATER),
    Alteration.REFERENCE: _Lock(_WRITES, "until the other table's rows are checked", Severity.MINOR, _LATER),
    Alteration.INDEX: _Lock(
        "SHARE", "until the index is built", Severity.MINOR, "build it CONCURRENTLY, outside a transaction"
    ),
    Alteration.EMPTY: _Lock(_ALL, _RUNS, Severity.MAJOR, "delete in parts, or " + _RETRY),
    Alteration.LOCK: _Lock("a table", _RUNS, Severity.MAJOR, _RETRY),
    Alteration.ADD_COLUMN: _Lock(_ALL, _MOMENT, Severity.MINOR, _RETRY),
    Alteration.BRIEF: _Lock(_ALL, _MOMENT, Severity.MINOR, _RETRY),
}
_NO_MATTER = frozenset(
    {
        Alteration.CONCURRENT,
        Alteration.LIGHT,
        Alteration.NOT_VALID,
        Alteration.INDEX,
        Alteration.FOREIGN_KEY,
        Alteration.REFERENCE,
        Alteration.VALIDATE,
    }
)
"""What leaves the columns as they were: beside its lock, it does nothing to those who use the table."""


class _Judgement(NamedTuple):
    severity: Severity
    confidence: Confidence
    migrator: Party
    user: Party
    lock: ResourceTouch
    use: ResourceTouch

    @property
    def rank(self) -> tuple[int, int, str, bool]:
        is_write = self.use.access.mode is AccessMode.WRITE
        return self.severity.rank, self.confidence.rank, self.migrator.id, is_write


def find_table_lock_conflicts(pair: Pair) -> Iterator[Conflict]:
    """At most one conflict for each table: the worst of what either side's migrations do to the other."""
    worst: dict[str, _Judgement] = {}
    for migrator, user in pair.directions():
        made = {t.access.resource.name for t in _touches(migrator) if t.access.value == Alteration.CREATE}
        locks = [t for t in _touches(migrator) if _is_lock(t) and t.access.resource.name not in made]
        if not locks:
            continue
        uses = [t for t in _touches(user) if _is_use(t)]
        for lock, use in product(locks, uses):
            name = lock.access.resource.name
            if use.access.resource.name != name or _has_same(user, lock):
                continue
            judged = _judge(migrator, user, lock, use)
            if judged is not None and (name not in worst or judged.rank > worst[name].rank):
                worst[name] = judged
    for name in sorted(worst):
        yield _conflict(pair, name, worst[name])


def lock_of(form: str) -> str:
    """The lock that is told of an `Alteration`, as PostgreSQL calls it; ``""`` where none is that matters."""
    known = {each.value: lock.name for each, lock in _LOCKS.items()}
    return known.get(form, "")


def is_about_locks(one: ResourceTouch, two: ResourceTouch) -> bool:
    """Whether what there is to say of the two is said here, be it nothing."""
    for lock, use in ((one, two), (two, one)):
        value = lock.access.value
        if not _is_use(use) or value not in _LOCKS.keys() | _NO_MATTER:
            continue
        if value in _NO_MATTER or (_is_lock(lock) and _severity(lock, use) is not None):
            return True
    return False


def _touches(party: Party) -> list[ResourceTouch]:
    return [
        touch
        for touch in party.footprint.resources
        if touch.is_new
        and touch.access.resource.kind is ResourceKind.TABLE
        and not is_taken_back(touch.path, touch.access.symbol)
    ]


def _is_lock(touch: ResourceTouch) -> bool:
    return touch.access.value in _LOCKS and is_migration_file(touch.path)


def _is_use(touch: ResourceTouch) -> bool:
    return touch.access.mode in _USES and not touch.access.value and not is_migration_file(touch.path)


def _has_same(user: Party, lock: ResourceTouch) -> bool:
    """Whether the other side has the same migration: it knows of it."""
    return any(touch.path == lock.path and touch.access.text == lock.access.text for touch in _touches(user))


def _judge(migrator: Party, user: Party, lock: ResourceTouch, use: ResourceTouch) -> _Judgement | None:
    severity = _severity(lock, use)
    if severity is None:
        return None
    confidence = min((lock.access.confidence, use.access.confidence), key=lambda each: each.rank)
    severity = severity if confidence is Confidence.SURE else severity.lowered()
    return _Judgement(severity, confidence, migrator, user, lock, use)


def _severity(lock: ResourceTouch, use: ResourceTouch) -> Severity | None:
    """None where the use does not wait, or only for a moment, and is right afterwards."""
    form = Alteration(lock.access.value)
    rule, writes = _LOCKS[form], use.access.mode is not AccessMode.READ
    if not writes and not rule.breaks:
        return None
    if rule.breaks and form is not Alteration.RETYPE and _are_apart(lock, use):
        return Severity.MINOR
    if form is Alteration.RETYPE and not writes and _are_apart(lock, use):
        return Severity.MINOR
    if form is Alteration.ADD_COLUMN and set(lock.access.columns) & set(use.access.columns):
        return Severity.MAJOR
    return rule.severity


def _are_apart(lock: ResourceTouch, use: ResourceTouch) -> bool:
    """Whether both name columns, and none in common."""
    ours, theirs = set(lock.access.columns), set(use.access.columns)
    return bool(ours and theirs) and _EVERY not in theirs and not ours & theirs


def _conflict(pair: Pair, table: str, judged: _Judgement) -> Conflict:
    form = Alteration(judged.lock.access.value)
    lock = _LOCKS[form]
    migrator, user, uses = judged.migrator.label, judged.user.label, _USES[judged.use.access.mode]
    stands = "others' reads and writes" if lock.name == _ALL else "others' writes"
    step = lock.next_step.format(migrator=migrator, user=user)
    if form is Alteration.ADD_COLUMN and judged.severity is not Severity.MINOR:
        step = f"land {migrator} first: {user} needs the column"
    return make_conflict(
        kind=Kind.RESOURCE,
        rule=RULE,
        severity=judged.severity,
        confidence=judged.confidence,
        parties=(pair.first, pair.second),
        keys=(f"table-lock:{table}",),
        subjects=(f"table {table}",),
        summary=f"a migration of {migrator} {form} the table {table}, which {user} {uses}",
        why=f"it takes {_with_article(lock.name)} lock, which keeps {stands} waiting, {lock.held}",
        evidence=(
            shown_touch(judged.migrator, judged.lock, f"{lock.name} lock"),
            shown_touch(judged.user, judged.use, judged.use.access.mode.value),
        ),
        next_step=step,
    )


def _with_article(name: str) -> str:
    return name if name.startswith("a ") else f"an {name}" if name[0] in "AE" else f"a {name}"
