"""Reading what an agent sent, which may be anything: a wrong type or size reads as absent, nothing raises.

``names`` lead from one object into the next; the ``find_first_...`` take the first of several fields instead.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from watchkeeper.agents.lines import MAX_LINE, Lines, lines_between

Fields = Mapping[str, Any]

MAX_TEXT = 64 << 10
"""Characters. Longer words are cut: an event is kept in memory and recorded."""

MAX_CONTENT = 4 << 20
"""Characters of what holds the text of files: a patch, one side of an edit."""

_MAX_WORD = 500
_MAX_PATH = 4096
_MAX_ITEMS = 1_000

NOTHING: Fields = {}


class NotAnObjectError(ValueError):
    """What was sent is no JSON object; its text is the reason."""


def read_object(raw: bytes) -> Fields:
    """The JSON object in ``raw``. Broken UTF-8 and halves of characters are replaced, not refused.

    Raises: NotAnObjectError.
    """
    try:
        found = msgspec.json.decode(raw)
    except RecursionError as error:
        raise NotAnObjectError("it is nested too deeply") from error
    except (msgspec.MsgspecError, ValueError):
        found = _read_leniently(raw)
    if not isinstance(found, dict):
        raise NotAnObjectError("it is no JSON object")
    return found


def parse_object(line: bytes) -> Fields | None:
    """The JSON object that a line holds; None where it is something else."""
    try:
        return read_object(line)
    except NotAnObjectError:
        return None


def find_fields(value: object, *names: str) -> Fields:
    """The object at ``names``; an empty one where there is none."""
    found = _find(value, names)
    return found if isinstance(found, dict) else NOTHING


def find_text(value: object, *names: str, most: int = MAX_TEXT) -> str:
    """The text at ``names``; ``""`` where there is none. Cut to ``most``, and always encodable."""
    found = _find(value, names)
    return clean(found, most) if isinstance(found, str) else ""


def find_first_text(value: object, names: Sequence[str], most: int = MAX_TEXT) -> str:
    """The first of several fields that holds text."""
    return next((text for name in names if (text := find_text(value, name, most=most))), "")


def find_whole_text(value: object, *names: str) -> str | None:
    """The text at ``names`` as it is: of files, where a cut would be a lie."""
    found = _find(value, names)
    return _encodable(found) if isinstance(found, str) else None


def find_word(value: object, *names: str) -> str:
    """A short text on one line, a name or an id; ``""`` for anything else."""
    found = find_text(value, *names, most=_MAX_WORD + 1)
    return found if len(found) <= _MAX_WORD and found.isprintable() else ""


def find_path(value: object, *names: str) -> str:
    """A text that can be the name of a file; ``""`` for anything else."""
    return checked_path(find_text(value, *names))


def find_first_path(value: object, names: Sequence[str]) -> str:
    """The name of a file in the first of several fields that holds text."""
    return checked_path(find_first_text(value, names))


def checked_path(text: str) -> str:
    """``text`` where a file can be named so, else ``""``."""
    return "" if "\0" in text or "\n" in text or len(text) > _MAX_PATH else text


def find_number(value: object, *names: str) -> int | None:
    """The whole number at ``names``; None where there is none, or one that no file has lines for."""
    found = _find(value, names)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found <= MAX_LINE:
        return None
    return int(found) if found == int(found) else None


def find_range(value: object, *names: str) -> Lines:
    """The lines in a list of two numbers; a last one of -1 is the end of the file."""
    found = _find(value, names)
    if not isinstance(found, list) or len(found) != 2:
        return None
    first, last = find_number({"": found[0]}, ""), find_number({"": found[1]}, "")
    return lines_between(first, last) if last is not None or (first is not None and found[1] == -1) else None


def find_items(value: object, *names: str) -> Sequence[object]:
    """What is in the list at ``names``, cut after 1,000; nothing where there is none."""
    found = _find(value, names)
    return found[:_MAX_ITEMS] if isinstance(found, list) else ()


def find_texts(value: object, *names: str) -> tuple[str, ...]:
    """The texts in the list at ``names``."""
    return tuple(clean(each) for each in find_items(value, *names) if isinstance(each, str))


def find_objects(value: object, *names: str) -> Iterator[Fields]:
    """The objects in the list at ``names``, however many there are."""
    found = _find(value, names)
    return (each for each in found if isinstance(each, dict)) if isinstance(found, list) else iter(())


def find_command(value: object, *names: str, most: int = MAX_TEXT) -> str:
    """A command, which vendors give as text or as a list of arguments.

    ``["bash", "-lc", "cat a.py"]`` is what it runs, other lists are quoted.
    """
    found = _find(value, names)
    if isinstance(found, str):
        return clean(found, most)
    words = [each for each in found if isinstance(each, str)] if isinstance(found, list) else []
    if len(words) == 3 and words[0].rpartition("/")[2] in _SHELLS and words[1] in ("-c", "-lc"):
        return clean(words[2], most)
    return clean(shlex.join(words), most)


def find_first_command(value: object, names: Sequence[str], most: int = MAX_TEXT) -> str:
    """The command in the first of several fields that holds one."""
    return next((found for name in names if (found := find_command(value, name, most=most))), "")


def clean(text: str, most: int = MAX_TEXT) -> str:
    """Text as it may be kept: cut, without the halves of characters that no encoding takes."""
    return _encodable(text[:most])


def decode(line: bytes) -> str:
    """A line of an unknown encoding as text that may be kept."""
    return line[:MAX_TEXT].decode("utf-8", "replace").rstrip("\r\n").replace("\0", "\N{REPLACEMENT CHARACTER}")


_SHELLS = frozenset({"bash", "sh", "zsh"})


def _read_leniently(raw: bytes) -> object:
    """Programs that cut text in the middle of a character print half of it: no JSON for msgspec, but for Python."""
    try:
        return json.loads(raw.decode("utf-8", "replace"))
    except RecursionError as error:
        raise NotAnObjectError("it is nested too deeply") from error
    except ValueError as error:
        raise NotAnObjectError(f"it is no JSON: {error}") from error


def _encodable(text: str) -> str:
    """Two halves that belong together become their character, a lone one the sign for what cannot be read."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _find(value: object, names: tuple[str, ...]) -> object:
    for name in names:
        if not isinstance(value, dict):
            return None
        value = value.get(name)
    return value
