"""The heart of a host: its counter is raised by a thread of its own, whatever else the process is busy with.

Work of others is taken over by another thread: an engine waits, with ever longer pauses, for a database that is away.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from watchkeeper.durable.hosts import Timing, View
from watchkeeper.durable.membership import Membership, relieve
from watchkeeper.durable.port import Engine, WorkId
from watchkeeper.model.errors import WatchkeeperError

_PATIENCE_S = 10.0  # how long the end waits for an access to a database that does not answer


class Pulse:
    """Start it, give it the engine once that runs, stop it at the end. Its callbacks are called from its threads.

    ``on_fenced`` is called once, when this host was declared lost: close the engine, and end; nothing may be recorded
    about what was driven here. ``on_relieved`` is told of work that was taken from hosts that are gone; ``on_trouble``
    of a record that cannot be reached, when that begins.
    """

    def __init__(
        self,
        membership: Membership,
        timing: Timing,
        *,
        on_fenced: Callable[[], None],
        on_relieved: Callable[[tuple[WorkId, ...]], None] = lambda _: None,
        on_trouble: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._membership, self._timing = membership, timing
        self._on_fenced, self._on_relieved, self._on_trouble = on_fenced, on_relieved, on_trouble
        self._engine: Engine | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, name="host-pulse", daemon=True)
        self._relief = threading.Thread(target=self._relieve_on, name="host-relief", daemon=True)
        self.view = View(membership.me.token)

    def start(self) -> View:
        """Take part, and give what is seen. Raises WatchkeeperError."""
        self.view = self._membership.join()
        self._thread.start()
        return self.view

    def relieve_with(self, engine: Engine) -> None:
        """From now on, while this host leads, work of hosts that are gone is put into the queue again."""
        self._engine = engine
        self._relief.start()

    def stop(self) -> None:
        """Leave. The engine has to be closed before. Raises WatchkeeperError where that could not be recorded."""
        self._ending.set()
        for each in (self._thread, self._relief):
            if each.ident is not None and each is not threading.current_thread():
                each.join(timeout=_PATIENCE_S)
        self._membership.leave()

    def _beat_on(self) -> None:
        self._go_on(self._beat)
        if self._membership.is_fenced and not self._ending.is_set():
            self._on_fenced()

    def _beat(self) -> None:
        self.view = self._membership.beat()

    def _relieve_on(self) -> None:
        self._go_on(self._relieve)

    def _relieve(self) -> None:
        engine = self._engine
        if engine is not None and self._membership.may_act() and (taken := relieve(engine, self.view)):
            self._on_relieved(taken)

    def _go_on(self, act: Callable[[], None]) -> None:
        """Again and again until the end, or until this host is fenced."""
        in_trouble = False
        while not self._membership.is_fenced and not self._ending.wait(self._timing.beat_ms / 1000):
            try:
                act()
                in_trouble = False
            except Exception as error:  # noqa: BLE001 a heart goes on: if it cannot beat, others see that
                if not in_trouble:
                    self._on_trouble(error.message if isinstance(error, WatchkeeperError) else repr(error))
                in_trouble = True
