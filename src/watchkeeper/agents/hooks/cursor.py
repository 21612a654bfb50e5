"""Cursor: it tells of edits and reads in events of their own; advice goes with a tool's result or the session's start.

Its words are known from documentation only: it was never run here.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.agents.hooks.deeds import reads, replaces, runs, searches, touches
from watchkeeper.agents.hooks.reading import Spot, Told, advice_of, hold_of, printed, reason_of, understand
from watchkeeper.agents.hooks.setup import ConfigFile, Setup, flat
from watchkeeper.agents.hooks.vendor import HookCall, Point, Said
from watchkeeper.agents.lines import lines_from
from watchkeeper.agents.untrusted import (
    checked_path,
    find_fields,
    find_number,
    find_path,
    find_text,
    find_texts,
    find_word,
)
from watchkeeper.model.agents import Phase

NAME = "cursor"

SPOTS: Mapping[str, Spot] = {
    "sessionStart": Spot(Point.BEGIN, advises=True),
    "sessionEnd": Spot(Point.END),
    "beforeSubmitPrompt": Spot(Point.PROMPT),
    "preToolUse": Spot(Point.BEFORE_TOOL, Phase.INTENT, denies=True),
    "postToolUse": Spot(Point.AFTER_TOOL, advises=True),
    "postToolUseFailure": Spot(Point.AFTER_TOOL, Phase.FAILED),
    # It holds the content that the agent is given: as good as read.
    "beforeReadFile": Spot(Point.BEFORE_TOOL),
    "afterFileEdit": Spot(Point.AFTER_TOOL),
    "stop": Spot(Point.STOP, holds=True),
}

_OF_ONE_TOOL = {"beforeReadFile": "Read", "afterFileEdit": "Edit"}
_PATHS = ("file_path", "path", "target_file")

TOOLS = {
    "Read": reads(*_PATHS, lines=lambda f: lines_from(find_number(f, "offset"), find_number(f, "limit"))),
    "Edit": replaces(*_PATHS, old="old_string", new="new_string", many="edits"),
    "Write": touches(*_PATHS),
    "Delete": touches(*_PATHS),
    "Shell": runs("command", cwd="working_directory"),
    "Grep": searches("path"),
}

SETUP = Setup(
    title="Cursor",
    programs=("cursor-agent",),
    folder=".cursor",
    files=(ConfigFile("hooks.json", project_path=".cursor/hooks.json"),),
    entries=flat(tuple(SPOTS), {"command": None, "timeout": 10}),
    extra={"version": 1},
)


class Cursor:
    """Cursor's hooks; see ``HookVendor``."""

    name = NAME
    setup = SETUP

    def read(self, payload: Mapping[str, object], cwd: str) -> HookCall:
        """See ``HookVendor``."""
        event = find_word(payload, "hook_event_name")
        roots = map(checked_path, find_texts(payload, "workspace_roots"))
        told = Told(
            event=event,
            session=find_word(payload, "conversation_id") or find_word(payload, "session_id"),
            cwd=find_path(payload, "cwd") or next(filter(None, roots), cwd),
            tool=_OF_ONE_TOOL.get(event) or find_word(payload, "tool_name"),
            fields=payload if event in _OF_ONE_TOOL else find_fields(payload, "tool_input"),
            call=find_word(payload, "tool_use_id"),
            prompt=find_text(payload, "prompt"),
            was_held=bool(find_number(payload, "loop_count")),
        )
        return understand(NAME, told, SPOTS, TOOLS)

    def answer(self, call: HookCall, said: Said) -> bytes:
        """See ``HookVendor``."""
        if said.deny and call.can_deny:
            reason = reason_of(said)
            return printed({"permission": "deny", "user_message": reason, "agent_message": reason})
        if said.hold and call.can_hold:
            return printed({"followup_message": hold_of(said)})
        if said.advice and call.can_advise:
            return printed({"additional_context": advice_of(said)})
        return b""
