"""Keeps a program of ours running beside this one, from when it is wanted until this one ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

_LOOK_S = 2.0
_FIRST_PAUSE_S = 1.0
_MOST_PAUSE_S = 60.0
_GOOD_S = 30.0
_END_S = 20.0
_MOST_SAID = 2_000


class Keeper:
    """The program is to end when its input does: so it goes with this process, however that ends.

    ``problem`` is what it said last where it does not stay, ``""`` while it runs or is not wanted.
    """

    def __init__(self, command: Sequence[str], log: Path, is_wanted: Callable[[], Awaitable[bool]]) -> None:
        """``log`` gets what it prints; ``is_wanted`` is asked from time to time until it says so once."""
        self._command = tuple(command)
        self._log = log
        self._is_wanted = is_wanted
        self.problem = ""

    async def run(self) -> None:
        """Until cancelled. Where it ends it is started again, after a while that grows each time it did not stay."""
        await self._wait_wanted()
        pause = _FIRST_PAUSE_S
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            await self._run_once()
            pause = _FIRST_PAUSE_S if loop.time() - began > _GOOD_S else min(_MOST_PAUSE_S, pause * 2)
            self.problem = self._said()
            await asyncio.sleep(pause)

    async def _wait_wanted(self) -> None:
        while True:  # it is another process that comes to want it
            if await self._is_wanted():
                return
            await asyncio.sleep(_LOOK_S)

    async def _run_once(self) -> None:
        with self._log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=output, stderr=output, start_new_session=True
            )
        self.problem = ""
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                await self._end(process)

    @staticmethod
    async def _end(process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await process.wait()
                return
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    def _said(self) -> str:
        with suppress(OSError):
            lines = self._log.read_bytes()[-_MOST_SAID:].decode("utf-8", "replace").strip().splitlines()
            return lines[0] if lines else "it ended without a word"
        return "it ended"
