"""Lines of JSON that agents print while they work without anybody to talk to: many shapes, read by what they have.

Known: Claude Code, Codex, Gemini CLI, Goose, Copilot, Cursor and whoever prints alike. What cannot be placed is kept as
words, and harms nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from watchkeeper.agents.codex_reading import read_item
from watchkeeper.agents.patch import FileEdit, parse_patch
from watchkeeper.agents.tooluse import classify_tool, command_of, edits_of, lines_of, paths_of
from watchkeeper.agents.untrusted import Fields, find_fields, find_first_text, find_objects, find_text, find_whole_text
from watchkeeper.model.agents import Act, AgentEvent, Phase

_CALLS = {"tool_use", "toolRequest", "tool.execution_start", "tool_call", "function_call"}
_RESULTS = {"tool_result", "toolResponse", "tool.execution_complete"}
_QUIET = {
    "system", "init", "result", "complete", "thread.started", "turn.started", "turn.completed", "step_start",
    "step_finish", "session.start", "session.idle", "notification", "rate_limit_event", "stream_event",
}  # fmt: skip
_QUIET_SPACES = ("assistant.", "hook.", "model.", "session.", "thread.", "tool.", "turn.", "user.")
_MAX_CALLS = 1000
_SESSION_KEYS = ("session_id", "sessionId", "sessionID", "thread_id")


def find_session(line: Fields) -> str:
    """The id that the agent gives its session; ``""`` where this line does not tell."""
    return find_first_text(line, _SESSION_KEYS) or find_first_text(find_fields(line, "data"), _SESSION_KEYS)


class Stream:
    """One run's lines. Calls and their results are matched by the id of the call."""

    def __init__(self) -> None:
        self._open: OrderedDict[str, tuple[AgentEvent, ...]] = OrderedDict()

    def take(self, line: Fields, about: AgentEvent) -> tuple[AgentEvent, ...] | None:
        """What a line tells, maybe nothing; None where it is of no known shape."""
        kind = find_text(line, "type")
        item = find_fields(line, "item")
        if kind in ("item.started", "item.completed") and item:
            return tuple(read_item(_camel(item), about, is_started=kind == "item.started"))
        parts = _parts_of(line)
        if not parts and kind not in _QUIET and not kind.startswith(_QUIET_SPACES):
            return None
        return tuple(event for part in parts for event in self._take_part(part, about))

    def end(self) -> tuple[AgentEvent, ...]:
        """The run is over: calls that have no result count as failed."""
        left = [event for events in self._open.values() for event in events]
        self._open.clear()
        return tuple(msgspec.structs.replace(event, phase=Phase.FAILED) for event in left)

    def _take_part(self, part: Fields, about: AgentEvent) -> Iterator[AgentEvent]:
        kind = find_text(part, "type")
        call = find_first_text(part, ("tool_use_id", "tool_id", "toolCallId", "call_id", "callID", "id"))
        if kind in _CALLS:
            name, arguments = _call_of(part)
            begun = tuple(read_call(name, arguments, msgspec.structs.replace(about, call=call, phase=Phase.INTENT)))
            self._open[call] = begun
            if len(self._open) > _MAX_CALLS:
                self._open.popitem(last=False)
            yield from begun
            if find_text(part, "subtype") == "completed" or find_text(part, "state", "status") == "completed":
                yield from self._close(call, Phase.DONE)
        elif kind in _RESULTS:
            yield from self._close(call, Phase.FAILED if _has_failed(part) else Phase.DONE)
        elif text := find_first_text(part, ("text", "content")):
            yield msgspec.structs.replace(about, act=Act.SAY, text=text)

    def _close(self, call: str, phase: Phase) -> Iterator[AgentEvent]:
        for event in self._open.pop(call, ()):
            yield msgspec.structs.replace(event, phase=phase)


def read_call(name: str, arguments: Fields, event: AgentEvent) -> Iterator[AgentEvent]:
    """What a call of a tool does, as events made from ``event``."""
    act = classify_tool(name, arguments)
    if act is None:
        return
    event = msgspec.structs.replace(event, act=act, tool=name)
    if act is Act.RUN:
        yield msgspec.structs.replace(event, command=command_of(arguments))
    elif act is Act.WRITE:
        patch = find_whole_text(arguments, "patch") or find_whole_text(arguments, "input") or ""
        files = parse_patch(patch) or [FileEdit(path, edits_of(arguments)) for path in paths_of(arguments) or ("",)]
        for file in files:
            yield msgspec.structs.replace(event, path=file.path, edits=file.edits)
    else:
        for path in paths_of(arguments) or ("",):
            yield msgspec.structs.replace(event, path=path, lines=lines_of(arguments) if act is Act.READ else None)


def _parts_of(line: Fields) -> list[Fields]:
    """The pieces of a line that say something: those of its message, or the line itself."""
    content = list(find_objects(line, "message", "content"))
    is_user = "user" in (find_text(line, "role"), find_text(line, "message", "role"), find_text(line, "type"))
    if is_user:  # what it was asked, and what its tools answered
        return [each for each in content if find_text(each, "type") in _RESULTS] or [{}]
    if content:
        return content
    data, part = find_fields(line, "data"), find_fields(line, "part")
    kind = find_text(line, "type")
    if kind in _CALLS | _RESULTS:
        return [{**line, **data, **part, "type": kind}]
    text = find_first_text(line, ("content", "text")) or find_text(part, "text") or find_text(data, "content")
    return [{"type": "text", "text": text}] if text and kind in ("message", "text", "assistant.message") else []


def _call_of(part: Fields) -> tuple[str, Fields]:
    """Name and arguments of a call, wherever this vendor has put them."""
    goose = find_fields(part, "toolCall", "value")
    if goose:
        return find_text(goose, "name"), find_fields(goose, "arguments")
    for name, inner in find_fields(part, "tool_call").items():  # Cursor: {"readToolCall": {"args": ...}}
        return name, find_fields(inner, "args")
    name = find_first_text(part, ("name", "tool_name", "toolName", "tool"))
    found = (find_fields(part, key) for key in ("input", "parameters", "arguments", "args"))
    return name, next((each for each in found if each), find_fields(part, "state", "input"))


def _has_failed(part: Fields) -> bool:
    return (
        part.get("is_error") is True
        or part.get("success") is False
        or find_text(part, "status") in ("error", "failed")
        or find_text(part, "toolResult", "status") == "error"
    )


_CAMEL = {
    "command_execution": "commandExecution",
    "file_change": "fileChange",
    "agent_message": "agentMessage",
    "mcp_tool_call": "mcpToolCall",
    "web_search": "webSearch",
}


def _camel(item: Fields) -> Fields:
    """An item of ``codex exec --json`` as the app-server names it; its kinds of change are plain words."""
    kind = find_text(item, "type")
    changes = [{**each, "kind": {"type": find_text(each, "kind")}} for each in find_objects(item, "changes")]
    return {**item, "type": _CAMEL.get(kind, kind), "changes": changes}
