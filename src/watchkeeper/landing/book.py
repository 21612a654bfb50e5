"""The queue as the log has it, and the way into the log: every decision is a compare-and-swap."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from watchkeeper.landing.folding import apply_event
from watchkeeper.landing.queue import Queue
from watchkeeper.model.events import Recorded
from watchkeeper.model.ids import Millis, ProjectId, Seq
from watchkeeper.model.landing import At, LandingEvent
from watchkeeper.record.codec import LANDING_KINDS
from watchkeeper.record.log import Log

_MOST_TRIES = 100


class Book:
    """One project's queue. Every process may have one; ``queue`` is as new as the last ``refresh``. Not thread-safe."""

    def __init__(self, log: Log, project: ProjectId, clock: Callable[[], Millis]) -> None:
        self._log = log
        self._project = project
        self._clock = clock
        self.queue = Queue()
        self._news: list[LandingEvent] = []
        self._told = Seq(0)

    def refresh(self) -> None:
        """Read on. Raises WatchkeeperError."""
        self._hold(self._log.read(self._project, after=Seq(self.queue.seq), kinds=LANDING_KINDS))

    def skip_news(self, until: Seq) -> None:
        """What was recorded up to ``until`` is no news: it was told before."""
        self._told = until

    def take_news(self) -> tuple[LandingEvent, ...]:
        """Everything that came to the queue since this was asked last, whoever recorded it, in order."""
        news, self._news = tuple(self._news), []
        return news

    def history(self) -> Iterator[LandingEvent]:
        """Everything there ever was, from the beginning. Raises WatchkeeperError."""
        for each in self._log.read(self._project, kinds=LANDING_KINDS):
            if isinstance(each.event, LandingEvent):
                yield each.event

    def decide(self, events: Sequence[LandingEvent]) -> bool:
        """Record what follows from ``queue`` as it is; False (and nothing is recorded) where it is no longer so."""
        recorded = self._log.append_if(
            self._project, events, self._clock(), kinds=LANDING_KINDS, last=Seq(self.queue.seq)
        )
        if recorded is None:
            self.refresh()
            return False
        self._hold(recorded)
        return True

    def tell(self, *events: LandingEvent) -> None:
        """Record facts, whatever happened meanwhile."""
        self._log.append(self._project, events, self._clock())
        self.refresh()

    def tell_if(self, decide: Callable[[Queue], Sequence[LandingEvent]]) -> tuple[LandingEvent, ...]:
        """Record what ``decide`` makes of the newest queue; it is asked again where somebody was faster."""
        for _ in range(_MOST_TRIES):
            self.refresh()
            events = tuple(decide(self.queue))
            if not events or self.decide(events):
                return events
        raise RuntimeError("the queue changes faster than it can be read")  # pragma: no cover

    def _hold(self, recorded: Iterable[Recorded]) -> None:
        for each in recorded:
            if isinstance(each.event, LandingEvent):
                apply_event(self.queue, At(each.seq, each.at, each.event))
                if each.seq > self._told:
                    self._news.append(each.event)
