"""What a statement that a server shows claims, and how well it fits a statement that code sends. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

import msgspec

from watchkeeper.code.database.claims import Claim, Lock, conflicts
from watchkeeper.code.database.sql import read_sql
from watchkeeper.database.codeindex import Made, Statement, table_of
from watchkeeper.model.resources import AccessMode

T = TypeVar("T", Claim, Made)

_COMMENT = re.compile(r"\A\s*(?:/\*.*?\*/\s*)+", re.DOTALL)
_UPDATE = re.compile(
    r"\A\s*update\s+(?:only\s+)?([\w.\"]+)(?:\s+(?:as\s+)?\w+)?\s+set\s+(.*)", re.IGNORECASE | re.DOTALL
)
_INSERT = re.compile(r"\A\s*insert\s+into\s+([\w.\"]+)\s*\(([^)]*)", re.IGNORECASE | re.DOTALL)
_DELETE = re.compile(r"\A\s*delete\s+from\s+(?:only\s+)?([\w.\"]+)", re.IGNORECASE)
_FROM = re.compile(r"\bfrom\s+(?:only\s+)?([\w.\"]+)", re.IGNORECASE)
_ASSIGNED = re.compile(r"(?:\A|,)\s*\"?(\w+)\"?\s*=")
_RELATION = re.compile(r"[\w.$]+")
_ROWS = ("a row of ", "transaction")
_NO_TABLES = frozenset(
    "transaction transactionid virtualxid row unknown tuple advisory object page extend relation".split()
)


def read_statement(text: str) -> tuple[Claim, ...]:
    """The claims of one statement as a server shows it: with its tag, and cut off where it was too long."""
    bare = _COMMENT.sub("", text)
    return read_sql(bare).claims or tuple(_of_beginning(bare))


def read_waiting(text: str, wants: str) -> tuple[Claim, ...]:
    """The same of a statement that waits for ``wants``, as its party has it.

    A plain read waits for no row: where that is all that is left of a statement, its locking clause was cut off.
    """
    claims = read_statement(text)
    if not wants.startswith(_ROWS) or any(each.lock is not Lock.READ for each in claims):
        return claims
    return tuple(msgspec.structs.replace(each, lock=Lock.UPDATE, mode=AccessMode.LOCK) for each in claims)


def tables_in(names: Iterable[str]) -> frozenset[str]:
    """The tables of what a party holds or wants: ``content RowExclusiveLock``, ``a row of content ExclusiveLock``."""
    tables = set()
    for name in names:
        bare = name.replace('"', "").strip().removeprefix("a row of ")
        match = _RELATION.match(bare)
        if match is not None and match[0] not in _NO_TABLES:
            tables.add(match[0].removeprefix("public."))
    return frozenset(tables)


def main_claims(claims: Sequence[T]) -> list[T]:
    """Those that a statement is about: what it writes or locks, where it does, else what it reads."""
    grave = [each for each in claims if each.lock is not Lock.READ and not each.implied]
    return grave or list(claims)


def fit(shown: Sequence[Claim], sent: Statement) -> float:
    """How well a statement that was seen fits one that code sends, from 0 (another one) to 1 (the same)."""
    if not shown:
        return 0.0
    ours, theirs = main_claims(shown), main_claims(sent.made)
    if {(table_of(each), each.mode) for each in ours} != {(table_of(each), each.mode) for each in theirs}:
        return 0.0
    if not {each.lock for each in ours} & {each.lock for each in theirs}:
        return 0.0
    columns = _alike(_columns(ours), _columns(theirs))
    tables = _share({table_of(each) for each in shown}, {table_of(e) for e in sent.made if not e.implied})
    return columns * (0.6 + 0.4 * tables)


def may_block(wanted: Claim, held: Made) -> bool:
    """Whether a statement with this claim can stand still for that one, some rows being the same."""
    if table_of(wanted) != table_of(held):
        return False
    locks = frozenset({wanted.lock, held.lock})
    if Lock.TABLE_SHARE in locks:
        return bool(locks & {Lock.INSERT, Lock.NO_KEY_UPDATE, Lock.UPDATE, Lock.EXCLUSIVE})
    return conflicts(wanted.lock, held.lock) or locks == {Lock.INSERT}


def wanted_claims(claims: Sequence[Claim], relation: str) -> tuple[Claim, ...]:
    """What a waiter wants: its statement's claims on the relation that it waits for.

    Where the statement does not name that relation (a foreign key does), it is taken to be the parent's row.
    """
    if not relation:
        return tuple(each for each in claims if each.lock is not Lock.READ) or tuple(claims)
    own = tuple(each for each in claims if each.table == relation)
    return own or (Claim(relation, Lock.KEY_SHARE, AccessMode.LOCK, implied=True),)


def _alike(ours: frozenset[str], theirs: frozenset[str]) -> float:
    """Columns that are not known on one side say little; the same ones say much."""
    if ours == theirs and ours:
        return 1.0
    if not ours or not theirs or "*" in ours | theirs:
        return 0.5
    return 0.1 + 0.8 * _share(set(ours), set(theirs))


def _share(ours: set[str], theirs: set[str]) -> float:
    return len(ours & theirs) / len(ours | theirs) if ours | theirs else 1.0


def _columns(claims: Iterable[Claim | Made]) -> frozenset[str]:
    return frozenset(column for each in claims for column in each.columns)


def _of_beginning(text: str) -> Iterable[Claim]:
    """What the beginning of a statement says: servers show the first 1,024 bytes of a long one."""
    if match := _UPDATE.match(text):
        columns = tuple(dict.fromkeys(_ASSIGNED.findall(match[2].partition(" WHERE ")[0])))
        yield Claim(_plain(match[1]), Lock.NO_KEY_UPDATE, AccessMode.WRITE, columns)
    elif match := _INSERT.match(text):
        columns = tuple(part.strip(' "\n\t') for part in match[2].split(","))
        yield Claim(_plain(match[1]), Lock.INSERT, AccessMode.WRITE, columns)
    elif match := _DELETE.match(text):
        yield Claim(_plain(match[1]), Lock.UPDATE, AccessMode.WRITE, ("*",))
    elif text.lstrip()[:6].lower() == "select":
        for table in dict.fromkeys(_FROM.findall(text)):
            yield Claim(_plain(table), Lock.READ, AccessMode.READ)


def _plain(name: str) -> str:
    return name.replace('"', "").lower().removeprefix("public.")
