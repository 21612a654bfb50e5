"""What a statement locks, read off its text by a small tolerant reader. What it does not understand it leaves alone."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

MOST_TEXT = 20_000


class Lock(StrEnum):
    """The row or table lock that a statement takes, as PostgreSQL has them."""

    READ = "read"
    KEY_SHARE = "key share"
    SHARE = "share"
    NO_KEY_UPDATE = "no key update"
    UPDATE = "update"
    INSERT = "insert"
    TABLE = "table"  # all of it, against readers as well
    ADVISORY = "advisory"


class Pin(NamedTuple):
    """``column = value``: the row that is meant. ``value`` is a literal's text, or a parameter's name or place."""

    column: str
    value: str
    is_parameter: bool


class Access(NamedTuple):
    """One table that a statement touches. ``waits``: False where it would rather fail or skip than wait."""

    table: str
    lock: Lock
    columns: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    waits: bool = True


_NAME = r'(?:"[^"]+"|`[^`]+`|[A-Za-z_][\w$]*)'
_TABLE = rf"(?:{_NAME}\.)?({_NAME})"
_I = re.IGNORECASE
_NOISE = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_STRING = re.compile(r"'(?:[^']|'')*'")
_VERB = re.compile(r"\s*\(*\s*([A-Za-z]+)")
_CTE_WRITE = re.compile(rf"\(\s*(insert\s+into|update|delete\s+from|merge\s+into)\s+(?:only\s+)?{_TABLE}", _I)
_INSERT = re.compile(rf"\binsert\s+into\s+{_TABLE}\s*(?:\(([^()]*)\))?", _I)
_VALUES = re.compile(r"\bvalues\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)", _I)
_UPDATE = re.compile(rf"\bupdate\s+(?:only\s+)?{_TABLE}(?:\s+(?:as\s+)?(?!set\b)\w+)?\s+set\s+(.*)", _I | re.DOTALL)
_DELETE = re.compile(rf"\bdelete\s+from\s+(?:only\s+)?{_TABLE}", _I)
_MERGE = re.compile(rf"\bmerge\s+into\s+(?:only\s+)?{_TABLE}", _I)
_FROM = re.compile(rf"\b(?:from|join)\s+(?:only\s+)?{_TABLE}", _I)
_FOR = re.compile(r"\bfor\s+(no\s+key\s+update|update|key\s+share|share)\b(?:\s+of\s+[\w\s,\".]+?)?"
                  r"\s*(nowait|skip\s+locked)?\s*;?\s*$", _I)  # fmt: skip
_DDL = re.compile(
    rf"\b(?:alter\s+table|drop\s+table|truncate(?:\s+table)?|lock(?:\s+table)?|cluster|reindex\s+table)\s+"
    rf"(?:if\s+exists\s+)?(?:only\s+)?{_TABLE}",
    _I,
)
_WEAK_LOCK = re.compile(r"\bin\s+(?:access\s+share|row\s+share|row\s+exclusive)\s+mode", _I)
_COPY = re.compile(rf"\bcopy\s+{_TABLE}\s*(?:\([^()]*\))?\s+from\b", _I)
_ADVISORY = re.compile(r"\bpg_(try_)?advisory_(?:xact_)?lock(?:_shared)?\s*\(((?:[^()]|%\(\w+\)s)*)\)", _I)
_WHERE = re.compile(r"\bwhere\b(.*?)(?:\breturning\b|\border\s+by\b|\blimit\b|\bfor\s+\w|$)", _I | re.DOTALL)
_PLACEHOLDER = r"%\((\w+)\)s|:(\w+)|\$(\d+)|(%s|\?)"
_EQUALS = re.compile(rf"(?:{_NAME}\.)?({_NAME})\s*=\s*(?:{_PLACEHOLDER}|'((?:[^']|'')*)'|(-?\d+))", _I)
_SET = re.compile(rf"(?:^|,)\s*(?:{_NAME}\.)?({_NAME})\s*=", _I)
_POSITIONAL = re.compile(r"%s|\?")
_LOCKS = {
    "no key update": Lock.NO_KEY_UPDATE,
    "update": Lock.UPDATE,
    "key share": Lock.KEY_SHARE,
    "share": Lock.SHARE,
}


@lru_cache(maxsize=4096)
def read_statement(text: str) -> tuple[Access, ...]:
    """The tables that it touches, written ones first; empty where nothing is recognised. Never raises.

    Placeholders of a statement with ``%s`` or ``?`` are named by their place, from 0.
    """
    plain = _NOISE.sub(" ", text[:MOST_TEXT])
    shape = _STRING.sub(lambda found: "'" + "x" * (len(found[0]) - 2) + "'", plain)  # same length, nothing inside
    verb = _VERB.match(shape)
    if verb is None:
        return ()
    found = [*_written(shape, plain, verb[1].lower()), *_advisory(plain)]
    reads = [Access(_bare(name[1]), Lock.READ) for name in _FROM.finditer(shape)]
    written = {each.table for each in found}
    return (*found, *(each for each in dict.fromkeys(reads) if each.table not in written))


def _written(shape: str, plain: str, verb: str) -> list[Access]:
    match verb:
        case "insert" | "replace":
            return _insert(shape, plain)
        case "update":
            return _update(shape, plain)
        case "delete":
            return [_by_row(_DELETE.search(shape), Lock.UPDATE, shape, plain)] if _DELETE.search(shape) else []
        case "merge":
            found = _MERGE.search(shape)
            return [Access(_bare(found[1]), Lock.NO_KEY_UPDATE)] if found else []
        case "select":
            return _locking(shape, plain)
        case "with":
            nested = [Access(_bare(each[2]), _of_verb(each[1])) for each in _CTE_WRITE.finditer(shape)]
            return nested or _after_ctes(shape, plain)
        case "copy":
            found = _COPY.search(shape)
            return [Access(_bare(found[1]), Lock.INSERT)] if found else []
        case "alter" | "drop" | "truncate" | "lock" | "cluster" | "reindex":
            found = _DDL.search(shape)
            if found is None or (verb == "lock" and _WEAK_LOCK.search(shape)):
                return []
            return [Access(_bare(found[1]), Lock.TABLE, waits="nowait" not in shape.lower())]
        case _:
            return []


def _of_verb(verb: str) -> Lock:
    first = verb.split(maxsplit=1)[0].lower()
    return {"insert": Lock.INSERT, "delete": Lock.UPDATE}.get(first, Lock.NO_KEY_UPDATE)


def _after_ctes(shape: str, plain: str) -> list[Access]:
    """The statement that follows the last closing bracket of the WITH."""
    depth = 0
    for at, sign in enumerate(shape):
        depth += (sign == "(") - (sign == ")")
        if sign == ")" and depth == 0:
            verb = _VERB.match(shape, at + 1)
            if verb and verb[1].lower() in ("insert", "update", "delete", "select", "merge"):
                return _written(shape[at + 1 :], plain[at + 1 :], verb[1].lower())
    return []


def _insert(shape: str, plain: str) -> list[Access]:
    found = _INSERT.search(shape)
    if found is None:
        return []
    columns = tuple(_bare(each) for each in (found[2] or "").split(",") if each.strip())
    values = _VALUES.search(plain, found.end())
    given = [each.strip() for each in values[1].split(",")] if values else []
    pins = []
    if len(given) == len(columns):
        before = len(_POSITIONAL.findall(shape[: values.start()])) if values else 0
        for column, value in zip(columns, given, strict=True):
            pin = _pin(column, re.match(rf"\s*(?:{_PLACEHOLDER}|'((?:[^']|'')*)'|(-?\d+))", value), before)
            before += len(_POSITIONAL.findall(value))
            pins += [pin] if pin else []
    return [Access(_bare(found[1]), Lock.INSERT, columns, tuple(pins))]


def _update(shape: str, plain: str) -> list[Access]:
    found = _UPDATE.search(shape)
    if found is None:
        return []
    body = re.split(r"\bwhere\b", found[2], maxsplit=1, flags=_I)[0]
    columns = tuple(dict.fromkeys(_bare(each) for each in _SET.findall(_flat(body))))
    return [_by_row(found, Lock.NO_KEY_UPDATE, shape, plain, columns)]


def _flat(text: str) -> str:
    """Without what stands in brackets: a comma there parts arguments."""
    before = None
    while before != text:
        before, text = text, re.sub(r"\([^()]*\)", "", text)
    return text


def _by_row(found: re.Match[str] | None, lock: Lock, shape: str, plain: str, columns: tuple[str, ...] = ()) -> Access:
    assert found is not None
    return Access(_bare(found[1]), lock, columns, _pins(shape, plain, found.start(1)))


def _locking(shape: str, plain: str) -> list[Access]:
    clause = _FOR.search(shape)
    if clause is None:
        return []
    table = _FROM.search(shape)
    if table is None:
        return []
    lock = _LOCKS[" ".join(clause[1].lower().split())]
    return [Access(_bare(table[1]), lock, (), _pins(shape, plain, table.start(1)), waits=clause[2] is None)]


def _pins(shape: str, plain: str, start: int) -> tuple[Pin, ...]:
    """The equations that all have to hold; none where any of them may not."""
    where = _WHERE.search(shape, start)
    if where is None or re.search(r"\bor\b", where[1], _I):
        return ()
    pins = []
    for each in _EQUALS.finditer(plain, where.start(1), where.end(1)):
        before = len(_POSITIONAL.findall(shape[: each.start()]))
        rest = re.match(rf"(?:{_PLACEHOLDER}|'((?:[^']|'')*)'|(-?\d+))", each[0].partition("=")[2].strip())
        pin = _pin(_bare(each[1]), rest, before)
        pins += [pin] if pin else []
    return tuple(pins)


def _pin(column: str, found: re.Match[str] | None, before: int) -> Pin | None:
    if found is None:
        return None
    named, colon, dollar, place, text, number = found.groups()
    if named or colon:
        return Pin(column, named or colon, True)
    if dollar:
        return Pin(column, str(int(dollar) - 1), True)
    if place:
        return Pin(column, str(before), True)
    return Pin(column, text if text is not None else number, False)


def _advisory(plain: str) -> list[Access]:
    return [
        Access("", Lock.ADVISORY, (), (_advisory_key(each[2]),), waits=not each[1])
        for each in _ADVISORY.finditer(plain)
    ]


def _advisory_key(text: str) -> Pin:
    pin = _pin("key", re.match(rf"\s*(?:{_PLACEHOLDER}|'((?:[^']|'')*)'|(-?\d+))(?:::\w+)?\s*$", text), 0)
    return pin or Pin("key", text.strip(), False)


def _bare(name: str) -> str:
    return name.strip().strip('"`').lower() if not name.strip().startswith('"') else name.strip().strip('"')
