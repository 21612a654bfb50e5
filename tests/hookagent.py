"""An agent as far as its hooks are concerned, for tests with a daemon."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from daemons import Daemon
from gitrepo import GitRepo
from watchkeeper.agents.shimcopy import render_shim
from watchkeeper.cli.main import run
from watchkeeper.record.home import find_home

DEADLINE_S = 20.0
"""Of the hooks: the machine may be busy."""


class Agent:
    """Claude Code, as far as its hooks are concerned; its process is the test's."""

    def __init__(self, name: str, tree: GitRepo) -> None:
        self.name, self.tree = name, tree
        home = find_home(os.environ)
        self.shim = home.with_name(f"{home.name}-shim.py")
        self.shim.write_bytes(render_shim(home, DEADLINE_S))
        self.calls = 0

    def hook(self, event: str, *, through: tuple[str, ...] = (), **fields: object) -> str:
        payload = {"session_id": self.name, "cwd": str(self.tree.path), "hook_event_name": event, **fields}
        done = subprocess.run(
            [*through, sys.executable, "-I", "-S", str(self.shim), "claude"],
            input=json.dumps(payload).encode(), capture_output=True, cwd=self.tree.path, check=True, timeout=60,
        )  # fmt: skip
        return done.stdout.decode()

    def tool(self, name: str, given: Mapping[str, object], *, before: bool = False) -> dict[str, Any]:
        self.calls += 1
        more = {} if before else {"tool_response": {}}
        event = "PreToolUse" if before else "PostToolUse"
        said = self.hook(event, tool_name=name, tool_input=given, tool_use_id=f"{self.name}-{self.calls}", **more)
        found: dict[str, Any] = json.loads(said)["hookSpecificOutput"] if said else {}
        return found

    def wants_to_edit(self, path: str, old: str, new: str) -> str:
        """Why it may not; empty where it may."""
        given = {"file_path": str(self.tree.path / path), "old_string": old, "new_string": new}
        return str(self.tool("Edit", given, before=True).get("permissionDecisionReason", ""))

    def edits(self, path: str, old: str, new: str) -> str:
        """What it is told afterwards."""
        file = self.tree.path / path
        file.write_text(file.read_text().replace(old, new, 1))
        given = {"file_path": str(file), "old_string": old, "new_string": new}
        return str(self.tool("Edit", given).get("additionalContext", ""))

    def writes(self, path: str, text: str) -> str:
        self.tree.write(path, text)
        return str(self.tool("Write", {"file_path": str(self.tree.path / path), "content": text}).get(
            "additionalContext", ""))  # fmt: skip

    def reads(self, path: str) -> str:
        return str(self.tool("Read", {"file_path": str(self.tree.path / path)}).get("additionalContext", ""))


def log_of(repo: GitRepo, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    run(["log", "--json", "--limit", "1000", "--repo", str(repo.path)])
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def rebased(agent: Agent, repo: GitRepo, text: str) -> None:
    """Main changes what ``prices.py`` says, and the agent's worktree takes that up."""
    agent.tree.commit("totals")
    repo.commit("prices anew", {"prices.py": text})
    agent.tree.git("rebase", "-q", "main")


def told_after(agent: Agent, daemon: Daemon, word: str) -> str:
    """What it is told with one of its next calls."""
    told: list[str] = []
    daemon.until(lambda _: word in "".join(told) or bool(told.append(agent.tool("Bash", {"command": "true"}).get(
        "additionalContext", ""))), f"{word} is told")  # fmt: skip
    return "".join(told)
