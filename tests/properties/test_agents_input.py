"""Whatever an agent sends, reading it gives events or nothing, and what is kept can be recorded."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.agents.acp_reading import ToolCalls
from watchkeeper.agents.codex_reading import read_item
from watchkeeper.agents.stream_reading import Stream, find_session
from watchkeeper.agents.untrusted import parse_object
from watchkeeper.model.agents import Act, AgentEvent

ABOUT = AgentEvent(agent="a", session="s", act=Act.SAY)

# Words that the readers look for, so that their insides are reached, among any others.
WORDS = st.sampled_from(
    """type kind status title locations path rawInput rawOutput content message toolCallId line limit offset view_range
    oldText newText diff changes move_path update add commandActions command cwd item id tool_use toolRequest toolCall
    value name arguments input tool_result read edit execute completed failed in_progress inProgress item.started
    item.completed commandExecution fileChange agentMessage text assistant user data part state patch files edits
    tool.execution_start file_editor tool_call function_call mcpToolCall""".split()
)
TEXTS = WORDS | st.text(max_size=20) | st.sampled_from(["\ud800", "\0", "@@\n-a\n+b", "*** Add File: x\n+y"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=5), inner, max_size=8),
    max_leaves=30,
)
OBJECTS = st.dictionaries(WORDS, VALUES, max_size=10)


def can_be_recorded(events: tuple[AgentEvent, ...] | None) -> bool:
    return all(msgspec.json.decode(msgspec.json.encode(event), type=AgentEvent) == event for event in events or ())


@given(st.lists(OBJECTS, max_size=5))
def test_any_tool_call_of_acp_reads_as_events(updates: list[dict[str, Any]]) -> None:
    calls = ToolCalls(("title",))
    for update in updates:
        assert can_be_recorded(calls.take({"toolCallId": "c", **update}, ABOUT))
        assert can_be_recorded(calls.read_intent(update, ABOUT))
    assert can_be_recorded(calls.end(ABOUT))


@given(OBJECTS, st.booleans())
def test_any_item_of_codex_reads_as_events(item: dict[str, Any], is_started: bool) -> None:
    assert can_be_recorded(tuple(read_item(item, ABOUT, is_started=is_started)))


@given(st.lists(OBJECTS, max_size=5))
def test_any_line_of_a_stream_reads_as_events_or_as_nothing(lines: list[dict[str, Any]]) -> None:
    stream = Stream()
    for line in lines:
        assert can_be_recorded(stream.take(line, ABOUT))
        assert isinstance(find_session(line), str)
    assert can_be_recorded(stream.end())


@given(st.binary(max_size=200) | st.integers(1, 100_000).map(lambda deep: b'{"a":' + b"[" * deep))
def test_any_bytes_are_an_object_or_not(line: bytes) -> None:
    assert parse_object(line) is None or isinstance(parse_object(line), dict)
