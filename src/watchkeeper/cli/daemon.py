"""How the verbs speak to a daemon."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from watchkeeper.model.errors import WatchkeeperError

if TYPE_CHECKING:
    from watchkeeper.watch.hosting import Standing

_T = TypeVar("_T")
_START_S = 60.0
_LOOK_S = 0.1
_MOST_LOG = 4_000


def is_answering(socket: Path) -> bool:
    """Whether a daemon listens there. Says quickly no where there is none."""
    return find_standing(socket) is not None if socket.exists() else False


def find_standing(socket: Path) -> Standing | None:
    """How the daemon stands; None where none answers."""
    from watchkeeper.record.messages import decode_message
    from watchkeeper.watch.attached import ask
    from watchkeeper.watch.hosting import Standing

    try:
        return decode_message(ask(socket, {"ask": "status"}), Standing)
    except (WatchkeeperError, ValueError):
        return None


def start_detached(arguments: Sequence[str], log: Path, folder: Path, find: Callable[[], _T | None]) -> _T:
    """Start ourselves in a process of its own, and wait until ``find`` finds it. What it says goes to ``log``.

    Raises WatchkeeperError (``daemon-failed``) with what it said first where it ends, or is not found in a minute.
    """
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "watchkeeper", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            cwd=folder,
        )
    ends = time.monotonic() + _START_S
    while time.monotonic() < ends and process.poll() is None:
        if (found := find()) is not None:
            return found
        time.sleep(_LOOK_S)
    said = log.read_bytes()[-_MOST_LOG:].decode(errors="replace").strip()
    raise WatchkeeperError(
        f"The daemon did not come up: {said.splitlines()[0] if said else 'it said nothing'}",
        slug="daemon-failed",
        hint=f"cat {log}",
        facts={"log": str(log)},
    )
