"""Gemini CLI: advice after a tool, or as one more message of the request to the model.

With ``--acp`` it runs no hook around tools: there, what is said before each model call is the only way in. It is kept
in no history, so it must be said again with each call.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from watchkeeper.agents.hooks.deeds import reads, reads_all, replaces, runs, searches, writes
from watchkeeper.agents.hooks.reading import Spot, Told, advice_of, hold_of, printed, reason_of, understand
from watchkeeper.agents.hooks.setup import ConfigFile, Setup, grouped
from watchkeeper.agents.hooks.vendor import HookCall, Point, Said
from watchkeeper.agents.lines import lines_between, lines_from
from watchkeeper.agents.untrusted import Fields, find_fields, find_number, find_path, find_text, find_word
from watchkeeper.model.agents import Phase

NAME = "gemini"

SPOTS: Mapping[str, Spot] = {
    "SessionStart": Spot(Point.BEGIN, advises=True),
    "SessionEnd": Spot(Point.END),
    "BeforeAgent": Spot(Point.PROMPT, advises=True),
    "BeforeModel": Spot(Point.BEFORE_MODEL, advises=True, is_fleeting=True),
    "BeforeTool": Spot(Point.BEFORE_TOOL, Phase.INTENT, denies=True),
    "AfterTool": Spot(Point.AFTER_TOOL, advises=True),
    "AfterAgent": Spot(Point.STOP, holds=True),
}


def _lines(fields: Fields) -> tuple[int, int] | None:
    told = lines_between(find_number(fields, "start_line"), find_number(fields, "end_line"))
    offset = find_number(fields, "offset")  # older versions count it from 0
    return told or lines_from(None if offset is None else offset + 1, find_number(fields, "limit"))


TOOLS = {
    "read_file": reads("file_path", "absolute_path", "path", lines=_lines),
    "read_many_files": reads_all("include"),
    "replace": replaces("file_path", old="old_string", new="new_string"),
    "write_file": writes("file_path", content="content"),
    "run_shell_command": runs("command", cwd="dir_path"),
    "search_file_content": searches("dir_path", "path"),
    "grep_search": searches("dir_path", "path"),
    "glob": searches("dir_path", "path"),
}

SETUP = Setup(
    title="Gemini CLI",
    programs=("gemini",),
    folder=".gemini",
    files=(ConfigFile("settings.json", project_path=".gemini/settings.json"),),
    entries=grouped(tuple(SPOTS), timeout=10_000),
    switches=((("hooksConfig", "enabled"), False),),
)


class Gemini:
    """Gemini CLI's hooks; see ``HookVendor``."""

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
            prompt=find_text(payload, "prompt"),
            was_held=payload.get("stop_hook_active") is True,
            failed=bool(find_fields(payload, "tool_response").get("error")),
        )
        call = understand(NAME, told, SPOTS, TOOLS)
        if call.point is not Point.BEFORE_MODEL:
            return call
        messages = find_fields(payload, "llm_request").get("messages")
        # Without the messages there are none to add one to: an answer would empty the request.
        good = isinstance(messages, list) and all(isinstance(message, dict) for message in messages)
        return msgspec.structs.replace(call, echo={"messages": messages} if good else {}, can_advise=good)

    def answer(self, call: HookCall, said: Said) -> bytes:
        """See ``HookVendor``."""
        if said.deny and call.can_deny:
            return printed({"decision": "deny", "reason": reason_of(said)})
        if said.hold and call.can_hold:
            return printed({"decision": "deny", "reason": hold_of(said)})
        if not (said.advice and call.can_advise):
            return b""
        if call.point is Point.BEFORE_MODEL:
            return printed({"hookSpecificOutput": {"hookEventName": call.event, "llm_request": _request(call, said)}})
        return printed({"hookSpecificOutput": {"hookEventName": call.event, "additionalContext": advice_of(said)}})


def _request(call: HookCall, said: Said) -> Mapping[str, object]:
    messages = call.echo.get("messages")
    told = messages if isinstance(messages, list) else []
    return {"messages": [*told, {"role": "user", "content": advice_of(said)}]}
