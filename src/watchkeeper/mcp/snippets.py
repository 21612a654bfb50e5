"""What people paste into an agent's configuration so that it starts the MCP server. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

NAME = "watchkeeper"


class Snippet(NamedTuple):
    """``place`` is the file that ``text`` belongs in."""

    place: str
    text: str


def snippet(agent: str, command: Sequence[str]) -> Snippet:
    """For one of ``AGENTS``; ``command`` is what starts the server: program and arguments, absolute."""
    return _MADE[agent](command[0], list(command[1:]))


def _codex(program: str, arguments: list[str]) -> Snippet:
    """Required: else Codex starts the first turn without a server that is not up yet."""
    lines = [
        f"[mcp_servers.{NAME}]",
        f"command = {_quoted(program)}",
        f"args = {_quoted(arguments)}",
        "required = true",
        "startup_timeout_sec = 60",
    ]
    return Snippet("~/.codex/config.toml", "\n".join(lines) + "\n")


def _claude(program: str, arguments: list[str]) -> Snippet:
    server = {"type": "stdio", "command": program, "args": arguments}
    return Snippet(".mcp.json", _json({"mcpServers": {NAME: server}}))


def _gemini(program: str, arguments: list[str]) -> Snippet:
    server = {"command": program, "args": arguments}
    return Snippet("~/.gemini/settings.json", _json({"mcpServers": {NAME: server}}))


def _opencode(program: str, arguments: list[str]) -> Snippet:
    server = {"type": "local", "command": [program, *arguments], "enabled": True}
    return Snippet("opencode.json", _json({"mcp": {NAME: server}}))


def _goose(program: str, arguments: list[str]) -> Snippet:
    lines = [
        "extensions:",
        f"  {NAME}:",
        "    enabled: true",
        "    type: stdio",
        f"    name: {NAME}",
        f"    cmd: {_quoted(program)}",
        f"    args: {_quoted(arguments)}",
        "    timeout: 60",
    ]
    return Snippet("~/.config/goose/config.yaml", "\n".join(lines) + "\n")


def _copilot(program: str, arguments: list[str]) -> Snippet:
    server = {"type": "local", "command": program, "args": arguments, "tools": ["*"]}
    return Snippet("~/.copilot/mcp-config.json", _json({"mcpServers": {NAME: server}}))


def _json(document: Mapping[str, object]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _quoted(value: object) -> str:
    """As JSON, which is also TOML's and YAML's way."""
    return json.dumps(value, ensure_ascii=False)


_MADE: Mapping[str, Callable[[str, list[str]], Snippet]] = {
    "claude": _claude,
    "codex": _codex,
    "copilot": _copilot,
    "gemini": _gemini,
    "goose": _goose,
    "opencode": _opencode,
}

AGENTS = tuple(_MADE)
