"""What a tool call does to files: each vendor has a table from its tools' names to these."""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from itertools import islice

import msgspec

from watchkeeper.agents.commands import find_reads, find_writes
from watchkeeper.agents.lines import Lines
from watchkeeper.agents.patch import find_patch, parse_patch
from watchkeeper.agents.untrusted import (
    MAX_CONTENT,
    Fields,
    checked_path,
    find_first_command,
    find_first_path,
    find_objects,
    find_path,
    find_text,
    find_texts,
    find_whole_text,
)
from watchkeeper.model.agents import Act, AgentEvent, Phase, TextEdit

_MAX_EDITS = 1_000


class Deed(msgspec.Struct, frozen=True):
    """One thing that a tool call does. ``path`` is as told; ``cwd`` where a command runs, if told."""

    act: Act
    path: str = ""
    lines: Lines = None
    edits: tuple[TextEdit, ...] = ()
    command: str = ""
    text: str = ""
    cwd: str = ""


Tool = Callable[[Fields], tuple[Deed, ...]]


def reads(*path: str, lines: Callable[[Fields], Lines] = lambda _fields: None) -> Tool:
    """Reads one file; ``path`` are the names that the argument may have."""

    def deeds(fields: Fields) -> tuple[Deed, ...]:
        found = find_first_path(fields, path)
        return (Deed(Act.READ, found, lines(fields)),) if found else ()

    return deeds


def reads_all(key: str) -> Tool:
    """Reads the files in a list; patterns among them are searches."""

    def deeds(fields: Fields) -> tuple[Deed, ...]:
        texts = map(checked_path, find_texts(fields, key))
        return tuple(Deed(Act.SEARCH if set(text) & set("*?[") else Act.READ, text) for text in texts if text)

    return deeds


def writes(*path: str, content: str) -> Tool:
    """Writes a whole file."""
    return _writes(path, lambda fields: _content(fields, content))


def replaces(*path: str, old: str, new: str, many: str = "") -> Tool:
    """Replaces a text by another; or several, in the list under ``many``."""

    def edits(fields: Fields) -> tuple[TextEdit, ...]:
        several = islice(find_objects(fields, many), _MAX_EDITS) if many else ()
        found = tuple(edit for each in several for edit in _edit(each, old, new)) or _edit(fields, old, new)
        return found if sum(len(each.old or "") + len(each.new) for each in found) <= 2 * MAX_CONTENT else ()

    return _writes(path, edits)


def touches(*path: str) -> Tool:
    """Writes a file in a way that is not told."""
    return _writes(path, lambda _fields: ())


def searches(*path: str, pattern: str = "pattern") -> Tool:
    """Looks through files: what of them it shows is not told."""

    def deeds(fields: Fields) -> tuple[Deed, ...]:
        return (Deed(Act.SEARCH, find_first_path(fields, path), text=find_text(fields, pattern, most=500)),)

    return deeds


def runs(*command: str, cwd: str = "") -> Tool:
    """Runs a command in a shell: the run, what the command seems to read and write, and the patch it may hold."""

    def deeds(fields: Fields) -> tuple[Deed, ...]:
        text = find_first_command(fields, command, MAX_CONTENT)
        return run_deeds(text, find_path(fields, cwd) if cwd else "") if text else ()

    return deeds


def patches(*text: str) -> Tool:
    """Applies a patch in the form of ``apply_patch``."""

    def deeds(fields: Fields) -> tuple[Deed, ...]:
        return patch_deeds(find_first_command(fields, text, MAX_CONTENT))

    return deeds


def run_deeds(command: str, cwd: str = "") -> tuple[Deed, ...]:
    """What running ``command`` means."""
    told = [Deed(Act.RUN, command=command, cwd=cwd)]
    told += [Deed(Act.READ, read.path, read.lines, command=command, cwd=cwd) for read in find_reads(command)]
    told += [Deed(Act.WRITE, path, command=command, cwd=cwd) for path in find_writes(command)]
    return (*told, *patch_deeds(find_patch(command)))


def patch_deeds(patch: str) -> tuple[Deed, ...]:
    """A write for each file that a patch names."""
    return tuple(Deed(Act.WRITE, edit.path, edits=edit.edits) for edit in parse_patch(patch))


def as_events(
    deeds: tuple[Deed, ...], *, agent: str, session: str, cwd: str, phase: Phase, tool: str, call: str
) -> Iterator[AgentEvent]:
    """The deeds of one tool call, as events of a session."""
    for deed in deeds:
        yield AgentEvent(
            agent=agent,
            session=session,
            act=deed.act,
            phase=phase,
            path=deed.path,
            lines=deed.lines,
            edits=deed.edits,
            command=deed.command,
            tool=tool,
            call=call,
            text=deed.text,
            cwd=posixpath.join(cwd, deed.cwd) if deed.cwd else cwd,
        )


def _writes(path: tuple[str, ...], edits: Callable[[Fields], tuple[TextEdit, ...]]) -> Tool:
    def deeds(fields: Fields) -> tuple[Deed, ...]:
        found = find_first_path(fields, path)
        return (Deed(Act.WRITE, found, edits=edits(fields)),) if found else ()

    return deeds


def _content(fields: Fields, name: str) -> tuple[TextEdit, ...]:
    new = find_whole_text(fields, name)
    return (TextEdit(None, new),) if new is not None and len(new) <= MAX_CONTENT else ()


def _edit(fields: Fields, old: str, new: str) -> tuple[TextEdit, ...]:
    before, after = find_whole_text(fields, old), find_whole_text(fields, new)
    if before is None or after is None or max(len(before), len(after)) > MAX_CONTENT:
        return ()
    return (TextEdit(before, after),)
