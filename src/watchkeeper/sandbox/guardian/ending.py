"""End everything below this process, until the kernel says that nobody is left."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from watchkeeper.sandbox.guardian.processes import find_descendants

PATIENCE_S = 30.0
MOST = 2000


def reap(ended: Callable[[int, int], None]) -> bool:
    """Tell of all children that have ended, as process and wait status; whether there are any others.

    On Linux, where orphans are adopted, none is the one sure sign that nothing is left: a look at ``/proc`` misses
    whoever changes parents between two of its reads.
    """
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False
        if pid == 0:
            return True
        ended(pid, status)


def end_all(
    groups: Iterable[int],
    ended: Callable[[int, int], None],
    pause: Callable[[], None],
    strays: Callable[[], Iterable[int]] = tuple,
) -> None:
    """Kill until there is nobody. Whole groups first, in one call each: a process that forks cannot outrun that.

    Zombies too: a process whose first thread has ended looks like one and lives. Behind a wall the group of its
    builders goes with them, and the kernel then ends all that is inside. ``strays`` are others to be ended: where
    orphans are not adopted (macOS). Gives up after half a minute: only the kernel can hold a process so long.
    """
    deadline = time.monotonic() + PATIENCE_S
    own = {0, 1, os.getpgrp()}
    while time.monotonic() < deadline:
        has_children, others = reap(ended), tuple(strays())
        if not has_children and not others:
            return
        seen = find_descendants(os.getpid(), MOST)
        for group in {*groups, *(process.group for process in seen)} - own:
            _kill(-group)
        for pid in (*(process.pid for process in seen), *others):
            _kill(pid)
        pause()


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
