"""Goose: what a hook prints counts only where it blocks, before a tool and at the stop.

It starts hooks in its own folder, not the session's, and tells the session's only with tools.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.agents.hooks.deeds import reads, replaces, runs, searches, writes
from watchkeeper.agents.hooks.reading import Spot, Told, hold_of, printed, reason_of, understand
from watchkeeper.agents.hooks.setup import ConfigFile, Setup, grouped
from watchkeeper.agents.hooks.vendor import HookCall, Point, Said
from watchkeeper.agents.lines import lines_from
from watchkeeper.agents.untrusted import find_fields, find_number, find_path, find_text, find_word
from watchkeeper.model.agents import Phase

NAME = "goose"

SPOTS: Mapping[str, Spot] = {
    "SessionStart": Spot(Point.BEGIN),
    "SessionEnd": Spot(Point.END),
    "UserPromptSubmit": Spot(Point.PROMPT),
    "PreToolUse": Spot(Point.BEFORE_TOOL, Phase.INTENT, denies=True),
    "PostToolUse": Spot(Point.AFTER_TOOL),
    "PostToolUseFailure": Spot(Point.AFTER_TOOL, Phase.FAILED),
    "Stop": Spot(Point.STOP, holds=True),
}

TOOLS = {
    "read": reads("path", lines=lambda f: lines_from(find_number(f, "line"), find_number(f, "limit"))),
    "edit": replaces("path", old="before", new="after"),
    "write": writes("path", content="content"),
    "shell": runs("command"),
    "tree": searches("path"),
}

_MANIFEST = """\
{
  "name": "watchkeeper",
  "version": "1.0.0",
  "description": "Tells Watchkeeper what this agent does, and the agent which other change collides with its own."
}
"""

SETUP = Setup(
    title="Goose",
    programs=("goose",),
    folder=".config/goose",
    base=".agents/plugins/watchkeeper",
    configured_by="XDG_CONFIG_HOME",
    files=(
        ConfigFile("hooks/hooks.json", project_path=".agents/plugins/watchkeeper/hooks/hooks.json"),
        ConfigFile("plugin.json", project_path=".agents/plugins/watchkeeper/plugin.json", text=_MANIFEST),
    ),
    entries=grouped(tuple(SPOTS), timeout=10),
)


class Goose:
    """Goose's hooks; see ``HookVendor``."""

    name = NAME
    setup = SETUP

    def read(self, payload: Mapping[str, object], cwd: str) -> HookCall:
        """See ``HookVendor``."""
        told = Told(
            event=find_word(payload, "event"),
            session=find_word(payload, "session_id"),
            cwd=find_path(payload, "working_dir") or cwd,
            tool=find_word(payload, "tool_name").removeprefix("developer__"),
            fields=find_fields(payload, "tool_input"),
            call=find_word(payload, "tool_call_id"),
            prompt=find_text(payload, "message"),
        )
        return understand(NAME, told, SPOTS, TOOLS)

    def answer(self, call: HookCall, said: Said) -> bytes:
        """See ``HookVendor``."""
        if said.deny and call.can_deny:
            return printed({"decision": "block", "reason": reason_of(said)})
        if said.hold and call.can_hold:
            return printed({"decision": "block", "reason": hold_of(said)})
        return b""
