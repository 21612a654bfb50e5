"""What InnoDB's status says of the last deadlock that it broke: both statements, with their tags. Untrusted. Pure."""

from __future__ import annotations

import re

import msgspec

from watchkeeper.database.advice import advise
from watchkeeper.database.deadlocktext import Deadlock, deadlock_incident
from watchkeeper.database.sighting import Engine
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import Incident

_MOST_TEXT = 1 << 20
_MOST_STATEMENT = 6_000
_MOST_PARTIES = 20
_SECTION = re.compile(
    r"^-+\nLATEST DETECTED DEADLOCK\n-+\n(?P<when>[^\n]{1,80})\n(?P<text>.*?)^-{3,}\nTRANSACTIONS\n-{3,}$",
    re.MULTILINE | re.DOTALL,
)
_PARTY = re.compile(r"^\*\*\* \(\d{1,3}\) TRANSACTION:\n", re.MULTILINE)
_TRANSACTION = re.compile(r"^TRANSACTION (\d{1,20}),", re.MULTILINE)
_THREAD = re.compile(r"^(?:MariaDB|MySQL) thread id (\d{1,20}), [^\n]*\n", re.MULTILINE)
_WAITING = "*** WAITING FOR THIS LOCK TO BE GRANTED:\n"
_CONFLICT = "*** CONFLICTING WITH:\n"
_LOCK = re.compile(
    r"^(RECORD|TABLE) LOCKS? [^\n]{0,200}?table (?P<table>`[^\n]{1,300}?`\.`[^\n]{1,300}?`)[^\n]{0,100}? "
    r"trx id (?P<trx>\d{1,20}) lock[_ ]mode (?P<mode>\S{1,20})",
    re.MULTILINE,
)


class BrokenRing(msgspec.Struct, frozen=True):
    """A deadlock that is over. ``when`` tells it from the one before; ``relation`` is the table of the first wait."""

    when: str
    deadlock: Deadlock
    relation: str = ""


class _Waiter(msgspec.Struct, frozen=True):
    transaction: int
    thread: int
    statement: str
    table: str
    mode: str
    conflicts: tuple[int, ...]


def read_latest_deadlock(status: str) -> BrokenRing | None:
    """The last deadlock since the server was started; None where there was none. Total: never raises."""
    section = _SECTION.search(status[:_MOST_TEXT])
    if section is None:
        return None
    # Statements may hold anything, also what looks like a party: of one thread the first counts.
    read = [_read_party(part) for part in _PARTY.split(section["text"])[1 : _MOST_PARTIES + 1]]
    waiters = dict[int, _Waiter]()
    for each in read:
        if each is not None:
            waiters.setdefault(each.thread, each)
    threads = {each.transaction: each.thread for each in waiters.values()}
    waits = tuple(
        (each.thread, f"a row of {each.table} {each.mode}".strip() if each.table else "a lock", threads[conflict])
        for each in waiters.values()
        for conflict in _conflicts(each, threads)
    )
    statements = tuple((each.thread, each.statement) for each in waiters.values())
    if len(waiters) < 2:
        return None
    relation = next((each.table for each in waiters.values() if each.table), "")
    return BrokenRing(section["when"], Deadlock(waits, statements), relation)


def ring_incident(ring: BrokenRing, database: str, at: Millis) -> Incident:
    """The ring as an incident that is over already."""
    made = deadlock_incident(ring.deadlock, database, at)
    return msgspec.structs.replace(
        made, relation=ring.relation, advice=advise(made.kind, made.parties, ring.relation, Engine.MARIADB)
    )


def _read_party(text: str) -> _Waiter | None:
    head, _, locks = text.partition(_WAITING)
    transaction, thread = _TRANSACTION.search(head), _THREAD.search(head)
    if transaction is None or thread is None:
        return None
    wanted, _, conflicting = locks.partition(_CONFLICT)
    lock = _LOCK.search(wanted)
    return _Waiter(
        int(transaction[1]),
        int(thread[1]),
        head[thread.end() :].strip()[:_MOST_STATEMENT],
        plain_table(lock["table"]) if lock else "",
        lock["mode"] if lock else "",
        tuple(int(each["trx"]) for each in _LOCK.finditer(conflicting)),
    )


def _conflicts(waiter: _Waiter, threads: dict[int, int]) -> tuple[int, ...]:
    """Those of the ring that it waited for; where the status does not say, all others."""
    others = [each for each in threads if each != waiter.transaction]
    return tuple(dict.fromkeys(each for each in waiter.conflicts if each in others)) or tuple(others)


def plain_table(name: str) -> str:
    """``content`` of ```shop`.`content` /* Partition `p0` */``."""
    return schema_and_table(name)[1]


def schema_and_table(name: str) -> tuple[str, str]:
    """Both halves of a table's name as InnoDB writes it."""
    schema, _, table = name.partition(" /*")[0].partition(".")
    return schema.strip("`").replace("``", "`"), table.strip("`").replace("``", "`")
