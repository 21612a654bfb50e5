"""Reading what an agent sent, which may be anything: a wrong type reads as absent, nothing raises."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

Fields = Mapping[str, Any]

MAX_TEXT = 64 << 10
"""Longer words, commands and paths are cut: an event is kept in memory and recorded."""

NOTHING: Fields = {}


def parse_object(line: bytes) -> Fields | None:
    """The JSON object that a line holds; None where it is something else."""
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _parse_leniently(line)
    return found if isinstance(found, dict) else None


def find_fields(value: object, *names: str) -> Fields:
    """The object at ``names``, one inside the other; an empty one where there is none."""
    found = _find(value, names)
    return found if isinstance(found, dict) else NOTHING


def find_text(value: object, *names: str) -> str:
    """The text at ``names``; ``""`` where there is none. Cut to ``MAX_TEXT``, and always encodable."""
    found = _find(value, names)
    return clean(found) if isinstance(found, str) else ""


def find_whole_text(value: object, *names: str) -> str | None:
    """The text at ``names`` as it is: of files, where a cut would be a lie."""
    found = _find(value, names)
    return found.encode("utf-8", "replace").decode() if isinstance(found, str) else None


def find_first_text(value: object, names: tuple[str, ...]) -> str:
    """The first of several fields that holds text."""
    return next((text for name in names if (text := find_text(value, name))), "")


def find_number(value: object, *names: str) -> int | None:
    """The whole number at ``names``; None where there is none, or one that no file has lines for."""
    found = _find(value, names)
    return found if isinstance(found, int) and not isinstance(found, bool) and 0 <= found < 1 << 31 else None


def find_objects(value: object, *names: str) -> Iterator[Fields]:
    """The objects in the list at ``names``."""
    found = _find(value, names)
    return (each for each in found if isinstance(each, dict)) if isinstance(found, list) else iter(())


def find_command(value: object, *names: str) -> str:
    """A command, which vendors give as text or as a list of arguments."""
    found = _find(value, names)
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        return clean(shlex.join(found))
    return clean(found) if isinstance(found, str) else ""


def clean(text: str) -> str:
    """Text as it may be kept: cut, without the halves of characters that no encoding takes."""
    return text[:MAX_TEXT].encode("utf-8", "replace").decode()


def decode(line: bytes) -> str:
    """A line of an unknown encoding as text that may be kept."""
    return line[:MAX_TEXT].decode("utf-8", "replace").rstrip("\r\n").replace("\0", "\N{REPLACEMENT CHARACTER}")


def _parse_leniently(line: bytes) -> object:
    """Programs that cut text in the middle of a character print half of it: no JSON for msgspec, but for Python."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _find(value: object, names: tuple[str, ...]) -> object:
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
