"""An agent that follows a script: a process of its own whose hooks speak to a daemon as its vendor's do."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

VENDORS = ("claude", "codex", "gemini", "copilot")
_RUNNER = """import json, subprocess, sys
for line in sys.stdin:
    shim, agent, folder, call = json.loads(line)
    command = [sys.executable, "-I", "-S", shim, agent]
    done = subprocess.run(command, input=call.encode(), cwd=folder, capture_output=True)
    print(json.dumps(done.stdout.decode("utf-8", "replace")), flush=True)
"""
_EVENTS = {
    "PreToolUse": "BeforeTool",
    "PostToolUse": "AfterTool",
    "UserPromptSubmit": "BeforeAgent",
    "Stop": "AfterAgent",
}
_TOOLS = {
    "claude": {"run": "Bash", "read": "Read", "edit": "Edit", "write": "Write"},
    "codex": {"run": "Bash", "read": "Bash", "edit": "apply_patch", "write": "apply_patch"},
    "gemini": {"run": "run_shell_command", "read": "read_file", "edit": "replace", "write": "write_file"},
    "copilot": {"run": "Bash", "read": "Read", "edit": "Edit", "write": "Write"},
}
_NOTICE = re.compile(r"^Watchkeeper: ", re.MULTILINE)
_HEAD = re.compile(r"Watchkeeper: (\w+) conflict (\S+) with (.*)\.\n")
_SESSIONS = re.compile(r"([a-z]+-\d+) \(a «[a-z]+» session")


class Step(NamedTuple):
    """An edit of one file: ``old`` becomes ``new``. A file is made where ``old`` is empty, deleted where ``new`` is."""

    path: str
    old: str
    new: str

    @property
    def undone(self) -> Step:
        return Step(self.path, self.new, self.old)


class Told(NamedTuple):
    """A notice as it reached the agent: when (monotonic seconds), with which call, and what it says."""

    at: float
    call: int
    text: str
    severity: str
    conflict: str
    names: tuple[str, ...]
    """The sessions that it says the conflict is with."""


class Agent:
    """One session. Its calls come one after the other; ``told`` is all that it ever heard."""

    def __init__(
        self, name: str, vendor: str, tree: Path, shim: Path, env: dict[str, str], *, is_sharing: bool = False
    ) -> None:
        self.name, self.vendor, self.tree, self.shim, self.is_sharing = name, vendor, tree, shim, is_sharing
        self.lock = threading.RLock()
        self.told: list[Told] = []
        self.calls = 0
        self.is_busy = self.is_silent = self.is_over = False
        self.began, self.ended = time.monotonic(), float("inf")
        self.own = f"work/{name}.py"
        self._env = env
        self._process: subprocess.Popen[str] | None = None

    def hook(self, event: str, **fields: object) -> None:
        """One call of the shim; what it is told is kept with the moment at which it came."""
        if self.vendor == "gemini":
            event = _EVENTS.get(event, event)
        call = {"session_id": self.name, "cwd": str(self.tree), "hook_event_name": event, **fields}
        with self.lock:
            if self.is_over:
                return
            said = self.send(json.dumps(call))
            self.calls += 1
            self.told += notices_of(said, time.monotonic(), self.calls)

    def send(self, payload: str) -> str:
        """What the hook prints for anything at all."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _RUNNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=self._env
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([str(self.shim), self.vendor, str(self.tree), payload]) + "\n")
        self._process.stdin.flush()
        answer: str = json.loads(self._process.stdout.readline())
        return answer

    def run(self, command: str = "true") -> None:
        with self.tool("run", {"command": command}):
            pass

    def read(self, path: str) -> None:
        whole = str(self.tree / path)
        given = {"command": f"cat {path}"} if self.vendor == "codex" else {"file_path": whole, "path": whole}
        with self.tool("read", given):
            pass

    def edit(self, step: Step, *, through_shell: bool = False) -> float:
        """Make an edit and tell of it (or of a command that nobody can read); the moment just before the save."""
        is_plain = bool(step.new) and not through_shell
        kind = "run" if not is_plain else "edit" if step.old else "write"
        with self.tool(kind, self._given(step) if is_plain else {"command": f"./tools/change {len(step.path)}"}):
            saved = time.monotonic()
            apply(self.tree, step)
        return saved

    def end(self) -> None:
        """It says that it is done, and its process ends."""
        self.hook("SessionEnd", reason="exit")
        self.close()

    def kill(self) -> None:
        """As a crash ends it, between two calls."""
        with self.lock:
            self._close(kill=True)

    def close(self) -> None:
        with self.lock:
            self._close(kill=False)

    @contextmanager
    def tool(self, kind: str, fields: dict[str, Any]) -> Iterator[None]:
        """A call of a tool, with what the vendor tells before and after it."""
        with self.lock:
            known = {"tool_name": _TOOLS[self.vendor][kind], "tool_input": fields}
            if self.vendor != "gemini":
                known["tool_use_id"] = f"{self.name}-{self.calls}"
            self.hook("PreToolUse", **known)
            yield
            self.hook("PostToolUse", **known, tool_response={})

    def _given(self, step: Step) -> dict[str, Any]:
        place = str(self.tree / step.path)
        if self.vendor == "codex":
            return {"command": _patch(step)}
        if self.vendor == "copilot":
            return {"path": place, "old_str": step.old, "new_str": step.new, "file_text": step.new}
        return {"file_path": place, "old_string": step.old, "new_string": step.new, "content": step.new}

    def _close(self, *, kill: bool) -> None:
        if self.is_over:
            return
        self.is_over, self.ended = True, time.monotonic()
        if self._process is None:
            return
        if kill:
            self._process.kill()
        else:
            self._process.communicate()
        self._process.wait(30)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def apply(tree: Path, step: Step) -> None:
    """Make the edit, as its writer would: in place."""
    place = tree / step.path
    if not step.new:
        place.unlink()
        return
    if not step.old:
        place.parent.mkdir(exist_ok=True, parents=True)
        place.write_text(step.new)
        return
    text = place.read_text()
    assert text.count(step.old) == 1, (place, step.old, text.count(step.old))
    place.write_text(text.replace(step.old, step.new, 1))


def notices_of(said: str, at: float, call: int) -> Sequence[Told]:
    """The notices in an answer, whichever vendor's; what is no notice is one without a conflict."""
    if not said:
        return ()
    try:
        text = _advice(json.loads(said))
    except (ValueError, AttributeError):
        text = ""
    starts = [found.start() for found in _NOTICE.finditer(text)]
    if not starts or text[: starts[0]].strip():
        return (Told(at, call, said, "", "", ()),)
    pieces = [text[start:end].strip() for start, end in zip(starts, [*starts[1:], len(text)], strict=True)]
    return [_told(piece, at, call) for piece in pieces]


def _told(text: str, at: float, call: int) -> Told:
    head = _HEAD.match(text)
    if head is None:
        return Told(at, call, text, "", "", ())
    return Told(at, call, text, head[1], head[2], tuple(_SESSIONS.findall(head[3])))


def _advice(answer: dict[str, Any]) -> str:
    specific = answer.get("hookSpecificOutput", answer)
    return str(specific.get("additionalContext") or answer.get("reason") or "")


def _patch(step: Step) -> str:
    if not step.old:
        lines = [f"*** Add File: {step.path}", *(f"+{line}" for line in step.new.splitlines())]
    else:
        lines = [f"*** Update File: {step.path}", "@@", *(f"-{line}" for line in step.old.splitlines())]
        lines += [f"+{line}" for line in step.new.splitlines()]
    return "\n".join(["*** Begin Patch", *lines, "*** End Patch"])
