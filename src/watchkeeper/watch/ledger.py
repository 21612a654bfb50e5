"""What the watch records: the log while it can be written, memory while it cannot, one writer for each project."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress

from watchkeeper.conflicts.lifecycle import fold_all
from watchkeeper.conflicts.scoring import count_rules, decide_demotions
from watchkeeper.conflicts.standing import State
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.events import ConflictDismissed, Event, Recorded
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.record.lock import ProcessLock
from watchkeeper.record.log import Log

RECORDER_LOCK = "watch.lock"
"""In the project's folder: held by the one process that records it."""

_MOST_WAITING = 20_000


class Ledger:
    """The state of a project, and the way into its log. Thread-safe. Nothing here raises once it is made.

    While another process records, or the log cannot be written, events count for this process alone: they have no
    number (``seq`` 0). What could not be written waits and is written, with its own times, as soon as that works again.
    """

    def __init__(self, log: Log, project: ProjectId, lock: ProcessLock) -> None:
        self._log = log
        self._project = project
        self._lock = lock
        self._guard = threading.Lock()
        self._waiting: list[tuple[Millis, tuple[Event, ...]]] = []
        self._unkept: dict[str, dict[str, bytes | None]] = {}
        self._read_to = Seq(0)
        self._state = State()
        self._judged = 0
        self.problem = ""
        self.lost = 0
        self._reload()

    @property
    def state(self) -> State:
        """What all events up to now say."""
        return self._state

    @property
    def recorder(self) -> int:
        """The process that records instead of this one; 0 where this one does."""
        return 0 if self._lock.is_mine else self._lock.holder()

    def record(self, events: Sequence[Event], at: Millis) -> tuple[Recorded, ...]:
        """Take up events: they count at once, and are in the log when they have a number."""
        if not events:
            return ()
        with self._guard:
            if self._lock.is_mine:
                try:
                    self._flush()
                    recorded = self._log.append(self._project, events, at)
                except WatchkeeperError as error:
                    self._put_off(events, at, error)
                else:
                    self._follow()
                    return recorded
            return self._take_locally(events, at)

    def renew(self) -> tuple[Recorded, ...]:
        """Take up what other processes recorded (dismissals), and write what had to wait; what is new to us."""
        with self._guard:
            if not self._lock.is_mine and self._lock.acquire():
                self._adopt()
            try:
                if self._lock.is_mine:
                    self._flush()
                news = self._follow()
            except WatchkeeperError as error:
                self.problem = error.message
                return ()
            self._keep()
            return news

    def kept(self, shelf: str) -> Mapping[str, bytes]:
        """What was kept there last, also by an earlier process; nothing where that cannot be read."""
        try:
            return self._log.shelf(self._project, shelf).read()
        except WatchkeeperError as error:
            self.problem = error.message
            return {}

    def keep(self, shelf: str, values: Mapping[str, bytes | None]) -> None:
        """Keep these values, for as long as this process is the one that records (None: no longer).

        What cannot be written waits. While another process records nothing waits: its values are the ones that count.
        """
        with self._guard:
            if not self._lock.is_mine:
                return
            self._unkept.setdefault(shelf, {}).update(values)
            self._keep()

    def _keep(self) -> None:
        if not self._lock.is_mine:
            self._unkept.clear()
        try:
            for shelf in list(self._unkept):
                self._log.shelf(self._project, shelf).put(self._unkept[shelf])
                del self._unkept[shelf]
        except WatchkeeperError as error:
            self.problem = error.message

    def judge_rules(self) -> tuple[Event, ...]:
        """What follows for the rules from what became of their conflicts, where that is new; by the recorder alone."""
        if not self._lock.is_mine or self._judged == self._outcomes():
            return ()
        self._judged = self._outcomes()
        try:
            return decide_demotions(count_rules(self._log.read(self._project)))
        except WatchkeeperError as error:
            self.problem = error.message
            return ()

    def _outcomes(self) -> int:
        """Changes with every conflict that has an outcome: only then the log is worth reading again."""
        settled = (each.seq for each in self._state.conflicts.values() if each.proof or each.dismissal)
        return max(settled, default=0)

    def close(self) -> None:
        """Let another process record."""
        self._lock.release()

    def _flush(self) -> None:
        while self._waiting:
            at, events = self._waiting[0]
            self._log.append(self._project, events, at)
            self._waiting.pop(0)
            if not self._waiting:
                self._reload()
        self.problem = ""

    def _put_off(self, events: Sequence[Event], at: Millis, error: WatchkeeperError) -> None:
        self.problem = error.message
        self._waiting.append((at, tuple(events)))
        if len(self._waiting) > _MOST_WAITING:
            self._waiting.pop(0)
            self.lost += 1

    def _take_locally(self, events: Sequence[Event], at: Millis) -> tuple[Recorded, ...]:
        first = self._state.seq + 1
        numbered = [Recorded(Seq(first + index), at, self._project, event) for index, event in enumerate(events)]
        self._state = fold_all(numbered, self._state)
        return tuple(Recorded(Seq(0), at, self._project, event) for event in events)

    def _follow(self) -> tuple[Recorded, ...]:
        """Fold what the log holds beyond what was read; on our own numbers while we do not record."""
        news = tuple(self._log.read(self._project, after=self._read_to))
        if not news:
            return ()
        self._read_to = news[-1].seq
        if self._lock.is_mine and not self._waiting:
            self._state = fold_all(news, self._state)
            return news
        # What the recorder says of conflicts we see ourselves; what people said is only in the log.
        said = [each for each in news if isinstance(each.event, ConflictDismissed)]
        for each in said:
            moved = Recorded(Seq(self._state.seq + 1), each.at, each.project, each.event)
            self._state = fold_all([moved], self._state)
        return tuple(said)

    def _adopt(self) -> None:
        """The recorder is gone and we take its place: what we saw alone is judged again against the log."""
        with suppress(WatchkeeperError):
            self._reload()

    def _reload(self) -> None:
        self._state = fold_all(self._log.read(self._project))
        self._read_to = self._state.seq
