"""What a statement locks, read off its text by a small tolerant reader. What it does not understand it leaves alone."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

_MOST_TEXT = 10_000


class Lock(StrEnum):
    """The row or table lock that a statement takes, as PostgreSQL has them."""

    READ = "read"
    KEY_SHARE = "key share"
    SHARE = "share"
    NO_KEY_UPDATE = "no key update"
    UPDATE = "update"
    INSERT = "insert"
    TABLE = "table"  # all of it, against readers as well
    EXCLUSIVE = "exclusive"  # all of it, against all but plain readers
    WRITERS = "writers"  # all of it, against who writes
    ADVISORY = "advisory"


class Pin(NamedTuple):
    """``column = value``: the row that is meant. ``value`` is a literal's text, or a parameter's name or place."""

    column: str
    value: str
    is_parameter: bool


class Access(NamedTuple):
    """One table that a statement touches. ``waits``: False where it would rather fail or skip than wait.

    ``writes``: rows are written, and not only locked. ``unique``: sets of columns of which the statement itself says
    that they are unique.
    """

    table: str
    lock: Lock
    columns: tuple[str, ...] = ()
    pins: tuple[Pin, ...] = ()
    waits: bool = True
    writes: bool = False
    unique: tuple[tuple[str, ...], ...] = ()


class Control(NamedTuple):
    """A statement that moves a transaction: ``savepoint``, ``release``, ``rollback to`` with a name, or ``end``."""

    verb: str
    name: str = ""


_HIGH = r"\u0080-\U0010ffff"  # all of them are letters to PostgreSQL, and none of them is a space
_NAME = rf'(?:"[^"]+"|`[^`]+`|[A-Za-z_{_HIGH}][\w${_HIGH}]*)'
_TABLE = rf"(?:{_NAME}\.)?({_NAME})"
_I = re.IGNORECASE | re.ASCII
_QUOTED = r"'(?:[^']|'')*'|\$(?P<mark>[A-Za-z_]\w*)?\$.*?\$(?(mark)(?P=mark))\$"
_NOISE = re.compile(rf'{_QUOTED}|"[^"]*"|`[^`]*`|(/\*.*?\*/|--[^\n]*)', re.DOTALL | re.ASCII)
_STRING = re.compile(_QUOTED, re.DOTALL | re.ASCII)
_VERB = re.compile(r"\s*\(*\s*([A-Za-z]+)", re.ASCII)
_CTE_WRITE = re.compile(rf"\(\s*(insert\s+into|update|delete\s+from|merge\s+into)\s+(?:only\s+)?{_TABLE}", _I)
_INSERT = re.compile(rf"\binsert\s+into\s+{_TABLE}\s*(?:\(([^()]*)\))?", _I)
_VALUES = re.compile(r"\bvalues\s*\(([^()]*(?:\([^()]*\)[^()]*)*)\)", _I)
_UPDATE = re.compile(rf"\bupdate\s+(?:only\s+)?{_TABLE}(?:\s+(?:as\s+)?(?!set\b){_NAME})?\s+set\s+(.*)", _I | re.DOTALL)
_DELETE = re.compile(rf"\bdelete\s+from\s+(?:only\s+)?{_TABLE}", _I)
_MERGE = re.compile(rf"\bmerge\s+into\s+(?:only\s+)?{_TABLE}", _I)
_AFTER_FROM = (
    "where on join left right inner cross full natural using for order group limit set having union returning offset "
    "window tablesample fetch"
)
_ALIAS = rf"(?:\s+(?:as\s+)?(?!(?:{'|'.join(_AFTER_FROM.split())})\b)({_NAME}))?"
_FROM = re.compile(rf"\b(?:from|join)\s+(?:only\s+)?{_TABLE}{_ALIAS}", _I)
_FOR = re.compile(rf"\bfor\s+(no\s+key\s+update|update|key\s+share|share)\b(?:\s+of\s+([\w\s,\".`{_HIGH}]+?))?"
                  r"(?:\s*\b(nowait|skip\s+locked))?\s*(?:limit\s+\S+\s*)?;?\s*\)*\s*$", _I)  # fmt: skip
_SKIPS = re.compile(r"\bfor\s+(?:no\s+key\s+)?update\b[^()]*\bskip\s+locked\b", _I)
_DDL = re.compile(
    rf"\b(?:alter\s+table|drop\s+table|truncate(?:\s+table)?|lock(?:\s+table)?|cluster|reindex\s+table)\s+"
    rf"(?:if\s+exists\s+)?(?:only\s+)?{_TABLE}",
    _I,
)
_INDEX = re.compile(rf"\bcreate\s+(?:unique\s+)?index\b[^()]*?\son\s+(?:only\s+)?{_TABLE}", _I)
_WEAK_LOCK = re.compile(r"\bin\s+(?:access\s+share|row\s+share|row\s+exclusive)\s+mode", _I)
_WRITERS_LOCK = re.compile(r"\bin\s+(?:share(\s+update\s+exclusive|\s+row\s+exclusive)?|(exclusive))\s+mode", _I)
_COPY = re.compile(rf"\bcopy\s+{_TABLE}\s*(?:\([^()]*\))?\s+from\b", _I)
_ADVISORY = re.compile(r"\bpg_(try_)?advisory_(?:xact_)?lock(?:_shared)?\s*\(((?:[^()]|%\(\w+\)s)*)\)", _I)
_WHERE = re.compile(r"\bwhere\b(.*?)(?:\breturning\b|\border\s+by\b|\blimit\b|\bfor\s+\w|$)", _I | re.DOTALL)
_PLACEHOLDER = rf"%\(([\w{_HIGH}]+)\)s|:([\w{_HIGH}]+)|\$(\d+)|(%s|\?)"
_VALUE = rf"(?:{_PLACEHOLDER}|'((?:[^']|'')*)'|(-?\d+))"
_ONE_VALUE = re.compile(rf"\s*{_VALUE}(?:\s*::[\w\s\".\[\]()]+)?\s*$", _I)
_CAST = r"(?:\s*::\s*[\w\".\[\]]+(?:\s*\([\d,\s]*\))?)?"
_ALONE = rf'(?![\w{_HIGH}".\[\]:]|\s*(?:[-+*/^|:<>=~&\[]|%(?![s(])))'  # not the beginning of something computed
_EQUALS = re.compile(rf"(?:({_NAME})\.)?({_NAME})\s*=\s*({_VALUE}){_CAST}{_ALONE}", _I)
_OPERATORS = tuple("-+*/%^|")
_SET = re.compile(rf"(?:^|,)\s*(?:{_NAME}\.)?({_NAME})\s*=", _I)
_POSITIONAL = re.compile(r"%s|\?")
_CONFLICT = re.compile(r"\bon\s+conflict\b\s*(?:\(([^()]*)\))?|\bon\s+duplicate\s+key\s+(?=update)", _I)
_DOES_UPDATE = re.compile(r"\b(?:do|key)\s+update\b", _I)
_NESTED_SELECT = re.compile(r"\(\s*select\b", _I)
_NOT = re.compile(r"\bor\b|\bnot\s*\(|\bnot\s+[\w\".]+\s*=", _I)
_CONTROL = re.compile(
    rf"\s*(savepoint|release(?:\s+savepoint)?|rollback\s+(?:work\s+|transaction\s+)?to(?:\s+savepoint)?|"
    rf"commit|end|rollback|abort)\b\s*({_NAME})?",
    _I,
)
_LOCKS = {
    "no key update": Lock.NO_KEY_UPDATE,
    "update": Lock.UPDATE,
    "key share": Lock.KEY_SHARE,
    "share": Lock.SHARE,
}


def read_statement(text: str) -> tuple[Access, ...]:
    """The tables that it touches, written ones first; empty where nothing is recognised. Never raises.

    Placeholders of a statement with ``%s`` or ``?`` are named by their place, from 0.
    """
    return _read(text if len(text) <= _MOST_TEXT else text[:_MOST_TEXT])


@lru_cache(maxsize=1024)
def read_control(text: str) -> Control | None:
    """How it moves the transaction; None for every other statement."""
    found = _CONTROL.match(_without_comments(text[:500]))
    if found is None:
        return None
    verb = found[1].lower().split()
    if verb[-1] == "to" or (len(verb) > 1 and "to" in verb):
        return Control("rollback to", _bare(found[2] or ""))
    if verb[0] in ("savepoint", "release"):
        return Control(verb[0], _bare(found[2] or ""))
    return Control("end")


@lru_cache(maxsize=2048)
def _read(text: str) -> tuple[Access, ...]:
    plain = _without_comments(text)
    shape = _STRING.sub(lambda found: "'" + "x" * (len(found[0]) - 2) + "'", plain)  # same length, nothing inside
    verb = _VERB.match(shape)
    if verb is None:
        return ()
    found = [*_written(shape, plain, verb[1].lower()), *_advisory(plain)]
    if _SKIPS.search(shape):  # rows are chosen among those that nobody holds
        found = [each._replace(waits=False) for each in found]
    reads = [Access(_bare(name[1]), Lock.READ) for name in _FROM.finditer(shape)]
    written = {each.table for each in found}
    return (*found, *(each for each in dict.fromkeys(reads) if each.table not in written))


def _without_comments(text: str) -> str:
    """What stands in quotes is no comment, whatever it looks like."""
    return _NOISE.sub(lambda found: " " if found[2] else found[0], text)


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
            return [Access(_bare(found[1]), Lock.NO_KEY_UPDATE, writes=True)] if found else []
        case "select":
            return _locking(shape, plain)
        case "with":
            nested = [
                access
                for each in _CTE_WRITE.finditer(shape)
                for access in _part(shape, plain, each.start() + 1, _closing(shape, each.start()))
            ]
            return [*nested, *_after_ctes(shape, plain)]
        case "copy":
            found = _COPY.search(shape)
            return [Access(_bare(found[1]), Lock.INSERT, writes=True)] if found else []
        case "create":
            found = _INDEX.search(shape)
            return [Access(_bare(found[1]), Lock.WRITERS)] if found else []
        case "alter" | "drop" | "truncate" | "lock" | "cluster" | "reindex":
            found = _DDL.search(shape)
            if found is None or (verb == "lock" and _WEAK_LOCK.search(shape)):
                return []
            weaker = _WRITERS_LOCK.search(shape) if verb == "lock" else None
            lock = Lock.TABLE if weaker is None else Lock.EXCLUSIVE if weaker[2] else Lock.WRITERS
            waits = "nowait" not in shape.lower()
            return [Access(_bare(found[1]), lock, waits=waits, writes=weaker is not None and bool(weaker[1]))]
        case _:
            return []


def _after_ctes(shape: str, plain: str) -> list[Access]:
    """The statement that follows the last closing bracket of the WITH."""
    depth = 0
    for at, sign in enumerate(shape):
        depth += (sign == "(") - (sign == ")")
        if sign == ")" and depth == 0:
            verb = _VERB.match(shape, at + 1)
            if verb and verb[1].lower() in ("insert", "update", "delete", "select", "merge"):
                return _part(shape, plain, at + 1, len(shape))
    return []


def _part(shape: str, plain: str, start: int, end: int) -> list[Access]:
    """A statement within another; placeholders without a name keep their place."""
    before = "%s " * len(_POSITIONAL.findall(shape[:start]))
    verb = _VERB.match(shape, start)
    return _written(before + shape[start:end], before + plain[start:end], verb[1].lower()) if verb else []


def _closing(shape: str, opening: int) -> int:
    depth = 0
    for at in range(opening, len(shape)):
        depth += (shape[at] == "(") - (shape[at] == ")")
        if depth == 0:
            return at
    return len(shape)


def _insert(shape: str, plain: str) -> list[Access]:
    found = _INSERT.search(shape)
    if found is None:
        return []
    columns = tuple(_bare(each) for each in (found[2] or "").split(",") if each.strip())
    values = _VALUES.search(shape, found.end())
    pins: dict[str, Pin] = {}
    if values and values[1].count(",") + 1 == len(columns):  # not where a function's arguments are parted by commas too
        at = values.start(1)
        for column, value in zip(columns, values[1].split(","), strict=True):
            given = _ONE_VALUE.match(plain[at : at + len(value)])
            if (pin := _pin(column, given, len(_POSITIONAL.findall(shape[:at])))) is not None:
                pins[column] = pin
            at += len(value) + 1
    return _with_conflict(Access(_bare(found[1]), Lock.INSERT, columns, tuple(pins.values()), writes=True), shape)


def _with_conflict(insert: Access, shape: str) -> list[Access]:
    """What it does where the row is there already: that row is written then."""
    clause = _CONFLICT.search(shape)
    if clause is None:
        return [insert]
    key = tuple(_bare(each) for each in clause[1].split(",")) if clause[1] else insert.columns
    insert = insert._replace(unique=(key,) if key else ())
    if not _DOES_UPDATE.search(shape, clause.start()):
        return [insert]
    row = tuple(pin for pin in insert.pins if clause[1] and pin.column in key)
    return [insert, Access(insert.table, Lock.NO_KEY_UPDATE, insert.columns, row, writes=True)]


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
    return Access(_bare(found[1]), lock, columns, _pins(shape, plain, found.start(1)), writes=True)


def _depth(shape: str, at: int) -> int:
    return shape.count("(", 0, at) - shape.count(")", 0, at)


def _locking(shape: str, plain: str) -> list[Access]:
    clause = _FOR.search(shape)
    if clause is None:
        return []
    tables = list(_FROM.finditer(shape))
    top = min((_depth(shape, each.start()) for each in tables), default=0)
    tables = [each for each in tables if _depth(shape, each.start()) == top]
    alone = len(tables) == 1
    if clause[2]:
        of = {_bare(each.rpartition(".")[2]) for each in clause[2].split(",")}
        tables = [each for each in tables if _bare(each[2] or each[1]) in of]
    lock = _LOCKS[" ".join(clause[1].lower().split())]
    waits = clause[3] is None
    return [
        Access(_bare(each[1]), lock, (), _pins(shape, plain, each.start(1), "" if alone else each[2] or each[1]), waits)
        for each in tables
    ]


def _pins(shape: str, plain: str, start: int, of: str = "") -> tuple[Pin, ...]:
    """The equations that all have to hold; none where any of them may not. ``of``: only those that name this table."""
    where = _WHERE.search(shape, start)
    if where is None or _NOT.search(where[1]):
        return ()
    nested = _NESTED_SELECT.search(where[1])
    end = where.start(1) + nested.start() if nested else where.end(1)
    pins: dict[str, Pin | None] = {}
    for each in _EQUALS.finditer(shape, where.start(1), end):
        column = _bare(each[2])
        if (of and _bare(each[1] or "") != _bare(of)) or shape[: each.start()].rstrip().endswith(_OPERATORS):
            continue
        before = len(_POSITIONAL.findall(shape[: each.start()]))
        pin = _pin(column, _ONE_VALUE.match(plain[each.start(3) : each.end(3)]), before)
        pins[column] = pin if pins.get(column, pin) == pin else None  # of two tables, or of no row
    return tuple(pin for pin in pins.values() if pin)


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
    return Pin(column, text.replace("''", "'") if text is not None else number, False)


def _advisory(plain: str) -> list[Access]:
    return [
        Access("", Lock.ADVISORY, (), (_advisory_key(each[2]),), waits=not each[1])
        for each in _ADVISORY.finditer(plain)
    ]


def _advisory_key(text: str) -> Pin:
    pin = _pin("key", _ONE_VALUE.match(text), 0)
    return pin or Pin("key", text.strip(), False)


def _bare(name: str) -> str:
    return name.strip().strip('"`').lower() if not name.strip().startswith('"') else name.strip().strip('"')
