"""Processes that are no agent's: they send what no vendor sends, and speak in the name of others' sessions."""

from __future__ import annotations

import json
import random
import socket
from contextlib import suppress
from pathlib import Path
from typing import Self

from scripted_agent import Agent

_HOSTILE = ("../../../../etc/passwd", "/proc/self/mem", "a\0b", "\ud800", "x" * 100_000, "//..//", "~root/.ssh/id", "")


class Stranger:
    """One such process. ``heard`` counts the answers in which it was told anything."""

    def __init__(self, shim: Path, env: dict[str, str], victim: Agent, daemon: Path) -> None:
        self._victim, self._daemon = victim, daemon
        self._process = Agent(victim.name, victim.vendor, victim.tree, shim, env)
        self.heard = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        self._process.close()

    def send_garbage(self, dice: random.Random) -> int:
        """Through the hook, and to the socket itself; how often."""
        payloads = [
            "".join(chr(dice.randrange(32, 0x2FF)) for _ in range(2_000)),
            '{"session_id": "' + self._victim.name,
            "[" * 50_000,
            json.dumps({"session_id": {"a": 1}, "hook_event_name": ["PostToolUse"], "cwd": 7, "tool_input": "x"}),
            "x" * 2_000_000,
        ]
        chosen = dice.sample(payloads, 2)
        for each in chosen:
            self._say(each)
        for line in (
            b"\xff\xfe\0\0" * 100,
            b"watchkeeper 1 hook\n",
            b"watchkeeper 9 nothing %ZZ\n",
            b"watchkeeper 1 ask\n{",
        ):
            self._send(line)
        return len(chosen) + 4

    def speak_as_victim(self) -> int:
        """Reads, edits, hostile paths, and the end, as if the victim said so; how often."""
        if self._victim.is_over:
            return 0
        name, tree = self._victim.name, str(self._victim.tree)
        known = {"session_id": name, "cwd": tree}
        event = "AfterTool" if self._victim.vendor == "gemini" else "PostToolUse"
        said = [{**known, "hook_event_name": event, "tool_name": "Bash", "tool_input": {"command": "true"}}]
        for path in _HOSTILE:
            fields = {"file_path": path, "path": path, "old_string": "a", "new_string": "b"}
            said.append({**known, "hook_event_name": event, "tool_name": "Edit", "tool_input": fields})
        said.append({**known, "hook_event_name": "SessionEnd", "reason": "exit"})
        for each in said:
            self._say(json.dumps(each))
        return len(said)

    def _say(self, payload: str) -> None:
        self.heard += bool(self._process.send(payload))

    def _send(self, line: bytes) -> None:
        with suppress(OSError), socket.socket(socket.AF_UNIX) as speaker:
            speaker.settimeout(5)
            speaker.connect(str(self._daemon))
            speaker.sendall(line)
            speaker.shutdown(socket.SHUT_WR)
            self.heard += b"Watchkeeper" in speaker.recv(1 << 16)
