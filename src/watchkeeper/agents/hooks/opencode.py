"""OpenCode: it has no commands for hooks, so a plugin of ours (``opencode_plugin.js``) forwards what it sees.

The payload and the answer are that plugin's own. It appends advice to what a tool printed or sends it as a message that
asks for no reply, throws what is denied, and prompts again where the session is to go on.
"""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.agents.hooks.deeds import Tool, patches, reads, replaces, runs, searches, writes
from watchkeeper.agents.hooks.reading import Spot, Told, advice_of, hold_of, printed, reason_of, understand
from watchkeeper.agents.hooks.setup import ConfigFile, Setup
from watchkeeper.agents.hooks.vendor import HookCall, Point, Said
from watchkeeper.agents.lines import lines_between
from watchkeeper.agents.untrusted import Fields, find_fields, find_number, find_path, find_text, find_word
from watchkeeper.model.agents import Phase

NAME = "opencode"

SPOTS: Mapping[str, Spot] = {
    "session.created": Spot(Point.BEGIN, advises=True),
    "session.deleted": Spot(Point.END),
    "chat.message": Spot(Point.PROMPT, advises=True),
    "tool.execute.before": Spot(Point.BEFORE_TOOL, Phase.INTENT, advises=True, denies=True),
    "tool.execute.after": Spot(Point.AFTER_TOOL, advises=True),
    "session.idle": Spot(Point.STOP, holds=True),
}


def _lines(fields: Fields) -> tuple[int, int] | None:
    """What was shown, where that is told; else what was asked for, whether it counts from 0 or from 1."""
    shown = lines_between(find_number(fields, "shown_first"), find_number(fields, "shown_last"))
    offset, limit = find_number(fields, "offset"), find_number(fields, "limit")
    if shown or (offset is None and limit is None):
        return shown
    start = max(1, offset or 1)
    return lines_between(start, None if limit is None else start + limit)


_PATCHES = patches("patchText", "patch")

TOOLS: Mapping[str, Tool] = {
    "read": reads("filePath", lines=_lines),
    "edit": replaces("filePath", old="oldString", new="newString"),
    "multiedit": replaces("filePath", old="oldString", new="newString", many="edits"),
    "write": writes("filePath", content="content"),
    "patch": _PATCHES,
    "apply_patch": _PATCHES,
    "bash": runs("command", cwd="workdir"),
    "grep": searches("path"),
    "glob": searches("path"),
    "list": searches("path"),
}

SETUP = Setup(
    title="OpenCode",
    programs=("opencode",),
    folder=".config/opencode",
    configured_by="XDG_CONFIG_HOME",
    files=(ConfigFile("plugins/watchkeeper.js", project_path=".opencode/plugins/watchkeeper.js", is_plugin=True),),
)


class OpenCode:
    """OpenCode's plugin; see ``HookVendor``."""

    name = NAME
    setup = SETUP

    def read(self, payload: Mapping[str, object], cwd: str) -> HookCall:
        """See ``HookVendor``."""
        told = Told(
            event=find_word(payload, "event"),
            session=find_word(payload, "session"),
            cwd=find_path(payload, "cwd") or cwd,
            tool=find_word(payload, "tool"),
            fields={**find_fields(payload, "args"), **_shown(payload)},
            call=find_word(payload, "call"),
            prompt=find_text(payload, "text"),
            was_held=payload.get("held") is True,
        )
        return understand(NAME, told, SPOTS, TOOLS)

    def answer(self, call: HookCall, said: Said) -> bytes:
        """See ``HookVendor``."""
        if said.deny and call.can_deny:
            return printed({"deny": reason_of(said)})
        if said.hold and call.can_hold:
            return printed({"hold": hold_of(said)})
        if said.advice and call.can_advise:
            return printed({"advice": advice_of(said)})
        return b""


def _shown(payload: Mapping[str, object]) -> Fields:
    display = find_fields(payload, "metadata", "display")
    return {"shown_first": display.get("lineStart"), "shown_last": display.get("lineEnd")}
