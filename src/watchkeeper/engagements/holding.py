"""Who drives an engagement: a mark that names one process for ever, and whether that process lives."""

from __future__ import annotations

import os
import socket
import time
from contextlib import suppress

import psutil

MARK = "WK_ENGAGEMENT"
"""The variable that says which engagement a process belongs to; not ``WATCHKEEPER_...``, which is configuration."""

_SAME_S = 5.0
"""Clocks are set: a process counts as the same where its id is, and it seems to have begun at about the same time."""

_GONE_S = 5.0


def my_mark() -> str:
    """``host:pid:start``: this process."""
    return f"{socket.gethostname()}:{os.getpid()}:{psutil.Process().create_time():.2f}"


def is_alive(mark: str) -> bool | None:
    """Whether the process with this mark lives; None: it is another host's, or no mark, and nobody here can tell."""
    parts = mark.rsplit(":", 2)
    if len(parts) != 3 or parts[0] != socket.gethostname():
        return None
    try:
        process, began = psutil.Process(int(parts[1])), float(parts[2])
        return abs(process.create_time() - began) <= _SAME_S and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.NoSuchProcess, ValueError, OverflowError):
        return False
    except psutil.Error:
        return True  # it is there and may not be looked at: rather nobody than two


def end_marked(name: str, value: str) -> int:
    """Kill every process of this user that has the variable in its environment, and all below; how many there were.

    Returns when they are gone. What gave itself another environment and another parent is not found. Blocks.
    """
    found: set[psutil.Process] = set()
    for each in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if each.pid != os.getpid() and each.environ().get(name) == value:
                found.update((each, *each.children(recursive=True)))
    found = {each for each in found if each.pid != os.getpid()}
    for each in found:
        with suppress(psutil.Error):
            each.kill()
    psutil.wait_procs(found, timeout=_GONE_S)
    deadline = time.monotonic() + _GONE_S
    while any(map(_runs, found)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return len(found)


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
