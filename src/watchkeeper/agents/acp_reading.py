"""ACP session updates as events. A tool call comes in pieces, in another order with each vendor: they are put together.

Status is what the agent claims: one of them calls a cancelled shell ``completed``. What was written, the files say.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import msgspec

from watchkeeper.agents.patch import parse_patch
from watchkeeper.agents.tooluse import classify_tool, command_of, edits_of, lines_of, paths_of
from watchkeeper.agents.untrusted import (
    Fields,
    find_fields,
    find_objects,
    find_path,
    find_text,
    find_whole_text,
)
from watchkeeper.model.agents import Act, AgentEvent, Phase, TextEdit

_KINDS = {
    "read": Act.READ,
    "edit": Act.WRITE,
    "delete": Act.WRITE,
    "move": Act.WRITE,
    "execute": Act.RUN,
    "search": Act.SEARCH,
    "fetch": Act.SEARCH,
}
_HARMLESS_KINDS = {"think", "switch_mode"}
_ENDS = {"completed": Phase.DONE, "failed": Phase.FAILED}
_PARTS = ("title", "kind", "locations", "rawInput", "status")
_MAX_CALLS = 1000


class ToolCalls:
    """The tool calls of one session that have not ended, each with what was said of it so far."""

    def __init__(self, tool_name_at: tuple[str, ...] = ()) -> None:
        self._tool_name_at = tool_name_at
        self._calls: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._told: set[str] = set()

    def take(self, update: Fields, about: AgentEvent) -> tuple[AgentEvent, ...]:
        """The events that a ``tool_call`` or ``tool_call_update`` makes known: an intent once, then how it ended."""
        call = find_text(update, "toolCallId")
        if not call:
            return ()
        known = self._merge(call, update)
        end = _ENDS.get(find_text(known, "status"))
        if end is not None:
            del self._calls[call]
            self._told.discard(call)
            return tuple(self._read(call, known, about, end))
        events = tuple(self._read(call, known, about, Phase.INTENT))
        if call in self._told or not any(_is_telling(event) for event in events):
            return ()
        self._told.add(call)
        return events

    def read_intent(self, update: Fields, about: AgentEvent) -> tuple[AgentEvent, ...]:
        """What a permission is asked for: with all that was said of the call before."""
        call = find_text(update, "toolCallId")
        return tuple(self._read(call, self._merge(call, update), about, Phase.INTENT))

    def end(self, about: AgentEvent) -> tuple[AgentEvent, ...]:
        """The turn is over: what was begun and never ended counts as failed."""
        open_calls = [(call, known) for call, known in self._calls.items() if call in self._told]
        self._calls.clear()
        self._told.clear()
        return tuple(event for call, known in open_calls for event in self._read(call, known, about, Phase.FAILED))

    def _merge(self, call: str, update: Fields) -> dict[str, Any]:
        known = self._calls.setdefault(call, {})
        for part in _PARTS:
            if update.get(part) not in (None, [], {}, ""):
                known[part] = update[part]
        if self._tool_name_at and (tool := find_text(update, *self._tool_name_at)):
            known["tool"] = tool
        diffs = [each for each in find_objects(update, "content") if each.get("type") == "diff"]
        if diffs:
            known["content"] = diffs
        if len(self._calls) > _MAX_CALLS:
            forgotten, _ = self._calls.popitem(last=False)
            self._told.discard(forgotten)
            self._calls.setdefault(call, known)
        return known

    def _read(self, call: str, known: Fields, about: AgentEvent, phase: Phase) -> Iterator[AgentEvent]:
        arguments = find_fields(known, "rawInput")
        tool = find_text(known, "tool")
        act = _act_of(known, tool, arguments)
        if act is None:
            return
        event = msgspec.structs.replace(
            about,
            act=act,
            phase=phase,
            call=call,
            tool=tool or find_text(known, "kind"),
            text=find_text(known, "title"),
            command=command_of(arguments) if act in (Act.RUN, Act.READ) else "",
        )
        if act is Act.WRITE:
            yield from _writes(known, arguments, event)
        elif act is Act.RUN:
            is_named = phase is Phase.INTENT or event.command or tool
            yield event if is_named else msgspec.structs.replace(event, command=event.text)
        else:
            lines = lines_of(arguments) if act is Act.READ else None
            for path in _paths(known, arguments) or ("",):
                yield msgspec.structs.replace(event, path=path, lines=lines)


def _act_of(known: Fields, tool: str, arguments: Fields) -> Act | None:
    kind = find_text(known, "kind")
    if kind in _KINDS:
        return _KINDS[kind]
    if tool:
        return classify_tool(tool, arguments)
    if kind in _HARMLESS_KINDS:
        return None
    if next(find_objects(known, "content"), None):
        return Act.WRITE
    if command_of(arguments):
        return Act.RUN
    # Without kind and name a call is only known to be one: it counts as run once it ended, and may have done anything.
    return Act.RUN if kind or find_text(known, "status") in _ENDS else None


def _is_telling(event: AgentEvent) -> bool:
    """Whether an intent says what it is about: agents announce calls before they fill them in."""
    return bool(event.path or (event.act is Act.RUN and (event.command or event.tool)))


def _paths(known: Fields, arguments: Fields) -> tuple[str, ...]:
    told = tuple(dict.fromkeys(path for each in find_objects(known, "locations") if (path := find_path(each, "path"))))
    return told or paths_of(arguments)


def _writes(known: Fields, arguments: Fields, event: AgentEvent) -> Iterator[AgentEvent]:
    """An event for each file: the differences say which, else the locations, else the arguments."""
    edits: dict[str, list[TextEdit]] = {}
    for each in find_objects(known, "content"):
        new = find_whole_text(each, "newText")
        if new is not None:
            edits.setdefault(find_path(each, "path"), []).append(TextEdit(find_whole_text(each, "oldText"), new))
    if not edits:
        patch = find_whole_text(arguments, "patchText") or find_whole_text(arguments, "patch") or ""
        edits = {each.path: list(each.edits) for each in parse_patch(patch)}
    for path in (*edits, *(path for path in _paths(known, arguments) if path not in edits and _is_other(path, edits))):
        yield msgspec.structs.replace(event, path=path, edits=tuple(edits.get(path, ())) or edits_of(arguments))
    if not edits and not _paths(known, arguments):
        yield event


def _is_other(path: str, edits: dict[str, list[TextEdit]]) -> bool:
    """Whether a path is not one of the edited under another spelling: relative here, absolute there."""
    return not any(each.endswith("/" + path) or path.endswith("/" + each) for each in edits)
