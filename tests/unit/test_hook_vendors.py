"""What each vendor's hooks tell, and what they can be told: with payloads as their programs give them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

import pytest

from watchkeeper.agents.hooks import VENDORS, vendor
from watchkeeper.agents.hooks.vendor import HookCall, PayloadError, Point, Said, decode_payload
from watchkeeper.agents.patch import parse_patch
from watchkeeper.agents.shimcopy import DEADLINE_S
from watchkeeper.model.agents import Act, AgentEvent, Phase, TextEdit

CODEX = {
    "session_id": "01a2", "turn_id": "t", "transcript_path": "/r.jsonl", "cwd": "/wt", "hook_event_name": "PostToolUse",
    "model": "gpt-5.5", "permission_mode": "bypassPermissions", "tool_name": "Bash",
    "tool_input": {"command": "sed -n 1,7p src/calc.py"}, "tool_response": "def add...", "tool_use_id": "call_e87c",
}  # fmt: skip
GEMINI = {
    "session_id": "g1", "transcript_path": "/t", "cwd": "/wt", "hook_event_name": "AfterTool", "timestamp": "2026",
    "tool_name": "read_file", "tool_input": {"file_path": "/wt/src/calc.py", "start_line": 6, "end_line": 7},
    "tool_response": {"llmContent": "", "returnDisplay": ""},
}  # fmt: skip
COPILOT = {
    "hook_event_name": "PostToolUse", "session_id": "c1", "timestamp": "2026", "cwd": "/wt", "tool_name": "Read",
    "tool_input": {"path": "/wt/src/calc.py", "view_range": [6, 7]},
    "tool_result": {"result_type": "success", "text_result_for_llm": ".."},
}  # fmt: skip
GOOSE = {
    "event": "PreToolUse", "session_id": "20261123_9", "matcher_context": "edit", "tool_call_id": "call_7c74",
    "tool_name": "edit", "tool_input": {"path": "src/calc.py", "before": "a", "after": "b"}, "working_dir": "/wt",
}  # fmt: skip
OPENHANDS = {
    "event_type": "PreToolUse", "tool_name": "file_editor",
    "tool_input": {"command": "view", "path": "/wt/src/calc.py", "view_range": [6, 7]},
    "session_id": "o1", "working_dir": "/wt", "metadata": {},
}  # fmt: skip
CLAUDE = {
    "session_id": "a1", "transcript_path": "/t.jsonl", "cwd": "/wt", "permission_mode": "default",
    "hook_event_name": "PreToolUse", "tool_name": "Read", "tool_use_id": "toolu_1",
    "tool_input": {"file_path": "/wt/src/calc.py", "offset": 6, "limit": 2},
}  # fmt: skip
CURSOR = {
    "hook_event_name": "afterFileEdit", "conversation_id": "k1", "generation_id": "g", "workspace_roots": ["/wt"],
    "file_path": "/wt/src/calc.py", "edits": [{"old_string": "a", "new_string": "b"}],
}  # fmt: skip
OPENCODE = {
    "event": "tool.execute.after", "session": "ses_1", "call": "call_34", "tool": "read", "cwd": "/wt",
    "args": {"filePath": "/wt/src/calc.py", "offset": 5, "limit": 2},
    "metadata": {"display": {"lineStart": 6, "lineEnd": 7}},
}  # fmt: skip
SAMPLES = {
    "claude": CLAUDE, "codex": CODEX, "copilot": COPILOT, "cursor": CURSOR,
    "gemini": GEMINI, "goose": GOOSE, "opencode": OPENCODE, "openhands": OPENHANDS,
}  # fmt: skip

PATCH = """\
*** Begin Patch
*** Update File: src/calc.py
@@ def mul(a, b):
 def mul(a, b):
-    return a * b
+    return b * a
*** Add File: src/new.py
+x = 1
+
*** Delete File: src/old.py
*** Update File: a.py
*** Move to: b.py
@@
-one
+two
@@
-three
*** End Patch"""


def read(name: str, payload: Mapping[str, object], **changes: object) -> HookCall:
    found = vendor(name)
    assert found is not None
    return found.read({**payload, **changes}, "/elsewhere")


def answer(name: str, call: HookCall, said: Said) -> object:
    found = vendor(name)
    assert found is not None
    printed = found.answer(call, said)
    return json.loads(printed) if printed else None


@pytest.mark.parametrize(
    ("name", "point", "event"),
    [
        ("claude", Point.BEFORE_TOOL, AgentEvent(
            "claude", "a1", Act.READ, Phase.INTENT, "/wt/src/calc.py", (6, 7), tool="Read", call="toolu_1", cwd="/wt")),
        ("copilot", Point.AFTER_TOOL, AgentEvent(
            "copilot", "c1", Act.READ, Phase.DONE, "/wt/src/calc.py", (6, 7), tool="Read", cwd="/wt")),
        ("cursor", Point.AFTER_TOOL, AgentEvent(
            "cursor", "k1", Act.WRITE, Phase.DONE, "/wt/src/calc.py", edits=(TextEdit("a", "b"),), tool="Edit",
            cwd="/wt")),
        ("gemini", Point.AFTER_TOOL, AgentEvent(
            "gemini", "g1", Act.READ, Phase.DONE, "/wt/src/calc.py", (6, 7), tool="read_file", cwd="/wt")),
        ("goose", Point.BEFORE_TOOL, AgentEvent(
            "goose", "20261123_9", Act.WRITE, Phase.INTENT, "src/calc.py", edits=(TextEdit("a", "b"),), tool="edit",
            call="call_7c74", cwd="/wt")),
        ("opencode", Point.AFTER_TOOL, AgentEvent(
            "opencode", "ses_1", Act.READ, Phase.DONE, "/wt/src/calc.py", (6, 7), tool="read", call="call_34",
            cwd="/wt")),
        ("openhands", Point.BEFORE_TOOL, AgentEvent(
            "openhands", "o1", Act.READ, Phase.INTENT, "/wt/src/calc.py", (6, 7), tool="file_editor", cwd="/wt")),
    ],
)  # fmt: skip
def test_a_tool_call_is_an_event_with_path_lines_edits_session_and_call(
    name: str, point: Point, event: AgentEvent
) -> None:
    call = read(name, SAMPLES[name])

    assert (call.point, call.session, call.cwd) == (point, event.session, "/wt")
    assert call.events == (event,)


def test_a_command_is_a_run_and_the_reads_that_it_seems_to_be() -> None:
    run, seen = read("codex", CODEX).events

    assert (run.act, run.command, run.path) == (Act.RUN, "sed -n 1,7p src/calc.py", "")
    assert (seen.act, seen.path, seen.lines, seen.command) == (Act.READ, "src/calc.py", (1, 7), run.command)
    assert (seen.call, seen.tool, seen.cwd) == ("call_e87c", "Bash", "/wt")


def test_a_command_that_shows_no_file_is_a_run_alone() -> None:
    assert [event.act for event in read("codex", CODEX, tool_input={"command": "pytest -q"}).events] == [Act.RUN]


def test_a_command_that_changes_a_file_is_a_write_that_tells_no_text() -> None:
    run, write = read("codex", CODEX, tool_input={"command": "sed -i s/a/b/ src/calc.py"}).events

    assert (run.act, write.act, write.path, write.edits) == (Act.RUN, Act.WRITE, "src/calc.py", ())
    assert write.command == run.command


def test_a_patch_is_one_write_for_each_file_with_its_edits() -> None:
    call = read("codex", CODEX, hook_event_name="PreToolUse", tool_name="apply_patch", tool_input={"command": PATCH})

    assert {event.act for event in call.events} == {Act.WRITE}
    assert {event.phase for event in call.events} == {Phase.INTENT}
    assert [(event.path, event.edits) for event in call.events] == [
        ("src/calc.py", (TextEdit("def mul(a, b):\n    return a * b\n", "def mul(a, b):\n    return b * a\n"),)),
        ("src/new.py", (TextEdit(None, "x = 1\n\n"),)),
        ("src/old.py", ()),
        ("a.py", ()),
        ("b.py", (TextEdit("one\n", "two\n"), TextEdit("three\n", ""))),
    ]


@pytest.mark.parametrize(
    "hostile",
    [
        "\n" * 1_000_000,
        "@@\n" * 500_000,
        "*** Add File: x\n" * 100_000,
        "+" * 3_000_000,
        "(" * 1_000_000,
        "<<A\n" * 300_000,
    ],
)
def test_a_patch_or_command_that_is_made_to_be_slow_is_read_in_time(hostile: str) -> None:
    patch = f"*** Begin Patch\n*** Update File: a.py\n{hostile}"
    changes = {"hook_event_name": "PreToolUse", "tool_name": "apply_patch", "tool_input": {"command": patch}}

    assert len(read("codex", CODEX, **changes).events) <= 2_001
    assert read("codex", CODEX, tool_input={"command": hostile}).events[0].act is Act.RUN


def test_a_patch_inside_a_command_is_seen_and_what_only_names_one_is_not() -> None:
    command = f"cd /wt && apply_patch <<'EOF'\n{PATCH}\nEOF\n"
    acts = [event.act for event in read("codex", CODEX, tool_input={"command": command}).events]

    assert acts == [Act.RUN, *[Act.WRITE] * 5]
    assert [event.act for event in read("codex", CODEX, tool_input={"command": "grep apply_patch"}).events] == [Act.RUN]


def test_a_command_runs_in_the_folder_that_is_told_with_it() -> None:
    shell = {"tool_name": "run_shell_command", "tool_input": {"command": "cat a.py", "dir_path": "src"}}

    assert {event.cwd for event in read("gemini", GEMINI, **shell).events} == {"/wt/src"}
    assert {event.cwd for event in read("codex", CODEX, tool_input={"command": "ls", "workdir": "/x"}).events} == {"/x"}


def test_a_list_of_words_is_the_command_that_it_runs() -> None:
    _, seen = read("codex", CODEX, tool_input={"command": ["bash", "-lc", "cat a.py"]}).events

    assert seen.path == "a.py"


@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("claude", {"tool_name": "Edit", "tool_input": {"file_path": "a", "old_string": "x", "new_string": ""}},
         (TextEdit("x", ""),)),
        ("claude", {"tool_name": "Write", "tool_input": {"file_path": "a", "content": "whole"}},
         (TextEdit(None, "whole"),)),
        ("claude", {"tool_name": "MultiEdit", "tool_input": {
            "file_path": "a", "edits": [{"old_string": "x", "new_string": "y"},
            {"old_string": "v", "new_string": "w"}]}},
         (TextEdit("x", "y"), TextEdit("v", "w"))),
        ("gemini", {"tool_name": "replace", "tool_input": {"file_path": "a", "old_string": "x", "new_string": "y"}},
         (TextEdit("x", "y"),)),
        ("gemini", {"tool_name": "write_file", "tool_input": {"file_path": "a", "content": "w"}},
         (TextEdit(None, "w"),)),
        ("copilot", {"tool_name": "Edit", "tool_input": {"path": "a", "old_str": "x", "new_str": "y"}},
         (TextEdit("x", "y"),)),
        ("copilot", {"tool_name": "Write", "tool_input": {"path": "a", "file_text": "w"}}, (TextEdit(None, "w"),)),
        ("copilot", {"tool_name": "Edit", "tool_input": "*** Begin Patch\n*** Add File: a\n+w\n*** End Patch"},
         (TextEdit(None, "w\n"),)),
        ("goose", {"tool_name": "developer__write", "tool_input": {"path": "a", "content": "w"}},
         (TextEdit(None, "w"),)),
        ("openhands", {"tool_input": {"command": "str_replace", "path": "a", "old_str": "x", "new_str": "y"}},
         (TextEdit("x", "y"),)),
        ("openhands", {"tool_input": {"command": "insert", "path": "a", "insert_line": 3, "new_str": "y"}}, ()),
        ("opencode", {"tool": "edit", "args": {"filePath": "a", "oldString": "x", "newString": "y"}},
         (TextEdit("x", "y"),)),
        ("opencode", {"tool": "write", "args": {"filePath": "a", "content": "w"}}, (TextEdit(None, "w"),)),
    ],
)  # fmt: skip
def test_each_way_to_write_is_a_write_with_what_is_told_of_it(
    name: str, changes: dict[str, object], expected: tuple[TextEdit, ...]
) -> None:
    (event,) = read(name, SAMPLES[name], **changes).events

    assert (event.act, event.path, event.edits) == (Act.WRITE, "a", expected)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("claude", {"tool_name": "Bash", "tool_input": {"command": "cat a.py"}}),
        ("gemini", {"tool_name": "run_shell_command", "tool_input": {"command": "cat a.py"}}),
        ("copilot", {"tool_name": "Bash", "tool_input": {"command": "cat a.py"}}),
        ("cursor", {"hook_event_name": "postToolUse", "tool_name": "Shell", "tool_input": {"command": "cat a.py"}}),
        ("goose", {"tool_name": "developer__shell", "tool_input": {"command": "cat a.py"}}),
        ("openhands", {"tool_name": "terminal", "tool_input": {"command": "cat a.py"}}),
        ("opencode", {"tool": "bash", "args": {"command": "cat a.py"}}),
    ],
)
def test_every_vendors_shell_is_read(name: str, changes: dict[str, object]) -> None:
    assert [(event.act, event.path) for event in read(name, SAMPLES[name], **changes).events] == [
        (Act.RUN, ""),
        (Act.READ, "a.py"),
    ]


BEGINS = {
    "claude": {"hook_event_name": "SessionStart"}, "codex": {"hook_event_name": "SessionStart"},
    "copilot": {"hook_event_name": "SessionStart"}, "cursor": {"hook_event_name": "sessionStart"},
    "gemini": {"hook_event_name": "SessionStart"}, "goose": {"event": "SessionStart"},
    "opencode": {"event": "session.created"}, "openhands": {"event_type": "SessionStart"},
}  # fmt: skip
PROMPTS = {
    "claude": {"hook_event_name": "UserPromptSubmit", "prompt": "do"},
    "codex": {"hook_event_name": "UserPromptSubmit", "prompt": "do"},
    "copilot": {"hook_event_name": "UserPromptSubmit", "prompt": "do"},
    "cursor": {"hook_event_name": "beforeSubmitPrompt", "prompt": "do"},
    "gemini": {"hook_event_name": "BeforeAgent", "prompt": "do"},
    "goose": {"event": "UserPromptSubmit", "message": "do"},
    "opencode": {"event": "chat.message", "text": "do"},
    "openhands": {"event_type": "UserPromptSubmit", "message": "do"},
}
STOPS = {
    "claude": {"hook_event_name": "Stop"}, "codex": {"hook_event_name": "Stop"},
    "copilot": {"hook_event_name": "Stop"}, "cursor": {"hook_event_name": "stop"},
    "gemini": {"hook_event_name": "AfterAgent"}, "goose": {"event": "Stop"},
    "opencode": {"event": "session.idle"}, "openhands": {"event_type": "Stop"},
}  # fmt: skip
BEFORE = {
    "claude": {}, "codex": {"hook_event_name": "PreToolUse"}, "copilot": {"hook_event_name": "PreToolUse"},
    "cursor": {"hook_event_name": "preToolUse"}, "gemini": {"hook_event_name": "BeforeTool"}, "goose": {},
    "opencode": {"event": "tool.execute.before"}, "openhands": {},
}  # fmt: skip


@pytest.mark.parametrize("name", VENDORS)
def test_begin_prompt_and_stop_are_told_by_every_vendor(name: str) -> None:
    begin, prompt, stop = (read(name, SAMPLES[name], **changes[name]) for changes in (BEGINS, PROMPTS, STOPS))

    assert [call.point for call in (begin, prompt, stop)] == [Point.BEGIN, Point.PROMPT, Point.STOP]
    assert [event.act for call in (begin, prompt, stop) for event in call.events] == [Act.BEGIN, Act.PROMPT, Act.IDLE]
    assert prompt.events[0].text == "do"


@pytest.mark.parametrize("name", VENDORS)
def test_an_event_or_a_tool_that_nobody_knows_tells_nothing(name: str) -> None:
    keys = {"goose": "event", "opencode": "event", "openhands": "event_type"}
    unknown = read(name, SAMPLES[name], **{keys.get(name, "hook_event_name"): "Sublimated"})
    strange = read(name, SAMPLES[name], **BEFORE[name], **{"tool" if name == "opencode" else "tool_name": "mcp__x__y"})

    assert (unknown.point, unknown.events) == (Point.OTHER, ())
    assert answer(name, unknown, Said("advice", "deny", "hold")) is None
    assert (strange.point, strange.events) == (Point.BEFORE_TOOL, ())
    assert strange.can_deny, "a tool that is not understood can still be denied"


DENIED = {
    "claude": {"hookSpecificOutput": {
        "hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": "no"}},
    "codex": {"hookSpecificOutput": {
        "hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": "no"}},
    "copilot": {"permissionDecision": "deny", "permissionDecisionReason": "no"},
    "cursor": {"permission": "deny", "user_message": "no", "agent_message": "no"},
    "gemini": {"decision": "deny", "reason": "no"},
    "goose": {"decision": "block", "reason": "no"},
    "opencode": {"deny": "no"},
    "openhands": {"decision": "deny", "reason": "no"},
}  # fmt: skip
HELD = {
    "claude": {"decision": "block", "reason": "go on"}, "codex": {"decision": "block", "reason": "go on"},
    "copilot": {"decision": "block", "reason": "go on"}, "cursor": {"followup_message": "go on"},
    "gemini": {"decision": "deny", "reason": "go on"}, "goose": {"decision": "block", "reason": "go on"},
    "opencode": {"hold": "go on"}, "openhands": {"decision": "deny", "reason": "go on"},
}  # fmt: skip


@pytest.mark.parametrize("name", VENDORS)
def test_a_tool_is_denied_in_exactly_the_vendors_form(name: str) -> None:
    before = read(name, SAMPLES[name], **BEFORE[name])

    assert before.can_deny
    assert answer(name, before, Said(deny="no")) == DENIED[name]
    assert answer(name, before, Said()) is None


@pytest.mark.parametrize("name", VENDORS)
def test_a_session_is_held_at_the_stop_in_exactly_the_vendors_form(name: str) -> None:
    stop = read(name, SAMPLES[name], **STOPS[name])

    assert (stop.can_hold, stop.can_deny, stop.can_advise, stop.was_held) == (True, False, False, False)
    assert answer(name, stop, Said(hold="go on")) == HELD[name]
    assert answer(name, stop, Said(advice="too late", deny="too late")) is None


AFTER = {"claude": {"hook_event_name": "PostToolUse"}, "goose": {"event": "PostToolUse"},
         "openhands": {"event_type": "PostToolUse"}, "cursor": {"hook_event_name": "postToolUse"}}  # fmt: skip
ADVISED = {
    "claude": {"hookSpecificOutput": {"hookEventName": "PostToolUse", "additionalContext": "look"}},
    "codex": {"hookSpecificOutput": {"hookEventName": "PostToolUse", "additionalContext": "look"}},
    "copilot": {"additionalContext": "look"},
    "cursor": {"additional_context": "look"},
    "gemini": {"hookSpecificOutput": {"hookEventName": "AfterTool", "additionalContext": "look"}},
    "goose": None,
    "opencode": {"advice": "look"},
    "openhands": None,
}


@pytest.mark.parametrize("name", VENDORS)
def test_advice_after_a_tool_is_in_exactly_the_vendors_form_or_is_told_to_be_lost(name: str) -> None:
    after = read(name, SAMPLES[name], **AFTER.get(name, {}))

    assert after.can_advise == (ADVISED[name] is not None)
    assert answer(name, after, Said(advice="look")) == ADVISED[name]
    assert answer(name, after, Said(deny="no", hold="go on")) is None


def test_what_is_denied_carries_the_advice_too_for_there_is_no_other_place() -> None:
    denied = answer("goose", read("goose", GOOSE), Said(advice="look", deny="no"))

    assert denied == {"decision": "block", "reason": "no\n\nlook"}


def test_openhands_is_advised_with_a_prompt_at_the_top_of_the_answer() -> None:
    prompt = read("openhands", OPENHANDS, **PROMPTS["openhands"])

    assert answer("openhands", prompt, Said(advice="look")) == {"additionalContext": "look"}


@pytest.mark.parametrize("name", ["claude", "codex"])
def test_no_key_that_codex_does_not_know_is_at_the_top_of_an_answer(name: str) -> None:
    for changes in (BEGINS, PROMPTS, STOPS, BEFORE, AFTER):
        call = read(name, SAMPLES[name], **changes.get(name, {}))
        for said in (Said("look"), Said(deny="no"), Said(hold="go on"), Said("look", "no", "go on")):
            told = answer(name, call, said)
            assert told is None or set(told) in ({"hookSpecificOutput"}, {"decision", "reason"})


MESSAGES = [{"role": "user", "content": "do it"}, {"role": "model", "content": "ok"}]


def test_gemini_is_told_before_a_model_call_by_one_more_message_after_all_others() -> None:
    call = read("gemini", GEMINI, hook_event_name="BeforeModel", llm_request={"model": "g", "messages": MESSAGES})

    assert (call.point, call.can_advise, call.is_fleeting, call.events) == (Point.BEFORE_MODEL, True, True, ())
    assert answer("gemini", call, Said(advice="look")) == {
        "hookSpecificOutput": {
            "hookEventName": "BeforeModel",
            "llm_request": {"messages": [*MESSAGES, {"role": "user", "content": "look"}]},
        }
    }


@pytest.mark.parametrize("request_", [None, {}, {"messages": "none"}, {"messages": ["text"]}])
def test_gemini_is_told_nothing_where_its_messages_cannot_be_given_back(request_: object) -> None:
    call = read("gemini", GEMINI, hook_event_name="BeforeModel", llm_request=request_)

    assert not call.can_advise
    assert answer("gemini", call, Said(advice="look")) is None


def test_gemini_before_a_tool_can_deny_and_not_advise() -> None:
    call = read("gemini", GEMINI, hook_event_name="BeforeTool")

    assert (call.can_deny, call.can_advise) == (True, False)


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("claude", {"hook_event_name": "PostToolUseFailure"}),
        ("copilot", {"tool_result": {"result_type": "failure"}}),
        ("copilot", {"hook_event_name": "PostToolUseFailure"}),
        ("gemini", {"tool_response": {"error": {"message": "no such file"}}}),
        ("goose", {"event": "PostToolUseFailure"}),
        ("cursor", {"hook_event_name": "postToolUseFailure", "tool_name": "Read", "tool_input": {"file_path": "a"}}),
    ],
)
def test_a_tool_that_failed_did_not_do_it(name: str, changes: dict[str, object]) -> None:
    assert {event.phase for event in read(name, SAMPLES[name], **changes).events} == {Phase.FAILED}


@pytest.mark.parametrize("name", ["claude", "codex", "copilot", "gemini"])
def test_a_session_that_was_held_already_says_so(name: str) -> None:
    assert read(name, SAMPLES[name], **STOPS[name], stop_hook_active=True).was_held


def test_cursor_and_opencode_say_that_a_session_was_held_in_their_own_words() -> None:
    assert read("cursor", CURSOR, **STOPS["cursor"], loop_count=1).was_held
    assert read("opencode", OPENCODE, **STOPS["opencode"], held=True).was_held


def test_what_copilot_tells_to_claudes_hook_of_a_project_means_nothing() -> None:
    stop = {**COPILOT, "hook_event_name": "Stop", "transcript_path": "/t", "stop_reason": "end_turn"}

    assert read("claude", COPILOT).point is Point.OTHER
    assert read("claude", stop).point is Point.OTHER
    assert read("claude", CLAUDE, timestamp="2027").point is Point.BEFORE_TOOL


def test_cursor_counts_a_file_as_read_when_it_is_given_its_content() -> None:
    (event,) = read("cursor", {**CURSOR, "hook_event_name": "beforeReadFile", "file_path": "a", "content": "x"}).events

    assert (event.act, event.phase, event.path) == (Act.READ, Phase.DONE, "a")


@pytest.mark.parametrize(
    ("name", "arguments", "lines"),
    [
        ("claude", {"offset": 10}, (10, 10**9)),
        ("claude", {"limit": 5}, (1, 5)),
        ("claude", {}, None),
        ("claude", {"offset": -5, "limit": True}, None),
        ("claude", {"offset": 1e300, "limit": 2}, (1, 2)),
        ("copilot", {"view_range": [3, -1]}, (3, 10**9)),
        ("copilot", {"view_range": [7, 3]}, None),
        ("copilot", {"view_range": [7]}, None),
        ("gemini", {"start_line": None, "end_line": None, "offset": 5, "limit": 2}, (6, 7)),
    ],
)
def test_lines_are_a_range_from_one_or_the_whole_file(
    name: str, arguments: dict[str, object], lines: tuple[int, int] | None
) -> None:
    base = {"claude": {"file_path": "a"}, "copilot": {"path": "a"}, "gemini": {"file_path": "a"}}[name]
    changes = {"tool_name": "read_file" if name == "gemini" else "Read", "tool_input": {**base, **arguments}}

    assert [event.lines for event in read(name, SAMPLES[name], **changes).events] == [lines]


@pytest.mark.parametrize("path", ["", "a\0b", "a\nb", "x" * 5000, None, 7, ["a"], {"a": 1}])
def test_what_cannot_be_a_path_is_no_event(path: object) -> None:
    assert read("claude", CLAUDE, tool_input={"file_path": path}).events == ()


def test_without_a_folder_that_is_told_the_hooks_own_counts() -> None:
    assert read("goose", {**GOOSE, "working_dir": None}).cwd == "/elsewhere"
    assert read("cursor", {**CURSOR, "workspace_roots": ["", 7]}).cwd == "/elsewhere"


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b'"text"', b"{", b"nonsense", b"\xff\xfe", b'{"a":' * 100_000, b"[" * 10**6]
)
def test_what_is_no_object_is_refused_and_nothing_else_is_raised(raw: bytes) -> None:
    with pytest.raises(PayloadError) as raised:
        decode_payload(raw)

    assert raised.value.slug == "hook-payload"


def test_half_a_surrogate_pair_and_broken_utf8_are_replaced_rather_than_refused() -> None:
    payload = decode_payload(b'{"hook_event_name":"UserPromptSubmit","prompt":"a\\ud83d b\xff","session_id":"s"}')
    (event,) = read("codex", payload).events

    assert event.text == "a\ufffd b\ufffd"


@pytest.mark.parametrize("name", VENDORS)
def test_a_hook_gives_up_before_its_vendor_does(name: str) -> None:
    told = json.dumps([entry.shape for entry in VENDORS[name].setup.entries])
    limits = [float(text) for text in re.findall(r'"timeout(?:Sec)?": (\d+)', told)]

    assert len(limits) == len(VENDORS[name].setup.entries)
    assert all((limit / 1000 if name == "gemini" else limit) > DEADLINE_S for limit in limits)


def test_a_name_that_no_vendor_has_is_none() -> None:
    assert vendor("nobody") is None
    assert vendor("") is None


def test_of_a_patch_with_more_hunks_than_anybody_writes_only_the_files_are_read() -> None:
    many = "*** Update File: a.py\n*** Move to: b.py\n" + "@@\n-x\n+y\n" * 5_001
    files = parse_patch(f"*** Begin Patch\n{many}*** Add File: c.py\n+one\n+two\n*** End Patch")
    assert [(each.path, each.edits) for each in files] == [("a.py", ()), ("b.py", ()), ("c.py", ())]


def test_a_payload_of_millions_of_objects_is_refused_and_a_long_conversation_is_not() -> None:
    with pytest.raises(PayloadError):
        decode_payload(b'{"messages": [' + b"{}," * 1_000_000 + b"{}]}")
    long = json.dumps({"messages": [{"role": "user", "content": "if (x) { y[0] }" * 5_000}] * 40}).encode()
    assert len(long) > 2_000_000
    assert decode_payload(long)


def test_edits_that_together_are_larger_than_a_file_are_not_kept_but_the_file_is_known() -> None:
    one = {"old_string": "x" * 1_000_000, "new_string": "y" * 1_000_000}

    def edits(count: int) -> tuple[str, int]:
        given = {"file_path": "/wt/a.py", "edits": [one] * count}
        payload = {"session_id": "s", "hook_event_name": "PostToolUse", "tool_name": "MultiEdit", "tool_input": given}
        (event,) = VENDORS["claude"].read(payload, "/wt").events
        return event.path, len(event.edits)

    assert edits(3) == ("/wt/a.py", 3)
    assert edits(5) == ("/wt/a.py", 0)
