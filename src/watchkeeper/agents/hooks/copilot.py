"""Copilot CLI: events by their names in PascalCase give tools Claude's names, but its answers stay its own.

``additionalContext`` counts at the top only. A hook before a tool that fails denies the tool: ours never does.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.agents.hooks.deeds import Deed, patch_deeds, reads, replaces, runs, searches, writes
from watchkeeper.agents.hooks.reading import Spot, Told, advice_of, hold_of, printed, reason_of, understand
from watchkeeper.agents.hooks.setup import ConfigFile, Setup, flat
from watchkeeper.agents.hooks.vendor import HookCall, Point, Said
from watchkeeper.agents.untrusted import (
    MAX_CONTENT,
    Fields,
    find_fields,
    find_first_text,
    find_path,
    find_range,
    find_text,
    find_word,
)
from watchkeeper.model.agents import Phase

NAME = "copilot"

SPOTS: Mapping[str, Spot] = {
    "SessionStart": Spot(Point.BEGIN, advises=True),
    "SessionEnd": Spot(Point.END),
    "UserPromptSubmit": Spot(Point.PROMPT, advises=True),
    "PreToolUse": Spot(Point.BEFORE_TOOL, Phase.INTENT, denies=True),
    "PostToolUse": Spot(Point.AFTER_TOOL, advises=True),
    "PostToolUseFailure": Spot(Point.AFTER_TOOL, Phase.FAILED),
    "Stop": Spot(Point.STOP, holds=True),
}

_REPLACES = replaces("path", "file_path", old="old_str", new="new_str")


def _edits(fields: Fields) -> tuple[Deed, ...]:
    """``Edit`` is also what it calls ``apply_patch``."""
    return patch_deeds(find_first_text(fields, ("input", "patch", "command"), MAX_CONTENT)) or _REPLACES(fields)


TOOLS = {
    "Read": reads("path", "file_path", lines=lambda f: find_range(f, "view_range")),
    "Edit": _edits,
    "Write": writes("path", "file_path", content="file_text"),
    "Bash": runs("command"),
    "Grep": searches("path"),
    "Glob": searches("path"),
}

SETUP = Setup(
    title="Copilot CLI",
    programs=("copilot",),
    folder=".copilot",
    moved_by="COPILOT_HOME",
    files=(ConfigFile("hooks/watchkeeper.json", project_path=".github/hooks/watchkeeper.json"),),
    entries=flat(tuple(SPOTS), {"type": "command", "bash": None, "timeoutSec": 10}),
    extra={"version": 1},
)


class Copilot:
    """Copilot CLI's hooks; see ``HookVendor``."""

    name = NAME
    setup = SETUP

    def read(self, payload: Mapping[str, object], cwd: str) -> HookCall:
        """See ``HookVendor``."""
        told = Told(
            event=find_word(payload, "hook_event_name"),
            session=find_word(payload, "session_id"),
            cwd=find_path(payload, "cwd") or cwd,
            tool=find_word(payload, "tool_name"),
            fields=_arguments(payload),
            prompt=find_text(payload, "prompt"),
            was_held=payload.get("stop_hook_active") is True,
            failed=find_word(payload, "tool_result", "result_type") not in {"", "success"},
        )
        return understand(NAME, told, SPOTS, TOOLS)

    def answer(self, call: HookCall, said: Said) -> bytes:
        """See ``HookVendor``."""
        if said.deny and call.can_deny:
            return printed({"permissionDecision": "deny", "permissionDecisionReason": reason_of(said)})
        if said.hold and call.can_hold:
            return printed({"decision": "block", "reason": hold_of(said)})
        if said.advice and call.can_advise:
            return printed({"additionalContext": advice_of(said)})
        return b""


def _arguments(payload: Mapping[str, object]) -> Fields:
    """The arguments; a tool may have been called with a plain text."""
    text = payload.get("tool_input")
    return {"input": text} if isinstance(text, str) else find_fields(payload, "tool_input")
