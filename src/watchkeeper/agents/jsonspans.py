"""Reads JSON, with the comments and trailing commas that people write in it, and keeps where everything stands.

Nothing is ever written anew from what was read: whoever edits cuts and inserts text at these places.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import msgspec

_MAX_DEPTH = 100
_BLANK = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\.)*"')
_SCALAR = re.compile(r"true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_LINE_COMMENT = re.compile(r"//[^\n]*")
_BLOCK_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_WORDS = {"true": True, "false": False, "null": None}


class JsonError(ValueError):
    """The text is no JSON; ``line`` says where, from 1."""

    def __init__(self, reason: str, line: int) -> None:
        super().__init__(f"{reason} in line {line}")
        self.line = line


class Member(msgspec.Struct, frozen=True):
    """A member of an object or an item of an array (``key`` None): from ``start`` to the end of its value."""

    key: str | None
    start: int
    value: Node


class Node(msgspec.Struct, frozen=True):
    """A value and where it stands. ``members`` are there for ``{`` and ``[`` only, ``scalar`` for anything else."""

    start: int
    end: int
    kind: str  # "{", "[" or ""
    members: tuple[Member, ...] = ()
    scalar: object = None

    def find(self, key: str) -> Node | None:
        """The value under ``key``; of several the last, as all parsers have it."""
        return next((member.value for member in reversed(self.members) if member.key == key), None)

    def value(self) -> object:
        """The value, without places."""
        if self.kind == "{":
            return {member.key: member.value.value() for member in self.members}
        return [member.value.value() for member in self.members] if self.kind == "[" else self.scalar


def parse_json(text: str) -> Node:
    """The one value in ``text``. Raises JsonError."""
    reader = _Reader(text)
    start = reader.skip(1 if text.startswith("\ufeff") else 0)
    node = reader.value(start, _MAX_DEPTH)
    rest = reader.skip(node.end)
    if rest != len(text):
        raise reader.error("more than one value", rest)
    return node


def find_trivia(text: str, start: int, end: int) -> Iterator[tuple[int, int, str]]:
    """The comments and commas between two values, each with where it begins and ends: ``//``, ``/*`` or ``,``."""
    place = start
    while place < end:
        if text[place] == ",":
            yield place, place + 1, ","
            place += 1
        elif found := _LINE_COMMENT.match(text, place) or _BLOCK_COMMENT.match(text, place):
            yield place, found.end(), text[place : place + 2]
            place = found.end()
        else:
            place += 1


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text

    def skip(self, place: int) -> int:
        """Over blanks and comments."""
        while True:
            found = _BLANK.match(self._text, place)
            place = found.end() if found else place
            comment = _LINE_COMMENT.match(self._text, place) or _BLOCK_COMMENT.match(self._text, place)
            if comment is None:
                return place
            place = comment.end()

    def value(self, place: int, depth: int) -> Node:
        first = self._text[place : place + 1]
        if first in {"{", "["}:
            return self._container(place, first, depth)
        if first == '"':
            return self._string(place)
        found = _SCALAR.match(self._text, place)
        if not found:
            raise self.error(f"{first!r} where a value is wanted" if first else "it ends too early", place)
        word = found[0]
        return Node(place, found.end(), "", scalar=_WORDS[word] if word in _WORDS else _number(word))

    def error(self, reason: str, place: int) -> JsonError:
        return JsonError(reason, self._text.count("\n", 0, place) + 1)

    def _container(self, start: int, kind: str, depth: int) -> Node:
        if not depth:
            raise self.error("it is nested too deeply", start)
        closing = "}" if kind == "{" else "]"
        members: list[Member] = []
        place = self.skip(start + 1)
        while self._text[place : place + 1] != closing:
            member = (
                self._member(place, depth - 1) if kind == "{" else Member(None, place, self.value(place, depth - 1))
            )
            members.append(member)
            place = self.skip(member.value.end)
            if self._text[place : place + 1] == ",":
                place = self.skip(place + 1)
            elif self._text[place : place + 1] != closing:
                raise self.error(f"no comma and no {closing}", place)
        return Node(start, place + 1, kind, tuple(members))

    def _member(self, place: int, depth: int) -> Member:
        if self._text[place : place + 1] != '"':
            raise self.error("a key that is not in quotes", place)
        key = self._string(place)
        colon = self.skip(key.end)
        if self._text[colon : colon + 1] != ":":
            raise self.error("a key without a colon", colon)
        return Member(str(key.scalar), place, self.value(self.skip(colon + 1), depth))

    def _string(self, place: int) -> Node:
        found = _STRING.match(self._text, place)
        if not found:
            raise self.error("a text that does not end", place)
        try:
            return Node(place, found.end(), "", scalar=json.loads(found[0]))
        except ValueError as error:
            raise self.error("a text with an escape that means nothing", place) from error


def _number(word: str) -> object:
    """Kept as written where Python refuses so many digits: it is only compared."""
    try:
        return float(word) if set(word) & set(".eE") else int(word)
    except ValueError:
        return word
