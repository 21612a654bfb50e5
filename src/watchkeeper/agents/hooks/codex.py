"""Codex: it has no tool to read with, so reads are commands; edits are patches.

Any key at the top of an answer that Codex does not know makes it drop the whole answer. A hook that its user has not
trusted is skipped without a word (``watchkeeper.agents.trust``).
"""

from __future__ import annotations

from collections.abc import Mapping

from watchkeeper.agents.hooks.claude import nested_answer
from watchkeeper.agents.hooks.deeds import patches, reads, runs
from watchkeeper.agents.hooks.reading import Spot, Told, understand
from watchkeeper.agents.hooks.setup import ConfigFile, Setup, grouped
from watchkeeper.agents.hooks.vendor import HookCall, Point, Said
from watchkeeper.agents.untrusted import find_fields, find_path, find_text, find_word
from watchkeeper.model.agents import Phase

NAME = "codex"

SPOTS: Mapping[str, Spot] = {
    "SessionStart": Spot(Point.BEGIN, advises=True),
    "SessionEnd": Spot(Point.END),
    "UserPromptSubmit": Spot(Point.PROMPT, advises=True),
    "PreToolUse": Spot(Point.BEFORE_TOOL, Phase.INTENT, advises=True, denies=True),
    "PostToolUse": Spot(Point.AFTER_TOOL, advises=True),
    "Stop": Spot(Point.STOP, holds=True),
}

_SHELL = runs("command", "cmd", cwd="workdir")

TOOLS = {
    **dict.fromkeys(("Bash", "shell", "local_shell", "exec_command", "shell_command"), _SHELL),
    "apply_patch": patches("command", "input", "patch"),
    "view_image": reads("path"),
}

SETUP = Setup(
    title="Codex",
    programs=("codex",),
    folder=".codex",
    moved_by="CODEX_HOME",
    files=(ConfigFile("hooks.json", project_path=".codex/hooks.json"),),
    entries=grouped(tuple(SPOTS), timeout=10, clamped={"SessionEnd": 3}),
    asks_trust=True,
)


class Codex:
    """Codex's hooks; see ``HookVendor``."""

    name = NAME
    setup = SETUP

    def read(self, payload: Mapping[str, object], cwd: str) -> HookCall:
        """See ``HookVendor``."""
        told = Told(
            event=find_word(payload, "hook_event_name"),
            session=find_word(payload, "session_id"),
            cwd=find_path(payload, "cwd") or cwd,
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
