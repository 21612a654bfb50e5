"""Who guards the guardian: its parent, which ends what is left where the guardian itself is killed. Linux.

Orphans go to the nearest process above that adopts. The guardian is one; where it is gone, the warden is the next. The
two look after each other: without a warden the guardian ends its job, so that only a kill of both at once frees it.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable

from watchkeeper.sandbox.guardian import kernel
from watchkeeper.sandbox.guardian.ending import end_all
from watchkeeper.sandbox.guardian.processes import find_parent


def divide() -> int | None:
    """Fork: gives the guardian's process to the warden, and None to the guardian.

    Where orphans cannot be adopted there is no warden: None, and nothing was forked.
    """
    if not kernel.become_reaper():
        return None
    return os.fork() or None


def stand_by(guardian: int) -> None:
    """Wait for the guardian's end, then end what it left behind."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # orders are not for us
    while os.waitpid(-1, 0)[0] != guardian:
        pass
    end_all((), lambda _pid, _status: None, _rest)


def find_owner(watchkeeper: int) -> Callable[[], bool]:
    """For the guardian: whether warden and Watchkeeper still live. The pipe does not tell: others may hold it open."""
    above = os.getppid()
    if above == watchkeeper:
        return lambda: os.getppid() == watchkeeper
    return lambda: os.getppid() == above and find_parent(above) == watchkeeper


def _rest() -> None:
    select.select([], [], [], 0.002)
