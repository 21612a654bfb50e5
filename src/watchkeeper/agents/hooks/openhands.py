"""OpenHands: advice with a prompt and at the stop only; after a tool, what a hook prints does not reach the model."""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.agents.hooks.deeds import Deed, reads, replaces, runs, searches, touches, writes
from watchkeeper.agents.hooks.reading import Spot, Told, advice_of, hold_of, printed, reason_of, understand
from watchkeeper.agents.hooks.setup import ConfigFile, Setup, grouped
from watchkeeper.agents.hooks.vendor import HookCall, Point, Said
from watchkeeper.agents.untrusted import Fields, find_fields, find_path, find_range, find_text, find_word
from watchkeeper.model.agents import Phase

NAME = "openhands"

SPOTS: Mapping[str, Spot] = {
    "SessionStart": Spot(Point.BEGIN),
    "SessionEnd": Spot(Point.END),
    "UserPromptSubmit": Spot(Point.PROMPT, advises=True),
    "PreToolUse": Spot(Point.BEFORE_TOOL, Phase.INTENT, denies=True),
    "PostToolUse": Spot(Point.AFTER_TOOL),
    "Stop": Spot(Point.STOP, holds=True),
}

_EDITOR = {
    "view": reads("path", lines=lambda f: find_range(f, "view_range")),
    "create": writes("path", content="file_text"),
    "str_replace": replaces("path", old="old_str", new="new_str"),
    "insert": touches("path"),
    "undo_edit": touches("path"),
}


def _edits(fields: Fields) -> tuple[Deed, ...]:
    tool = _EDITOR.get(find_word(fields, "command"))
    return tool(fields) if tool else ()


TOOLS = {
    "file_editor": _edits,
    "str_replace_editor": _edits,
    "terminal": runs("command"),
    "execute_bash": runs("command"),
    "grep": searches("path"),
    "glob": searches("path"),
}

SETUP = Setup(
    title="OpenHands",
    programs=("openhands",),
    folder=".openhands",
    files=(ConfigFile("hooks.json", project_path=".openhands/hooks.json"),),
    entries=grouped(tuple(SPOTS), timeout=10, matcher="*"),
)


class OpenHands:
    """OpenHands' hooks; see ``HookVendor``."""

    name = NAME
    setup = SETUP

    def read(self, payload: Mapping[str, object], cwd: str) -> HookCall:
        """See ``HookVendor``."""
        told = Told(
            event=find_word(payload, "event_type"),
            session=find_word(payload, "session_id"),
            cwd=find_path(payload, "working_dir") or cwd,
            tool=find_word(payload, "tool_name"),
            fields=find_fields(payload, "tool_input"),
            prompt=find_text(payload, "message"),
        )
        return understand(NAME, told, SPOTS, TOOLS)

    def answer(self, call: HookCall, said: Said) -> bytes:
        """See ``HookVendor``."""
        if said.deny and call.can_deny:
            return printed({"decision": "deny", "reason": reason_of(said)})
        if said.hold and call.can_hold:
            return printed({"decision": "deny", "reason": hold_of(said)})
        if said.advice and call.can_advise:
            return printed({"additionalContext": advice_of(said)})
        return b""
