"""Who looks whether a fleet's daemon runs keeps no daemon from beginning, and is not taken for one."""

from __future__ import annotations

import asyncio
import fcntl
import os
from pathlib import Path

from watchkeeper.fleetdeck.daemon import LOCK, _acquire, find_daemon
from watchkeeper.record.lock import ProcessLock


def test_looking_for_a_daemon_leaves_the_lock_and_what_it_says_as_they_are(tmp_path: Path) -> None:
    assert find_daemon(tmp_path) == 0
    assert not (tmp_path / LOCK).exists()
    lock = ProcessLock(tmp_path / LOCK)
    assert lock.acquire()

    assert [find_daemon(tmp_path), find_daemon(tmp_path)] == [os.getpid(), os.getpid()]

    lock.release()
    (tmp_path / LOCK).write_text("12345\n")
    assert find_daemon(tmp_path) == 0
    assert (tmp_path / LOCK).read_text() == "12345\n", "nobody who looked wrote itself into it"


def test_a_daemon_begins_although_somebody_looks_at_that_moment_and_not_where_one_runs(tmp_path: Path) -> None:
    (tmp_path / LOCK).touch()
    looking = os.open(tmp_path / LOCK, os.O_RDONLY)
    fcntl.flock(looking, fcntl.LOCK_SH)
    lock, second = ProcessLock(tmp_path / LOCK), ProcessLock(tmp_path / LOCK)

    async def begin() -> bool:
        asyncio.get_running_loop().call_later(0.1, os.close, looking)
        return await _acquire(lock)

    assert asyncio.run(begin())
    assert not asyncio.run(_acquire(second))
