"""Puts entries into JSON that people wrote, and takes them out again, by cutting and inserting text only.

What is not ours keeps every byte: comments, order, indentation, line ends. Entries are appended, never put in front:
Codex knows a hook that its user trusted by its number in the list.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence

import msgspec

from watchkeeper.agents.jsonspans import JsonError, Node, find_trivia, parse_json

MARK = "watchkeeper-hook.py"
"""Part of every command line of ours, and of nobody else's."""


class Wanted(msgspec.Struct, frozen=True):
    """What the file is to hold: an entry for each event under ``hooks``, and keys beside it where they are missing."""

    entries: tuple[tuple[str, Mapping[str, object]], ...]
    extra: Mapping[str, object] = {}


class Made(msgspec.Struct, frozen=True):
    """What an insertion brought in: the texts as inserted, and the keys that were not there before."""

    texts: tuple[str, ...] = ()
    hooks: bool = False
    events: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()


class ShapeError(ValueError):
    """The file is JSON, but not of the form that its vendor reads."""


def insert_entries(text: str, wanted: Wanted) -> tuple[str, Made]:
    """The text with the entries in it, and what was made. A text of blanks becomes a whole document.

    Raises JsonError for what is no JSON, ShapeError for what has something else where hooks belong.
    """
    if not text.strip("\ufeff \t\r\n"):
        return _new_document(text, wanted)
    root = parse_json(text)
    hooks = _checked(root, wanted)
    style = _find_style(text, root)
    missing = {key: value for key, value in wanted.extra.items() if root.find(key) is None}
    insertions: list[tuple[int, str]] = []
    if hooks is None:
        pairs = [*missing.items(), ("hooks", {event: [entry] for event, entry in wanted.entries})]
        insertions.append(_append(text, root, pairs, style))
        return _applied(text, insertions, Made(hooks=True, events=_events(wanted), extra=tuple(missing)))
    if missing:
        insertions.append(_append(text, root, [*missing.items()], style))
    new = [(event, [entry]) for event, entry in wanted.entries if hooks.find(event) is None]
    if new:
        insertions.append(_append(text, hooks, new, style))
    for event, entry in wanted.entries:
        there = hooks.find(event)
        if there is not None:
            insertions.append(_append(text, there, [(None, entry)], style))
    return _applied(text, insertions, Made(events=tuple(event for event, _ in new), extra=tuple(missing)))


def remove_entries(text: str, made: Made, *, is_whole: bool = False) -> str:
    """The text without our entries, and without what was made for them and holds nothing else now.

    Where the inserted texts are still there as they were, exactly they are cut; else each entry is cut where it stands.
    ``is_whole``: the file was not there before. Raises JsonError for what is no JSON.
    """
    if not text.strip("\ufeff \t\r\n"):
        return text
    by_places = _cut_by_places(text, made, is_whole=is_whole)
    exact = _cut_texts(text, made.texts)
    try:
        return exact if exact is not None and _value(exact) == _value(by_places) else by_places
    except JsonError:
        return by_places


def has_entries(text: str) -> bool:
    """Any of our entries is among the hooks. Raises JsonError."""
    return bool(text.strip("\ufeff \t\r\n")) and _find_ours(parse_json(text)) is not None


def is_ours(value: object) -> bool:
    """A command of ours: an object with our command line among its texts."""
    return isinstance(value, dict) and any(isinstance(each, str) and MARK in each for each in value.values())


# Insertion


class _Style(msgspec.Struct, frozen=True):
    newline: str
    unit: str
    is_flat: bool  # all on one line


def _new_document(text: str, wanted: Wanted) -> tuple[str, Made]:
    pairs = [*wanted.extra.items(), ("hooks", {event: [entry] for event, entry in wanted.entries})]
    members = ",\n  ".join(_rendered(pairs, "  ", _Style("\n", "  ", is_flat=False), is_flat=False))
    new = f"{{\n  {members}\n}}\n"
    return text + new, Made((new,), hooks=True, events=_events(wanted), extra=tuple(wanted.extra))


def _events(wanted: Wanted) -> tuple[str, ...]:
    return tuple(event for event, _ in wanted.entries)


def _checked(root: Node, wanted: Wanted) -> Node | None:
    """The object under ``hooks``; None where there is none."""
    if root.kind != "{":
        raise ShapeError("it holds no object")
    hooks = root.find("hooks")
    if hooks is None:
        return None
    if hooks.kind != "{":
        raise ShapeError('"hooks" is no object')
    for event, _ in wanted.entries:
        there = hooks.find(event)
        if there is not None and there.kind != "[":
            raise ShapeError(f'"hooks.{event}" is no list')
    return hooks


def _find_style(text: str, root: Node) -> _Style:
    newline = "\r\n" if "\r\n" in text else "\n"
    indents = [_indent_before(text, member.start) for member in root.members]
    unit = next((indent for indent in indents if indent), "  ")
    return _Style(newline, unit, is_flat=bool(root.members) and "\n" not in text[root.start : root.end])


def _append(text: str, node: Node, pairs: Sequence[tuple[str | None, object]], style: _Style) -> tuple[int, str]:
    """Where to put ``pairs`` so that they are the last in ``node``, and the text that does it."""
    if not node.members:
        return _fill(text, node, pairs, style)
    last = node.members[-1]
    own_line = None if style.is_flat else _indent_before(text, last.start)
    base = _line_indent(text, node.start) if own_line is None else own_line
    gap = " " if own_line is None else style.newline + own_line
    trivia = [*find_trivia(text, last.value.end, node.end - 1)]
    items = _rendered(pairs, base, style, is_flat=own_line is None)
    body = f",{gap}".join(items)
    place = trivia[-1][1] if trivia else last.value.end
    if trivia and trivia[-1][2] == "//" and own_line is None:
        gap = style.newline + base
    if any(kind == "," for _, _, kind in trivia):
        return place, gap + body
    return place, f"{gap}, {body}" if trivia else f",{gap}{body}"


def _fill(text: str, node: Node, pairs: Sequence[tuple[str | None, object]], style: _Style) -> tuple[int, str]:
    """As ``_append``, for an object or list that is empty but for blanks and comments."""
    trivia = [*find_trivia(text, node.start + 1, node.end - 1)]
    place = trivia[-1][1] if trivia else node.start + 1
    outer = _line_indent(text, node.start)
    inner = outer + style.unit
    if style.is_flat:
        return place, ", ".join(_rendered(pairs, "", style, is_flat=True))
    lines = "".join(f"{style.newline}{inner}{item}," for item in _rendered(pairs, inner, style, is_flat=False))
    closing = "" if "\n" in text[place : node.end] else style.newline + outer
    return place, lines.removesuffix(",") + closing


def _rendered(pairs: Sequence[tuple[str | None, object]], indent: str, style: _Style, *, is_flat: bool) -> list[str]:
    """Each on one line, but for the object of all hooks: what is shown for consent is to be read."""
    found = []
    for key, value in pairs:
        shown = json.dumps(value, ensure_ascii=False)
        if key == "hooks" and isinstance(value, dict) and not is_flat:
            inner = style.newline + indent + style.unit
            members = f",{inner}".join(_rendered([*value.items()], inner, style, is_flat=True))
            shown = f"{{{inner}{members}{style.newline}{indent}}}"
        found.append(shown if key is None else f"{json.dumps(key)}: {shown}")
    return found


def _applied(text: str, insertions: Sequence[tuple[int, str]], made: Made) -> tuple[str, Made]:
    new = text
    for place, inserted in sorted(insertions, reverse=True):
        new = new[:place] + inserted + new[place:]
    return new, msgspec.structs.replace(made, texts=tuple(inserted for _, inserted in sorted(insertions)))


def _indent_before(text: str, place: int) -> str | None:
    """The blanks before ``place`` where nothing else stands on its line; None where something does."""
    line = text[text.rfind("\n", 0, place) + 1 : place].removeprefix("\ufeff")
    return line if not line.strip(" \t") and "\n" in text[:place] else None


def _line_indent(text: str, place: int) -> str:
    line = text[text.rfind("\n", 0, place) + 1 : place].removeprefix("\ufeff")
    found = re.match(r"[ \t]*", line)
    return found[0] if found else ""


# Removal


def _cut_texts(text: str, texts: Sequence[str]) -> str | None:
    """Without the texts, one after the other; None where they are not all there."""
    place = 0
    for inserted in texts:
        place = text.find(inserted, place)
        if place < 0:
            return None
        text = text[:place] + text[place + len(inserted) :]
    return text


def _cut_by_places(text: str, made: Made, *, is_whole: bool) -> str:
    root = parse_json(text)
    while (found := _find_ours(root)) is not None:
        text = _without(text, *found)
        root = parse_json(text)
    for path in [*(("hooks", event) for event in made.events), *([("hooks",)] if made.hooks else [])]:
        text = _without_empty(text, path)
    root = parse_json(text)
    if not is_whole or root.find("hooks") is None:
        for key in made.extra:
            text = _without_key(text, key)
    return text


def _find_ours(root: Node) -> tuple[Node, int] | None:
    """The list and the place in it of an entry of ours: a command, or a group that has no other."""
    hooks = root.find("hooks") if root.kind == "{" else None
    for event in hooks.members if hooks else ():
        for place, item in enumerate(event.value.members if event.value.kind == "[" else ()):
            if is_ours(item.value.value()):
                return event.value, place
            group = item.value.find("hooks") if item.value.kind == "{" else None
            ours = [is_ours(each.value.value()) for each in group.members] if group and group.kind == "[" else []
            if group and any(ours):
                return (event.value, place) if all(ours) else (group, ours.index(True))
    return None


def _without_empty(text: str, path: tuple[str, ...]) -> str:
    """Without the member at ``path`` where nothing is in it, no comment either."""
    root = parse_json(text)
    parent = root if len(path) == 1 else root.find(path[0])
    node = parent.find(path[-1]) if parent and parent.kind == "{" else None
    if parent is None or node is None or node.members or node.kind not in {"{", "["}:
        return text
    if any(find_trivia(text, node.start + 1, node.end - 1)):
        return text
    return _without(text, parent, _last_place(parent, path[-1]))


def _without_key(text: str, key: str) -> str:
    root = parse_json(text)
    return text if root.find(key) is None else _without(text, root, _last_place(root, key))


def _last_place(node: Node, key: str) -> int:
    return max(place for place, member in enumerate(node.members) if member.key == key)


def _without(text: str, node: Node, place: int) -> str:
    """Without one member: with the comma after it, or, for the last, the one before it; comments of others stay."""
    member = node.members[place]
    following = node.members[place + 1].start if place + 1 < len(node.members) else node.end - 1
    previous = node.members[place - 1].value.end if place else node.start + 1
    commas = [begin for begin, _, kind in find_trivia(text, member.value.end, following) if kind == ","]
    cuts = [(member.start, member.value.end)]
    if commas:
        cuts.append((commas[0], commas[0] + 1))
    elif place:
        begin = next(begin for begin, _, kind in find_trivia(text, previous, member.start) if kind == ",")
        cuts.append((begin, begin + 1))
    for start, end in sorted(cuts, reverse=True):
        text = _cut(text, start, end)
    return text


def _cut(text: str, start: int, end: int) -> str:
    """Without what is between, and without the blanks before it, but for the end of a line that holds a comment."""
    begin = start
    while begin and text[begin - 1] in " \t\r\n":
        begin -= 1
    rest = text[end:]
    # Where blanks are left between what is kept on both sides, they were there before: `[ 1 ]`.
    if "\n" in text[begin:start] and "//" in text[text.rfind("\n", 0, begin) + 1 : begin]:
        return text[:begin] + rest if re.match(r"[ \t]*\r?\n", rest) else text[:start] + rest
    return text[:begin] + rest


def _value(text: str) -> object:
    return parse_json(text).value() if text.strip("\ufeff \t\r\n") else None
