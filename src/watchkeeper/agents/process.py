"""An agent's process: started in a group of its own, read line by line within bounds, ended with all it started.

The only module of ``agents`` that starts processes.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import time
from collections import deque
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import psutil

from watchkeeper.agents.port import AgentError, Launch, Limits
from watchkeeper.agents.untrusted import decode


class Overlong:
    """Stands in for a line that was longer than allowed, and skipped."""


OVERLONG = Overlong()


class FloodError(Exception):
    """The process printed more than it may in its life."""


class Conversation(Protocol):
    """Somebody to exchange lines with: a process that we started, or a server that we joined."""

    @property
    def pid(self) -> int: ...

    @property
    def last_words(self) -> str: ...

    def lines(self) -> AsyncIterator[bytes | Overlong]: ...

    async def write(self, data: bytes) -> None: ...

    async def wait(self, timeout_s: float | None = None) -> int | None: ...

    async def end(self) -> int: ...

    async def close(self) -> None: ...


class Process:
    """A running program. What it writes to its error output is kept: the last of it, to say why it died.

    ``mark`` is in its environment, and in that of all it starts: also of what left its group and outlived its parent.
    """

    def __init__(self, process: asyncio.subprocess.Process, mark: tuple[str, str], limits: Limits) -> None:
        self._process = process
        self._mark = mark
        self._limits = limits
        self._printed = 0
        self._lines = 0
        self._errors: deque[str] = deque(maxlen=20)
        self._listening = asyncio.create_task(self._listen())
        self._writing = asyncio.Lock()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def last_words(self) -> str:
        """The end of what it wrote to its error output, in one line."""
        return " ".join(" ".join(self._errors).split())[-500:]

    async def lines(self) -> AsyncIterator[bytes | Overlong]:
        """Each line without its end, and ``OVERLONG`` for each that is too long; ends with the output.

        Raises: FloodError once ``output_bytes`` or ``output_lines`` have come.
        """
        assert self._process.stdout is not None
        buffer = bytearray()
        is_skipping = False
        while chunk := await self._process.stdout.read(_CHUNK):
            self._printed += len(chunk)
            *ended, rest = chunk.split(b"\n")
            self._lines += len(ended)
            if self._printed > self._limits.output_bytes or self._lines > self._limits.output_lines:
                raise FloodError
            for part in ended:
                if not is_skipping:
                    buffer += part
                    yield bytes(buffer) if len(buffer) <= self._limits.line_bytes else OVERLONG
                is_skipping = False
                buffer.clear()
            if not is_skipping:
                buffer += rest
            if len(buffer) > self._limits.line_bytes:
                yield OVERLONG
                is_skipping = True
                buffer.clear()
        if buffer:
            yield bytes(buffer)

    async def write(self, data: bytes) -> None:
        """Send data to its input. Raises: ConnectionError where it is gone, TimeoutError where it does not read."""
        assert self._process.stdin is not None
        async with self._writing, asyncio.timeout(self._limits.answer_s):
            self._process.stdin.write(data)
            await self._process.stdin.drain()

    def close_input(self) -> None:
        """Tell it that nothing more will come."""
        assert self._process.stdin is not None
        with suppress(ConnectionError, RuntimeError):
            self._process.stdin.close()

    async def wait(self, timeout_s: float | None = None) -> int | None:
        """Its exit code, or minus the signal, once it has ended; None where it has not within the time.

        Looked at again and again: the loop's own way also waits for the pipes, which children may hold for ever.
        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while self._process.returncode is None and (deadline is None or time.monotonic() < deadline):  # noqa: ASYNC110
            await asyncio.sleep(_LOOK_S)
        return self._process.returncode

    async def end(self) -> int:
        """End it and everything it started; gives its exit code. What it printed before can still be read.

        The end of its input is the polite way, in which agents save their sessions; then it is asked, then killed.
        """
        self.close_input()
        started = _find_started(self.pid, self._mark)
        if await self.wait(_POLITE_S) is None:
            self._signal(signal.SIGTERM)
            await self.wait(_GRACE_S)
        started.update(_find_started(self.pid, self._mark))
        self._signal(signal.SIGKILL)
        for each in started:
            with suppress(psutil.Error):
                each.kill()
        code = await self.wait()
        assert code is not None
        await _await_gone(started)
        return code

    async def close(self) -> None:
        """Let go of its pipes, whoever still holds their other ends; ``lines`` ends with that."""
        self._listening.cancel()
        await asyncio.wait({self._listening})
        self._process._transport.close()  # type: ignore[attr-defined]  # noqa: SLF001 - there is no public way

    def _signal(self, number: signal.Signals) -> None:
        """To its group, which outlives it where it left children behind."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    async def _listen(self) -> None:
        assert self._process.stderr is not None
        with suppress(ConnectionError):
            while chunk := await self._process.stderr.read(_CHUNK):
                self._errors.extend(decode(line[:_WORD]) for line in chunk.splitlines()[-20:])


async def start_process(launch: Launch, cwd: Path, limits: Limits) -> Process:
    """Start a program. Raises: AgentError, naming what cannot be started and why."""
    mark = (_MARK, secrets.token_hex(8))
    environment = os.environ if launch.environment is None else launch.environment
    try:
        process = await asyncio.create_subprocess_exec(
            *launch.command,
            cwd=cwd,
            env={**environment, mark[0]: mark[1]},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError, TypeError) as error:
        said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AgentError(
            f"the agent's program cannot be started: {' '.join(launch.command)[:200]} in {cwd}: {said}",
            slug="agent-not-started",
            hint="see that it is installed, and on PATH",
        ) from error
    return Process(process, mark, limits)


_CHUNK = 1 << 16
_WORD = 1000
_POLITE_S = 0.5
_GRACE_S = 2.0
_LOOK_S = 0.05
_MARK = "WK_AGENT_MARK"  # not WATCHKEEPER_...: those are configuration, and the agent may call us


def _find_started(pid: int, mark: tuple[str, str]) -> set[psutil.Process]:
    """All that a process started and what those did: agents put shell commands into groups of their own.

    What left the family still has the mark, where this system lets us see what is in a process's environment.
    """
    found: set[psutil.Process] = set()
    with suppress(psutil.Error):
        found.update(psutil.Process(pid).children(recursive=True))
    for each in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if each not in found and each.environ().get(mark[0]) == mark[1]:
                found.update((each, *each.children(recursive=True)))
    return {each for each in found if each.pid not in (pid, os.getpid())}


async def _await_gone(processes: Iterable[psutil.Process]) -> None:
    """Wait a moment until killed processes, which are not our children, are gone."""
    deadline = time.monotonic() + _GRACE_S
    while any(map(_is_alive, processes)) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(_LOOK_S / 10)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() not in (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    except psutil.Error:
        return False
