"""What a script says in verbs (read, edit, bash; paths absolute), as calls of the tools that an agent offers."""

from __future__ import annotations

import json
from collections.abc import Collection
from typing import Any

Arguments = dict[str, Any]
CUSTOM = "__custom__"
"""The argument of a tool that takes plain text instead of JSON."""

VERBS = ("read", "edit", "bash")


def choose_tool(verb: str, given: Arguments, tools: Collection[str]) -> tuple[str, Arguments]:
    """The agent's own tool, and its arguments. A name that is no verb is the agent's own tool already."""
    if verb not in VERBS:
        return verb, dict(given)
    if "exec" in tools and "exec_command" not in tools:
        return "exec", {CUSTOM: _code_mode(verb, given)}
    if {"file_editor", "terminal"} <= set(tools):
        return _openhands(verb, given)
    return {"read": _read, "edit": _edit, "bash": _bash}[verb](given, tools)


def _read(given: Arguments, tools: Collection[str]) -> tuple[str, Arguments]:
    path: str = given["path"]
    start: int = given.get("start", 0)
    end: int = given.get("end", 0)
    has_lines = end > 0
    if "read_file" in tools:  # Gemini
        return "read_file", {
            "file_path": given["path"],
            **({"start_line": start, "end_line": end} if has_lines else {}),
        }
    if {"view", "list_bash"} <= set(tools):  # Copilot
        return "view", {"path": path, **({"view_range": [start, end]} if has_lines else {})}
    if {"read", "tree"} <= set(tools):  # Goose, where the client serves files
        return "read", {"path": path, **({"line": start, "limit": end - start + 1} if has_lines else {})}
    if "read" in tools:  # OpenCode
        return "read", {"filePath": path, **({"offset": start, "limit": end - start + 1} if has_lines else {})}
    lines = f"sed -n {start},{end}p" if has_lines else "cat"
    return _bash({"command": f"{lines} {given['path']}"}, tools)


def _edit(given: Arguments, tools: Collection[str]) -> tuple[str, Arguments]:
    path, old, new = given["path"], given["old"], given["new"]
    if "replace" in tools:  # Gemini
        return "replace", {"file_path": path, "old_string": old, "new_string": new, "instruction": "as scripted"}
    if "apply_patch" in tools:  # Codex, and OpenCode with some models
        patch = _patch(given)
        return "apply_patch", {CUSTOM: patch, "patchText": patch}
    if {"edit", "list_bash"} <= set(tools):  # Copilot
        return "edit", {"path": path, "old_str": old, "new_str": new}
    if {"edit", "tree"} <= set(tools):  # Goose
        return "edit", {"path": path, "before": old, "after": new}
    if "edit" in tools:  # OpenCode
        return "edit", {"filePath": path, "oldString": old, "newString": new}
    raise LookupError(f"the agent offers no tool that edits: {sorted(tools)}")


def _bash(given: Arguments, tools: Collection[str]) -> tuple[str, Arguments]:
    command = given["command"]
    shapes: dict[str, Arguments] = {
        "run_shell_command": {"command": command, "description": "as scripted"},
        "bash": {"command": command, "description": "as scripted"},
        "exec_command": {"cmd": command, "yield_time_ms": 30_000},
        "shell_command": {"command": command},
        "shell": {"command": command} if "tree" in tools else {"command": ["bash", "-c", command]},
    }
    name = next((name for name in shapes if name in tools), None)
    if name is None:
        raise LookupError(f"the agent offers no shell: {sorted(tools)}")
    return name, shapes[name]


def _openhands(verb: str, given: Arguments) -> tuple[str, Arguments]:
    about = {"security_risk": "LOW", "summary": "as scripted"}
    if verb == "bash":
        return "terminal", {"command": given["command"], **about}
    path = given["path"]
    if verb == "edit":
        return "file_editor", {
            "command": "str_replace", "path": path, "old_str": given["old"], "new_str": given["new"], **about,
        }  # fmt: skip
    lines = {"view_range": [given["start"], given["end"]]} if "start" in given else {}
    return "file_editor", {"command": "view", "path": path, **lines, **about}


def _code_mode(verb: str, given: Arguments) -> str:
    """Codex with a model that writes programs: JavaScript that calls the tools."""
    if verb == "edit":
        return f"text(await tools.apply_patch({json.dumps(_patch(given))}));"
    _, arguments = _read(given, {"exec_command"}) if verb == "read" else _bash(given, {"exec_command"})
    return f"text(await tools.exec_command({json.dumps(arguments)}));"


def _patch(given: Arguments) -> str:
    old = "".join(f"-{line}\n" for line in given["old"].splitlines())
    new = "".join(f"+{line}\n" for line in given["new"].splitlines())
    return f"*** Begin Patch\n*** Update File: {given['path']}\n@@\n{old}{new}*** End Patch\n"
