"""A daemon of a real repository, in a process of its own, for tests of what asks one."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from watchkeeper.app import find_place, find_socket
from watchkeeper.cli.daemon import find_standing
from watchkeeper.watch.hosting import Standing

PATIENCE_S = 30.0


class Daemon:
    """One that runs. ``kill`` ends it as a crash would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = find_socket(find_place(folder, os.environ))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "watchkeeper", "up", "--foreground", "--repo", str(folder)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip

    @property
    def standing(self) -> Standing | None:
        return find_standing(self.socket)

    def until(self, condition: Callable[[Standing], bool], what: str) -> Standing:
        """Wait for what has to follow; fails after a minute, or when the daemon is gone."""
        ends = time.monotonic() + PATIENCE_S
        while time.monotonic() < ends:
            assert self._process.poll() is None, "the daemon ended"
            standing = self.standing
            if standing is not None and condition(standing):
                return standing
            time.sleep(0.05)
        raise AssertionError(f"never: {what}; it stands: {self.standing}")

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(30)

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()


@contextmanager
def daemon_of(folder: Path, *, least: int = 1) -> Iterator[Daemon]:
    """``with daemon_of(repo.path) as daemon``: it answers, and sees so many changes at ``least``."""
    daemon = Daemon(folder)
    try:
        daemon.until(lambda standing: standing.changes >= least, "it sees the changes")
        yield daemon
    finally:
        daemon.stop()


@asynccontextmanager
async def daemon_beside(folder: Path) -> AsyncIterator[Daemon]:
    """The same for a test that runs in a loop."""
    context = daemon_of(folder)
    daemon = await asyncio.to_thread(context.__enter__)
    try:
        yield daemon
    finally:
        await asyncio.to_thread(context.__exit__, None, None, None)
