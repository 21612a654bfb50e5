"""How the verbs speak to a daemon."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchkeeper.watch.hosting import Standing


def is_answering(socket: Path) -> bool:
    """Whether a daemon listens there. Says quickly no where there is none."""
    return find_standing(socket) is not None if socket.exists() else False


def find_standing(socket: Path) -> Standing | None:
    """How the daemon stands; None where none answers."""
    from watchkeeper.model.errors import WatchkeeperError
    from watchkeeper.record.messages import decode_message
    from watchkeeper.watch.attached import ask
    from watchkeeper.watch.hosting import Standing

    try:
        return decode_message(ask(socket, {"ask": "status"}), Standing)
    except (WatchkeeperError, ValueError):
        return None
