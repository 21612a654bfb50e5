"""Whatever an agent gives its hook, reading it is total, and its answer is JSON or nothing."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from watchkeeper.agents.hooks import VENDORS
from watchkeeper.agents.hooks.vendor import HookVendor, Said, decode_payload

KEYS = (
    "hook_event_name event event_type session_id session conversation_id cwd working_dir workspace_roots tool_name "
    "tool tool_input args tool_use_id prompt message text timestamp transcript_path stop_reason loop_count llm_request "
    "tool_response tool_result metadata edits file_path"
).split()
INNER = (
    "file_path path filePath command view_range edits old_string new_string old_str new_str before after content "
    "file_text offset limit start_line end_line include patchText input messages display lineStart lineEnd error"
).split()
EVENTS = sorted(
    "SessionStart SessionEnd UserPromptSubmit PreToolUse PostToolUse Stop BeforeModel BeforeTool AfterTool BeforeAgent "
    "AfterAgent preToolUse postToolUse afterFileEdit stop chat.message tool.execute.before tool.execute.after".split()
)
TOOLS = "Read Edit Write Bash MultiEdit apply_patch read_file replace edit shell file_editor read bash Shell".split()
PATCH = "*** Begin Patch\n*** Update File: a.py\n@@\n-x\n+y\n*** End Patch"
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from([*EVENTS, *TOOLS, PATCH])
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(INNER) | st.text(max_size=4), inner, max_size=5)
    ),
    max_leaves=12,
)
PAYLOADS = st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=10)
LIKELY = st.fixed_dictionaries(
    {
        "hook_event_name": st.sampled_from(EVENTS),
        "event": st.sampled_from(EVENTS),
        "event_type": st.sampled_from(EVENTS),
        "tool_name": st.sampled_from(TOOLS),
        "tool": st.sampled_from(TOOLS),
        "tool_input": VALUES,
        "args": VALUES,
    },
    optional=dict.fromkeys(("llm_request", "metadata", "edits", "workspace_roots", "tool_result"), VALUES),
)
SAID = st.builds(Said, st.text(max_size=9), st.text(max_size=9), st.text(max_size=9))


@given(st.sampled_from(sorted(VENDORS)), PAYLOADS | LIKELY, SAID)
def test_any_payload_is_read_and_answered_with_one_object_or_nothing(name: str, payload: dict, said: Said) -> None:
    vendor: HookVendor = VENDORS[name]
    call = vendor.read(payload, "/wt")
    printed = vendor.answer(call, said)

    assert not printed or isinstance(json.loads(printed), dict)
    assert bool(printed) == bool(
        (said.deny and call.can_deny) or (said.hold and call.can_hold) or (said.advice and call.can_advise)
    )
    for event in call.events:
        assert event.agent == name
        assert len(event.path) <= 4096
        assert "\0" not in event.path
        f"{event.path}{event.command}{event.text}{event.session}{event.cwd}".encode()


@given(st.binary(max_size=60) | PAYLOADS.map(lambda payload: json.dumps(payload).encode()))
def test_any_bytes_are_an_object_or_refused(raw: bytes) -> None:
    from watchkeeper.model.errors import WatchkeeperError

    try:
        payload = decode_payload(raw)
    except WatchkeeperError:
        return
    for vendor in VENDORS.values():
        vendor.read(payload, "/wt")
