"""A scene for agents: a file, a script that reads, runs and edits, and everything that is seen of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from scripted_model import Step
from watchkeeper.agents.port import Adapter
from watchkeeper.model.agents import Act, AgentEvent, Phase

BEFORE = "def add(a, b):\n    return a + b\n\n\ndef mul(a, b):\n    return a * b\n"
AFTER = BEFORE.replace("a * b", "b * a")
NOTICE = "NOTICE-7: mul is changed by another session, too"
EDIT_STEP = 2
PATIENCE_S = 60.0


class Scene:
    """A worktree in ``folder`` with ``calc.py``; the shell command of its script waits until ``let_go``."""

    def __init__(self, folder: Path) -> None:
        self.worktree = folder / "worktree"
        self.worktree.mkdir()
        self.file = self.worktree / "calc.py"
        self.file.write_text(BEFORE)
        self.home = folder / "home"
        self._started = folder / "started"
        self._go = folder / "go"

    @property
    def script(self) -> tuple[Step, ...]:
        """Read the file, run a command that waits, edit the file, say so."""
        command = f"touch {self._started}; until [ -e {self._go} ]; do sleep 0.02; done; echo ran"
        edit = {"path": str(self.file), "old": "    return a * b", "new": "    return b * a"}
        return (
            Step("I read.", [("read", {"path": str(self.file), "start": 1, "end": 3})]),
            Step("I run.", [("bash", {"command": command})]),
            Step("I edit.", [("edit", edit)]),
            Step("I am done."),
        )

    def is_running(self) -> bool:
        """Whether the shell command is at work."""
        return self._started.exists()

    def let_go(self) -> None:
        """Let the shell command end."""
        self._go.touch()


class Watcher:
    """Everything that an adapter's agent did so far."""

    def __init__(self, adapter: Adapter) -> None:
        self.seen: list[AgentEvent] = []
        self._adapter = adapter
        self._changed = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something holds, looked at with every event and every few milliseconds (for files)."""
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                try:
                    await asyncio.wait_for(self._changed.wait(), 0.02)
                except TimeoutError:
                    continue

    async def until_idle(self, turns: int = 1) -> AgentEvent:
        """Wait for the end of a turn, and give it."""
        await self.until(lambda: len(self.find(Act.IDLE)) >= turns)
        return self.find(Act.IDLE)[-1]

    async def until_end(self) -> None:
        """Wait for the last event."""
        async with asyncio.timeout(PATIENCE_S):
            await self._reading

    def find(self, act: Act, phase: Phase | None = None) -> list[AgentEvent]:
        """The events of a kind."""
        return [each for each in self.seen if each.act is act and phase in (None, each.phase)]

    async def _read(self) -> None:
        async for event in self._adapter.events():
            self.seen.append(event)
            self._changed.set()
