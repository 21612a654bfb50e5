"""Claude Code: nested ``additionalContext`` before and after each tool, and a stop that can be held back.

Copilot runs the hooks of a project's ``.claude`` folder too, and gives them its own payload: such calls mean nothing
here, for Copilot's own hook tells the same.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.agents.hooks.deeds import reads, replaces, runs, searches, touches, writes
from watchkeeper.agents.hooks.reading import Spot, Told, advice_of, hold_of, printed, reason_of, understand
from watchkeeper.agents.hooks.setup import ConfigFile, Setup, grouped
from watchkeeper.agents.hooks.vendor import HookCall, Point, Said
from watchkeeper.agents.lines import lines_from
from watchkeeper.agents.untrusted import find_fields, find_number, find_path, find_text, find_word
from watchkeeper.model.agents import Phase

NAME = "claude"

SPOTS: Mapping[str, Spot] = {
    "SessionStart": Spot(Point.BEGIN, advises=True),
    "SessionEnd": Spot(Point.END),
    "UserPromptSubmit": Spot(Point.PROMPT, advises=True),
    "PreToolUse": Spot(Point.BEFORE_TOOL, Phase.INTENT, advises=True, denies=True),
    "PostToolUse": Spot(Point.AFTER_TOOL, advises=True),
    "PostToolUseFailure": Spot(Point.AFTER_TOOL, Phase.FAILED),
    "Stop": Spot(Point.STOP, holds=True),
}

TOOLS = {
    "Read": reads("file_path", lines=lambda f: lines_from(find_number(f, "offset"), find_number(f, "limit"))),
    "Edit": replaces("file_path", old="old_string", new="new_string"),
    "MultiEdit": replaces("file_path", old="old_string", new="new_string", many="edits"),
    "Write": writes("file_path", content="content"),
    "NotebookRead": reads("notebook_path"),
    "NotebookEdit": touches("notebook_path"),
    "Bash": runs("command"),
    "Grep": searches("path"),
    "Glob": searches("path"),
}

SETUP = Setup(
    title="Claude Code",
    programs=("claude",),
    folder=".claude",
    moved_by="CLAUDE_CONFIG_DIR",
    files=(ConfigFile("settings.json", project_path=".claude/settings.local.json"),),
    entries=grouped(tuple(SPOTS), timeout=10),
    switches=((("disableAllHooks",), True),),
)


class Claude:
    """Claude Code's hooks; see ``HookVendor``."""

    name = NAME
    setup = SETUP

    def read(self, payload: Mapping[str, object], cwd: str) -> HookCall:
        """See ``HookVendor``."""
        event, session = find_word(payload, "hook_event_name"), find_word(payload, "session_id")
        folder = find_path(payload, "cwd") or cwd
        if _is_copilots(payload):
            return HookCall(Point.OTHER, session, folder, event)
        told = Told(
            event=event,
            session=session,
            cwd=folder,
            tool=find_word(payload, "tool_name"),
            fields=find_fields(payload, "tool_input"),
            call=find_word(payload, "tool_use_id"),
            prompt=find_text(payload, "prompt"),
            was_held=payload.get("stop_hook_active") is True,
        )
        return understand(NAME, told, SPOTS, TOOLS)

    def answer(self, call: HookCall, said: Said) -> bytes:
        """See ``HookVendor``."""
        return nested_answer(call, said)


def nested_answer(call: HookCall, said: Said) -> bytes:
    """The form of Claude Code and Codex: all in ``hookSpecificOutput``, but for the stop. No other key may be there."""
    specific: dict[str, object] = {"hookEventName": call.event}
    if said.deny and call.can_deny:
        specific |= {"permissionDecision": "deny", "permissionDecisionReason": reason_of(said)}
    elif said.hold and call.can_hold:
        return printed({"decision": "block", "reason": hold_of(said)})
    elif said.advice and call.can_advise:
        specific["additionalContext"] = advice_of(said)
    else:
        return b""
    return printed({"hookSpecificOutput": specific})


def _is_copilots(payload: Mapping[str, object]) -> bool:
    has_own = "transcript_path" in payload or "permission_mode" in payload
    return "timestamp" in payload and (not has_own or "stop_reason" in payload)
