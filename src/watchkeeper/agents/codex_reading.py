"""The items of Codex's app-server as events."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

import msgspec

from watchkeeper.agents.tooluse import parse_unified
from watchkeeper.agents.untrusted import Fields, find_command, find_objects, find_path, find_text, find_whole_text
from watchkeeper.model.agents import Act, AgentEvent, Phase, TextEdit

_PHASES = {"inProgress": Phase.INTENT, "failed": Phase.FAILED, "declined": Phase.FAILED}
_ACTIONS = {"read": Act.READ, "search": Act.SEARCH, "listFiles": Act.SEARCH}


def read_item(item: Fields, about: AgentEvent, *, is_started: bool) -> Iterator[AgentEvent]:
    """What an item does: one event for each file that it reads or writes; nothing for thoughts and plans."""
    phase = Phase.INTENT if is_started else _PHASES.get(find_text(item, "status"), Phase.DONE)
    if not is_started and phase is Phase.INTENT:
        phase = Phase.DONE
    event = msgspec.structs.replace(about, phase=phase, call=find_text(item, "id"))
    match find_text(item, "type"):
        case "commandExecution":
            yield from read_command(item, event)
        case "fileChange":
            yield from _read_change(item, event)
        case "mcpToolCall" | "dynamicToolCall":
            tool = "/".join(filter(None, (find_text(item, "server"), find_text(item, "tool"))))
            yield msgspec.structs.replace(event, act=Act.RUN, tool=tool)
        case "webSearch":
            yield msgspec.structs.replace(event, act=Act.SEARCH, tool="webSearch")
        case "imageView":
            yield msgspec.structs.replace(event, act=Act.READ, path=find_path(item, "path"), tool="imageView")
        case "agentMessage" if not is_started and find_text(item, "text"):
            yield msgspec.structs.replace(event, act=Act.SAY, text=find_text(item, "text"), call="")


def read_command(item: Fields, event: AgentEvent) -> Iterator[AgentEvent]:
    """What a command does: as Codex itself understands it, and as a command wherever it does not.

    Codex gives no lines: which part ``sed -n 1,7p`` reads is left in ``command``.
    """
    event = msgspec.structs.replace(
        event,
        command=_unwrap(find_command(item, "command")),
        cwd=find_text(item, "cwd") or event.cwd,
        tool="shell",
    )
    actions = list(find_objects(item, "commandActions"))
    for action in actions:
        act = _ACTIONS.get(find_text(action, "type"))
        if act is not None:
            yield msgspec.structs.replace(event, act=act, path=find_path(action, "path"))
    if not actions or any(find_text(action, "type") not in _ACTIONS for action in actions):
        yield msgspec.structs.replace(event, act=Act.RUN)


def _read_change(item: Fields, event: AgentEvent) -> Iterator[AgentEvent]:
    for change in find_objects(item, "changes"):
        diff = find_whole_text(change, "diff") or ""
        kind = find_text(change, "kind", "type")
        written = msgspec.structs.replace(event, act=Act.WRITE, tool="apply_patch", path=find_path(change, "path"))
        if kind == "update":
            yield msgspec.structs.replace(written, edits=parse_unified(diff))
        else:  # the whole file, which is there or gone afterwards
            yield msgspec.structs.replace(written, edits=(TextEdit(None, diff),) if kind == "add" else ())
        moved_to = find_path(change, "kind", "move_path")
        if moved_to:
            yield msgspec.structs.replace(written, path=moved_to)


def _unwrap(command: str) -> str:
    """The command itself: Codex tells the shell that it is given to as well."""
    try:
        parts = shlex.split(command)
    except ValueError:
        return command
    return parts[2] if len(parts) == 3 and parts[1] in ("-c", "-lc") else command
