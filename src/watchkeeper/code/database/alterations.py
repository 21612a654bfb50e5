"""``ALTER TABLE`` as PostgreSQL locks it: each action with the columns it names and the table it refers to. Pure.

It is read from the text: of several actions the parser knows the words only, and no tree says ``NOT VALID``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from watchkeeper.model.resources import Alteration

_NAME = r'(?:"[^"]+"|[\w$]+)'
_TABLE = rf"{_NAME}(?:\s*\.\s*{_NAME})*"
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_ALTER = re.compile(
    rf"\s*alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(?P<table>{_TABLE})(?:\s*\*)?\s+(?P<actions>.+)",
    re.IGNORECASE | re.DOTALL,
)
_TOKEN = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|[(),]")
_REFERENCES = re.compile(rf"\breferences\s+(?:only\s+)?({_TABLE})", re.IGNORECASE)
_NOT_VALID = re.compile(r"\bnot\s+valid\b", re.IGNORECASE)
_REQUIRED = re.compile(r"\bnot\s+null\b", re.IGNORECASE)
_FILLED = re.compile(r"\bdefault\b(?!\s+null\b)|\bgenerated\b|\b(?:small|big)?serial\b", re.IGNORECASE)
_REWRITES = re.compile(
    r"\bdefault\s+(?:clock_timestamp|random|gen_random_uuid|uuid_generate_\w+|nextval|timeofday)\s*\(|\bstored\b|"
    r"\b(?:small|big)?serial\b|\bas\s+identity\b",
    re.IGNORECASE,
)
_IF = r"(?:if\s+(?:not\s+)?exists\s+)?"
_CONSTRAINT = re.compile(
    r"add\s+(?:constraint\b|check\b|unique\b|primary\s+key\b|foreign\s+key\b|exclude\b)", re.IGNORECASE
)
_ADD = re.compile(rf"add\s+(?:column\s+)?{_IF}(?P<column>{_NAME})", re.IGNORECASE)
_DROP = re.compile(rf"drop\s+(?!constraint\b)(?:column\s+)?{_IF}(?P<column>{_NAME})", re.IGNORECASE)
_RENAME = re.compile(
    rf"rename\s+(?!constraint\b)(?:to\b|(?:column\s+)?(?P<column>{_NAME})\s+to\s+(?P<now>{_NAME}))", re.IGNORECASE
)
_COLUMN = re.compile(
    rf"alter\s+(?!constraint\b)(?:column\s+)?(?P<column>{_NAME})\s+(?P<what>.+)", re.IGNORECASE | re.DOTALL
)
_TYPE = re.compile(r"(?:set\s+data\s+)?type\b", re.IGNORECASE)
_SET_NOT_NULL = re.compile(r"set\s+not\s+null\b", re.IGNORECASE)
_LIGHT_OF_COLUMN = re.compile(r"set\s+statistics\b|(?:re)?set\s*\(", re.IGNORECASE)
_BUILT = re.compile(r"\busing\s+index\b", re.IGNORECASE)
_CHECKED = re.compile(r"\b(?:unique|primary\s+key|check)\b", re.IGNORECASE)
_LIGHT = re.compile(
    r"validate\s+constraint\b|cluster\s+on\b|set\s+without\s+cluster\b|attach\s+partition\b|"
    r"detach\s+partition\b.*\bconcurrently\b|set\s*\(|reset\s*\(",
    re.IGNORECASE | re.DOTALL,
)


class Altered(NamedTuple):
    """One action on a table."""

    table: str
    form: Alteration
    columns: tuple[str, ...] = ()
    refers_to: str = ""  # the parent, whose writers a new foreign key keeps waiting as well


def read_alterations(text: str) -> tuple[Altered, ...]:
    """The actions of one ``ALTER TABLE``; none for any other statement. Never raises."""
    match = _ALTER.match(_COMMENT.sub(" ", text))
    if match is None:
        return ()
    table = folded(match["table"])
    return tuple(_action(table, action) for action in _actions(match["actions"]) if action)


def folded(name: str) -> str:
    """A table's name as the server knows it, without the default schema."""
    parts = [part.strip() for part in re.findall(_NAME, name)]
    plain = [part.strip('"') if part.startswith('"') else part.lower() for part in parts]
    return ".".join(plain[1:] if len(plain) > 1 and plain[0] == "public" else plain)


def _actions(text: str) -> Iterator[str]:
    """The text cut at the commas that stand in no brackets."""
    depth = start = 0
    for token in _TOKEN.finditer(text):
        if token[0] == "(":
            depth += 1
        elif token[0] == ")":
            depth -= 1
        elif token[0] == "," and depth == 0:
            yield text[start : token.start()].strip(" \t\r\n;")
            start = token.end()
    yield text[start:].strip(" \t\r\n;")


def _action(table: str, action: str) -> Altered:
    if _CONSTRAINT.match(action):
        return _constraint(table, action)
    if added := _ADD.match(action):
        return _added(table, action, _plain(added["column"]))
    if dropped := _DROP.match(action):
        return Altered(table, Alteration.DROP_COLUMN, (_plain(dropped["column"]),))
    if renamed := _RENAME.match(action):
        names = (renamed["column"], renamed["now"]) if renamed["column"] else ()
        return Altered(table, Alteration.RENAME, tuple(_plain(name) for name in names))
    if column := _COLUMN.match(action):
        return Altered(table, _of_column(column["what"]), (_plain(column["column"]),))
    return Altered(table, Alteration.LIGHT if _LIGHT.match(action) else Alteration.BRIEF)


def _constraint(table: str, action: str) -> Altered:
    refers = _REFERENCES.search(action)
    if _NOT_VALID.search(action):
        return Altered(table, Alteration.NOT_VALID)
    if refers is not None:
        return Altered(table, Alteration.FOREIGN_KEY, refers_to=folded(refers[1]))
    if _BUILT.search(action):
        return Altered(table, Alteration.BRIEF)
    return Altered(table, Alteration.VALIDATE)


def _added(table: str, action: str, column: str) -> Altered:
    refers = _REFERENCES.search(action)
    if _REQUIRED.search(action) and not _FILLED.search(action):
        return Altered(table, Alteration.ADD_REQUIRED, (column,), folded(refers[1]) if refers else "")
    if _REWRITES.search(action):
        return Altered(table, Alteration.VALIDATE, (column,))
    if refers is not None:
        return Altered(table, Alteration.VALIDATE, (column,), folded(refers[1]))  # the lock is the new column's
    if _CHECKED.search(action):
        return Altered(table, Alteration.VALIDATE, (column,))
    return Altered(table, Alteration.ADD_COLUMN, (column,))


def _of_column(what: str) -> Alteration:
    if _TYPE.match(what):
        return Alteration.RETYPE
    if _SET_NOT_NULL.match(what):
        return Alteration.VALIDATE
    return Alteration.LIGHT if _LIGHT_OF_COLUMN.match(what) else Alteration.BRIEF


def _plain(name: str) -> str:
    return name.strip('"')
