"""Which of a transaction's statements took the lock that others wait for, as far as its history tells. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

from watchkeeper.database.tags import split_tag

_ENDS = ("begin", "commit", "rollback", "xa_commit", "xa_rollback", "Reset Connection", "Change user")
_WRITES = re.compile(r"\s*(?:update|insert|delete|replace|load)\b", re.IGNORECASE)
_LOCKS = re.compile(r"\bfor\s+update\b|\block\s+in\s+share\s+mode\b", re.IGNORECASE)


class Past(msgspec.Struct, frozen=True):
    """One statement that a connection has run. ``event`` is what the server calls it (``statement/sql/update``)."""

    event: str
    statement: str


def find_taking(past: Sequence[Past], now: str = "", relation: str = "") -> str:
    """The statement that took the lock, likeliest: the last that wrote ``relation``, else that wrote, else the last.

    ``past`` has the oldest first, ``now`` is what runs at present. What was before the transaction does not count;
    where that had more statements than a history holds, the right one may be gone. Total; ``""``: nothing is known.
    """
    own = list[str]()
    for each in past:
        if each.event.rpartition("/")[2] in _ENDS:
            own.clear()
        elif each.statement:
            own.append(each.statement)
    if now and (not own or own[-1] != now):
        own.append(now)
    writes = [each for each in own if is_write(each)]
    of_it = [each for each in writes if relation and names_table(each, relation)]
    return (of_it or writes or own or [""])[-1]


def is_write(statement: str) -> bool:
    """Whether it takes locks of rows for itself."""
    _, text = split_tag(statement)
    return bool(_WRITES.match(text) or _LOCKS.search(text))


def names_table(statement: str, relation: str) -> bool:
    """Whether the table's name is a word of it."""
    _, text = split_tag(statement)
    name = relation.rpartition(".")[2]
    return bool(name) and re.search(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text, re.IGNORECASE) is not None
