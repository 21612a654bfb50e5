"""Saves go first: work that is done beside the watch stands aside while a save is looked at."""

from __future__ import annotations

import threading

_MOST_S = 1.0
"""Who never gets a turn would never prove anything: after so long a wait the work goes on beside the saves."""


class Courtesy:
    """Shared by the watch, which says when it is busy, and by threads that give way between two small steps."""

    def __init__(self) -> None:
        self._idle = threading.Event()
        self._idle.set()

    def busy(self) -> None:
        """A save has come."""
        self._idle.clear()

    def idle(self) -> None:
        """All saves have been looked at."""
        self._idle.set()

    def give_way(self) -> None:
        """Wait while a save is looked at."""
        if not self._idle.is_set():
            self._idle.wait(_MOST_S)
