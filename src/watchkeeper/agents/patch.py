"""Reads patches in the form that Codex and others call ``apply_patch``: edits of files by their context.

The form: between ``*** Begin Patch`` and ``*** End Patch``, sections ``*** Add File: PATH``, ``*** Delete File: PATH``,
``*** Update File: PATH`` (with ``*** Move to: PATH``); an update has hunks that begin with ``@@``, whose lines begin
with a space, ``-`` or ``+``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from watchkeeper.agents.untrusted import MAX_CONTENT, checked_path
from watchkeeper.model.agents import TextEdit

_BEGIN, _END = "*** Begin Patch", "*** End Patch"
_ADD, _DELETE, _UPDATE, _MOVE = "*** Add File: ", "*** Delete File: ", "*** Update File: ", "*** Move to: "
_SECTIONS = (_ADD, _DELETE, _UPDATE)
_MAX_FILES = 2_000
_MAX_HUNKS = 5_000
"""No agent writes more by hand; of what has more only the files are read, for others wait meanwhile."""


class FileEdit(msgspec.Struct, frozen=True):
    """What a patch does to one file. Without edits: it is deleted, moved away, or has more of them than are read."""

    path: str
    edits: tuple[TextEdit, ...] = ()


def find_patch(text: str) -> str:
    """The patch within a command, as ``apply_patch <<'EOF'`` has it; ``""`` for none."""
    start = text.find(_BEGIN)
    if start < 0:
        return ""
    end = text.find(_END, start)
    return text[start:] if end < 0 else text[start : end + len(_END)]


def parse_patch(text: str) -> tuple[FileEdit, ...]:
    """The files of a patch in its order. Never raises; what is no patch gives none."""
    if _BEGIN not in text[:MAX_CONTENT]:
        return ()
    patch = find_patch(text[:MAX_CONTENT])
    is_read = patch.count("\n@@") <= _MAX_HUNKS
    sections = _sections(patch.split("\n")[1:])
    read = _file_edits if is_read else _files
    edits = (edit for section in sections for edit in read(section))
    return tuple(islice(_with_paths(edits), _MAX_FILES))


def _sections(lines: Iterable[str]) -> Iterator[list[str]]:
    section: list[str] = []
    for line in lines:
        if line.startswith(_SECTIONS) or line.startswith(_END):
            if section:
                yield section
            section = [line] if line.startswith(_SECTIONS) else []
        elif section:
            section.append(line)
    if section:
        yield section


def _files(section: list[str]) -> Iterator[FileEdit]:
    """As ``_file_edits``, without what was edited: a cut would be a lie."""
    return (FileEdit(edit.path) for edit in _file_edits(section[:2]))


def _file_edits(section: list[str]) -> Iterator[FileEdit]:
    head, body = section[0].rstrip("\r"), section[1:]
    kind = next(kind for kind in _SECTIONS if head.startswith(kind))
    path = head.removeprefix(kind).strip()
    if kind == _ADD:
        yield FileEdit(path, (TextEdit(None, _text(line[1:] for line in body if line.startswith("+"))),))
    elif kind == _DELETE:
        yield FileEdit(path)
    else:
        moved = next((line.removeprefix(_MOVE).strip() for line in body[:1] if line.startswith(_MOVE)), "")
        edits = tuple(_hunk(lines) for lines in _hunks(body[1:] if moved else body))
        if moved:
            yield FileEdit(path)
        yield FileEdit(moved or path, edits)


def _hunks(body: Iterable[str]) -> Iterator[list[str]]:
    hunk: list[str] = []
    for line in body:
        if line.startswith("@@"):
            if hunk:
                yield hunk
            hunk = []
        elif line[:1] in {" ", "-", "+", ""}:
            hunk.append(line)
    if any(line for line in hunk):
        yield hunk


def _hunk(lines: list[str]) -> TextEdit:
    """The text before and after, context included: it is what tells equal edits apart."""
    end = next((place for place in range(len(lines), 0, -1) if lines[place - 1]), 0)
    old = _text(line[1:] for line in lines[:end] if line[:1] != "+")
    return TextEdit(old, _text(line[1:] for line in lines[:end] if line[:1] != "-"))


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _with_paths(edits: Iterable[FileEdit]) -> Iterator[FileEdit]:
    return (edit for edit in edits if checked_path(edit.path))
