"""What agents say, in their own shapes, as events."""

from __future__ import annotations

from typing import Any

import pytest

from watchkeeper.agents.acp_reading import ToolCalls
from watchkeeper.agents.codex_reading import read_item
from watchkeeper.agents.patch import FileEdit, parse_patch
from watchkeeper.agents.stream_reading import Stream
from watchkeeper.agents.tooluse import classify_tool, lines_of, parse_unified
from watchkeeper.model.agents import Act, AgentEvent, Phase, TextEdit

ABOUT = AgentEvent(agent="a", session="s", act=Act.SAY, cwd="/wt", source="test")
CALL: dict[str, Any] = {"sessionUpdate": "tool_call", "toolCallId": "c"}
UPDATE: dict[str, Any] = {"sessionUpdate": "tool_call_update", "toolCallId": "c"}


def brief(events: tuple[AgentEvent, ...]) -> list[tuple[str, str, str]]:
    return [(event.act.value, event.phase.value, event.path or event.command) for event in events]


def test_a_call_that_is_filled_in_later_is_told_once_it_says_what_it_is_about() -> None:
    calls = ToolCalls()

    announced = calls.take({**CALL, "kind": "read", "title": "read", "status": "pending", "rawInput": {}}, ABOUT)
    filled = calls.take(
        {**UPDATE, "status": "in_progress", "locations": [{"path": "/wt/a.py"}], "rawInput": {"offset": 6, "limit": 2}},
        ABOUT,
    )
    repeated = calls.take({**UPDATE, "status": "in_progress"}, ABOUT)
    done = calls.take({**UPDATE, "status": "completed"}, ABOUT)

    assert announced == repeated == ()
    assert brief(filled) == [("read", "intent", "/wt/a.py")]
    assert brief(done) == [("read", "done", "/wt/a.py")]
    assert done[0].lines == (6, 7)


def test_a_call_without_kind_is_what_its_tool_is() -> None:
    calls = ToolCalls(("_meta", "goose", "toolCall", "toolName"))
    meta = {"goose": {"toolCall": {"toolName": "shell"}}}

    told = calls.take({**CALL, "_meta": meta, "rawInput": {"command": "make"}}, ABOUT)
    done = calls.take({**UPDATE, "status": "failed", "_meta": {}}, ABOUT)

    assert brief(told) == [("run", "intent", "make")]
    assert brief(done) == [("run", "failed", "make")]
    assert done[0].tool == "shell"


def test_a_difference_says_what_is_written_and_a_location_of_the_same_file_adds_nothing() -> None:
    difference = {"type": "diff", "path": "/wt/a.py", "oldText": "x", "newText": "y"}
    update = {**CALL, "kind": "edit", "status": "completed", "content": [difference], "locations": [{"path": "a.py"}]}

    (event,) = ToolCalls().take(update, ABOUT)

    assert (event.path, event.edits) == ("/wt/a.py", (TextEdit("x", "y"),))


def test_an_edit_without_difference_is_known_by_its_arguments() -> None:
    arguments = {"path": "/wt/a.py", "old_str": "x", "new_str": "y"}

    (event,) = ToolCalls().take({**CALL, "kind": "edit", "status": "completed", "rawInput": arguments}, ABOUT)

    assert (event.path, event.edits) == ("/wt/a.py", (TextEdit("x", "y"),))


def test_a_tool_that_nobody_knows_may_have_done_anything_and_one_that_thinks_has_not() -> None:
    unknown = ToolCalls().take({**CALL, "kind": "other", "title": "deploy", "status": "completed"}, ABOUT)
    thought = ToolCalls().take({**CALL, "kind": "think", "title": "plan", "status": "completed"}, ABOUT)

    assert brief(unknown) == [("run", "done", "deploy")]
    assert thought == ()


def test_what_was_begun_and_never_ended_has_failed_when_the_turn_is_over() -> None:
    calls = ToolCalls()
    calls.take({**CALL, "kind": "execute", "rawInput": {"command": ["make", "all tests"]}}, ABOUT)

    assert brief(calls.end(ABOUT)) == [("run", "failed", "make 'all tests'")]
    assert calls.end(ABOUT) == ()


CODEX_READ = {
    "type": "commandExecution",
    "id": "c",
    "command": "/bin/bash -lc 'sed -n 1,7p a.py'",
    "cwd": "/wt/sub",
    "status": "completed",
}


def test_codex_tells_what_a_simple_command_reads() -> None:
    actions = [{"type": "read", "command": "sed -n 1,7p a.py", "name": "a.py", "path": "/wt/sub/a.py"}]

    (event,) = read_item({**CODEX_READ, "commandActions": actions}, ABOUT, is_started=False)

    assert (event.act, event.path, event.command, event.cwd) == (
        Act.READ, "/wt/sub/a.py", "sed -n 1,7p a.py", "/wt/sub",
    )  # fmt: skip


def test_a_command_of_which_codex_understands_a_part_is_also_a_command() -> None:
    actions = [{"type": "read", "path": "/wt/a.py"}, {"type": "unknown", "command": "make"}]

    events = tuple(read_item({**CODEX_READ, "commandActions": actions}, ABOUT, is_started=True))

    assert [event.act for event in events] == [Act.READ, Act.RUN]
    assert {event.phase for event in events} == {Phase.INTENT}


def test_codex_tells_each_file_of_a_change_also_where_it_moves_to() -> None:
    changes = [
        {"path": "/wt/new.py", "kind": {"type": "add"}, "diff": "x = 1\n"},
        {"path": "/wt/old.py", "kind": {"type": "delete"}, "diff": "x = 1\n"},
        {"path": "/wt/a.py", "kind": {"type": "update", "move_path": "/wt/b.py"}, "diff": "@@ -1 +1 @@\n-x\n+y\n"},
    ]

    events = read_item(
        {"type": "fileChange", "id": "c", "changes": changes, "status": "declined"}, ABOUT, is_started=False
    )

    assert [(event.path, event.edits, event.phase) for event in events] == [
        ("/wt/new.py", (TextEdit(None, "x = 1\n"),), Phase.FAILED),
        ("/wt/old.py", (), Phase.FAILED),
        ("/wt/a.py", (TextEdit("x\n", "y\n"),), Phase.FAILED),
        ("/wt/b.py", (), Phase.FAILED),
    ]


LINES = {
    "claude": (
        {"type": "assistant", "message": {"role": "assistant", "content": [
            {"type": "tool_use", "id": "t", "name": "Edit",
             "input": {"file_path": "/wt/a.py", "old_string": "x", "new_string": "y"}}]}},
        {"type": "user", "message": {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t"}]}},
    ),
    "gemini": (
        {"type": "tool_use", "tool_name": "replace", "tool_id": "t",
         "parameters": {"file_path": "/wt/a.py", "old_string": "x", "new_string": "y"}},
        {"type": "tool_result", "tool_id": "t", "status": "success"},
    ),
    "copilot": (
        {"type": "tool.execution_start", "data": {"toolCallId": "t", "toolName": "edit",
         "arguments": {"path": "/wt/a.py", "old_str": "x", "new_str": "y"}}},
        {"type": "tool.execution_complete", "data": {"toolCallId": "t", "success": True}},
    ),
    "goose": (
        {"type": "message", "message": {"role": "assistant", "content": [
            {"type": "toolRequest", "id": "t", "toolCall": {"status": "success", "value": {
                "name": "edit", "arguments": {"path": "/wt/a.py", "before": "x", "after": "y"}}}}]}},
        {"type": "message", "message": {"role": "user", "content": [{"type": "toolResponse", "id": "t"}]}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("vendor", LINES)
def test_an_edit_is_the_same_in_every_stream(vendor: str) -> None:
    stream = Stream()

    begun, done = (stream.take(line, ABOUT) for line in LINES[vendor])

    assert begun is not None
    assert done is not None
    assert [(event.act, event.phase, event.path, event.edits, event.call) for event in (*begun, *done)] == [
        (Act.WRITE, phase, "/wt/a.py", (TextEdit("x", "y"),), "t") for phase in (Phase.INTENT, Phase.DONE)
    ]


def test_a_result_that_says_so_has_failed_and_a_line_of_no_known_shape_is_none() -> None:
    stream = Stream()
    stream.take(LINES["claude"][0], ABOUT)
    failed = stream.take(
        {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "t", "is_error": True}]}}, ABOUT
    )

    assert failed is not None
    assert [event.phase for event in failed] == [Phase.FAILED]
    assert stream.take({"level": "debug", "msg": "x"}, ABOUT) is None
    assert stream.take({"type": "session.start"}, ABOUT) == ()


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        ({"view_range": [6, 7]}, (6, 7)),
        ({"start_line": 6, "end_line": 7}, (6, 7)),
        ({"offset": 6, "limit": 2}, (6, 7)),
        ({"line": 6, "limit": 2}, (6, 7)),
        ({"limit": 2}, (1, 2)),
        ({"offset": 6}, (6, 10**9)),
        ({"view_range": [6, -1]}, (6, 10**9)),
        ({"view_range": ["6", []]}, None),
        ({"start_line": 7, "end_line": 6}, None),
        ({}, None),
    ],
)
def test_lines_are_known_only_where_both_ends_are_told(
    arguments: dict[str, object], lines: tuple[int, int] | None
) -> None:
    assert lines_of(arguments) == lines


@pytest.mark.parametrize(
    ("tool", "arguments", "act"),
    [
        ("Read", {}, Act.READ),
        ("MultiEdit", {}, Act.WRITE),
        ("file_editor", {"command": "view"}, Act.READ),
        ("file_editor", {"command": "str_replace"}, Act.WRITE),
        ("developer__shell", {}, Act.RUN),
        ("mcp__elsewhere__read", {}, Act.RUN),
        ("readToolCall", {}, Act.READ),
        ("TodoWrite", {}, None),
        ("deploy", {}, Act.RUN),
    ],
)
def test_a_tool_is_known_by_its_name(tool: str, arguments: dict[str, object], act: Act | None) -> None:
    assert classify_tool(tool, arguments) is act


def test_hunks_are_told_with_the_lines_around_them_and_heads_are_no_text() -> None:
    diff = "--- a/f\n+++ b/f\n@@ -1,2 +1,2 @@\n a\n-b\n+c\n\\ No newline at end of file\n@@ -9 +9,2 @@\n d\n+e\n"

    assert parse_unified(diff) == (TextEdit("a\nb\n", "a\nc\n"), TextEdit("d\n", "d\ne\n"))
    assert parse_unified("no difference at all\n") == ()


def test_a_patch_names_its_files_and_a_new_one_has_its_whole_text() -> None:
    patch = (
        "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n*** Add File: b.py\n+one\n+two\n"
        "*** Delete File: c.py\n*** End Patch\n"
    )

    assert parse_patch(patch) == (
        FileEdit("a.py", (TextEdit("x\n", "y\n"),)),
        FileEdit("b.py", (TextEdit(None, "one\ntwo\n"),)),
        FileEdit("c.py", ()),
    )
