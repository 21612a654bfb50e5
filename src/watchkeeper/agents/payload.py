"""Takes values out of a payload that nobody vouches for: of the wanted type and size, or as if they were not there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from watchkeeper.model.agents import TextEdit

Fields = Mapping[str, object]

MAX_PATH = 4096
MAX_TEXT = 4 * 1024 * 1024
"""Characters of a command, a prompt or one side of an edit; what is longer is cut, an edit dropped."""

MAX_LINE = 10**9
_MAX_EDITS = 1_000
_NO_FIELDS: Fields = {}


def get_text(fields: Fields, *keys: str) -> str:
    """The first of ``keys`` that holds a text that is not empty, without half surrogate pairs; ``""`` for none."""
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and value:
            return _whole(value[:MAX_TEXT])
    return ""


def get_word(fields: Fields, *keys: str) -> str:
    """A short text on one line: a name or an id; ``""`` for anything else."""
    text = get_text(fields, *keys)
    return text if len(text) <= 500 and text.isprintable() else ""


def get_path(fields: Fields, *keys: str) -> str:
    """A text that can be the name of a file; ``""`` for anything else."""
    return checked_path(get_text(fields, *keys))


def checked_path(text: str) -> str:
    """``text`` where a file can be named so, else ``""``."""
    return "" if "\0" in text or "\n" in text or len(text) > MAX_PATH else text


def get_fields(fields: Fields, *keys: str) -> Fields:
    """The first of ``keys`` that holds an object; an empty one for none."""
    return next((value for key in keys if isinstance(value := fields.get(key), dict)), _NO_FIELDS)


def get_items(fields: Fields, key: str) -> list[object]:
    """The list under ``key``, cut after 1,000 items; an empty one for anything else."""
    value = fields.get(key)
    return value[:_MAX_EDITS] if isinstance(value, list) else []


def get_number(fields: Fields, *keys: str) -> int | None:
    """The first of ``keys`` that holds a whole number of a sensible size."""
    return next((number for key in keys if (number := _number(fields.get(key))) is not None), None)


def get_edits(fields: Fields, key: str, old: str, new: str) -> tuple[TextEdit, ...]:
    """The edits in the list under ``key``, each an object with an ``old`` and a ``new`` text."""
    return tuple(_edits(fields, key, old, new))


def get_edit(fields: Fields, old: str, new: str) -> tuple[TextEdit, ...]:
    """One edit, of two texts; none where either is missing or too long."""
    before, after = fields.get(old), fields.get(new)
    if not isinstance(before, str) or not isinstance(after, str) or max(len(before), len(after)) > MAX_TEXT:
        return ()
    return (TextEdit(_whole(before), _whole(after)),)


def get_content(fields: Fields, *keys: str) -> tuple[TextEdit, ...]:
    """A whole new content; none where it is missing or too long."""
    for key in keys:
        value = fields.get(key)
        if isinstance(value, str) and len(value) <= MAX_TEXT:
            return (TextEdit(None, _whole(value)),)
    return ()


def lines_between(first: int | None, last: int | None) -> tuple[int, int] | None:
    """From ``first`` to ``last``, both counted from 1; None for the whole file or what is no range.

    Without a last line, or with -1 for it, the range has no end that is known: it goes to ``MAX_LINE``.
    """
    if first is None and last is None:
        return None
    start = max(1, first or 1)
    end = MAX_LINE if last is None or last == -1 else last
    return (start, end) if end >= start else None


def lines_from(first: int | None, count: int | None) -> tuple[int, int] | None:
    """``count`` lines from ``first`` on."""
    if first is None and count is None:
        return None
    start = max(1, first or 1)
    return lines_between(start, None if count is None else start + count - 1)


def view_range(fields: Fields, key: str = "view_range") -> tuple[int, int] | None:
    """The range in a list of two numbers."""
    bounds = [_number(each) for each in get_items(fields, key)]
    return lines_between(bounds[0], bounds[1]) if len(bounds) == 2 and None not in bounds else None


def _edits(fields: Fields, key: str, old: str, new: str) -> Iterator[TextEdit]:
    for item in get_items(fields, key):
        if isinstance(item, dict):
            yield from get_edit(item, old, new)


def _number(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if -1 <= value <= MAX_LINE and value == int(value) else None


def _whole(text: str) -> str:
    """Half surrogate pairs cannot be encoded: they become the sign for what cannot be read."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
