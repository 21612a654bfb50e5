"""The steps of a watch: each is done in the one thread that owns the lookout, recorded, and told to who listens."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from watchkeeper.model.errors import GitError, NotARepositoryError, WatchkeeperError
from watchkeeper.model.events import Event, Recorded, WatchStarted, WatchStopped
from watchkeeper.watch.agenda import Agenda, Chore
from watchkeeper.watch.lookout import Lookout, Step
from watchkeeper.watch.measures import Stopwatch, WatchStatistics
from watchkeeper.watch.picture import Parts, Picture, Update, take_picture
from watchkeeper.watch.thread import WorkThread

_T = TypeVar("_T")
_UNITE_S = 3.0
_RETRY_S = 2.0
_FIRST_PAUSES_S = (0.1, 0.3, 1.0)


class Steps:
    """What follows for later goes to ``agenda``. Belongs to the loop in which the watch runs."""

    def __init__(self, parts: Parts, agenda: Agenda) -> None:
        self._parts = parts
        self._agenda = agenda
        self._thread = WorkThread()
        self._listeners: list[Callable[[Update], None]] = []
        self.errors = 0
        self.saves = Stopwatch()
        self.suspected_at: float | None = None  # since when the save waits whose suspicions are being proved
        self.picture: Picture | None = None
        self.is_stuck = False

    def listen(self, listener: Callable[[Update], None]) -> None:
        """Have it called with all that is recorded from now on."""
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[Update], None]) -> None:
        """Call it no more."""
        with suppress(ValueError):
            self._listeners.remove(listener)

    async def begin(self) -> None:
        """The first look. Raises WatchkeeperError where that is not possible."""
        for pause in _FIRST_PAUSES_S:
            try:
                self._publish(await self._thread.do(self._first_look), None)
            except GitError:  # it may be amid something: a worktree that is half made cannot be listed
                await asyncio.sleep(pause)
            else:
                return
        self._publish(await self._thread.do(self._first_look), None)

    async def end(self) -> None:
        """Say that the watch ends, and close what it is made of."""
        await self._thread.do(self._close_parts)

    def end_thread(self, timeout_s: float) -> None:
        """``is_stuck`` says afterwards whether the last step still goes on."""
        self.is_stuck = not self._thread.end(timeout_s)

    async def ask(self, question: Callable[[Lookout], _T]) -> _T:
        """An answer as of one moment."""
        return await self._thread.do(lambda: question(self._parts.lookout))

    async def do(
        self,
        job: Callable[[], Step],
        *,
        root: Path | None = None,
        seen_at: float | None = None,
        is_save: bool = True,
    ) -> Step | None:
        """Do a job and record what follows from it; None where it failed, which is said and tried again."""
        try:
            step, recorded = await self._thread.do(lambda: self._perform(job))
        except NotARepositoryError:
            self._agenda.plan(Chore.SURVEY, time.monotonic())
            return None
        except WatchkeeperError as error:
            self.fail(root, error)
            return None
        except Exception as error:  # noqa: BLE001 - a fault in one step must not end the watch of a whole night
            self.fail(root, self._parts.explain(error))
            return None
        now = time.monotonic()
        self._plan(step, root, now, is_hint=seen_at is not None)
        latency = (now - seen_at) * 1000 if seen_at is not None else None
        if latency is not None and is_save:
            self.saves.take(latency)
            self.suspected_at = self.suspected_at or seen_at
        self._publish(recorded, latency, is_news=step.touched)
        return step

    async def record(self, events: Sequence[Event]) -> None:
        """Record what was found out elsewhere."""
        self._publish(await self._thread.do(lambda: self._record(events)), None)

    async def renew(self) -> None:
        """Take up what others recorded."""
        self._publish(await self._thread.do(self._renew), None)

    async def judge_rules(self) -> None:
        """Show a rule lower that was too often wrong, or in full again."""
        self._publish(await self._thread.do(lambda: self._record(self._parts.ledger.judge_rules())), None)

    def fail(self, root: Path | None, error: WatchkeeperError) -> None:
        """Say it, and try again, ever more seldom."""
        self.errors += 1
        self._parts.lookout.note(str(root) if root is not None else "survey", error.message)
        now = time.monotonic()
        if root is None:
            self._agenda.plan(Chore.SURVEY, now + _RETRY_S)
        else:
            self._agenda.retry_later(root, now)

    def _plan(self, step: Step, root: Path | None, now: float, *, is_hint: bool) -> None:
        if root is not None:
            self._agenda.succeeded(root)
            if step.needs_scan and not is_hint:
                self._agenda.disturb(root, now)
        for each in step.unsettled:
            self._agenda.disturb(each, now)
        if step.needs_survey:
            self._agenda.plan(Chore.SURVEY, now)
        if step.touched or step.events:
            self._agenda.plan(Chore.UNITE, now + _UNITE_S)

    # In the thread that owns the lookout

    def _first_look(self) -> tuple[Recorded, ...]:
        step = self._parts.lookout.survey()
        target = self._parts.lookout.target
        started = WatchStarted(version=self._parts.version, target=target.name if target else "")
        recorded = self._parts.ledger.record([started, *step.events], self._parts.clock())
        self._take_picture()
        return recorded

    def _perform(self, job: Callable[[], Step]) -> tuple[Step, tuple[Recorded, ...]]:
        step = job()
        recorded = self._parts.ledger.record(step.events, self._parts.clock())
        self._take_picture()
        return step, recorded

    def _record(self, events: Sequence[Event]) -> tuple[Recorded, ...]:
        recorded = self._parts.ledger.record(events, self._parts.clock())
        if events:
            self._take_picture()
        return recorded

    def _renew(self) -> tuple[Recorded, ...]:
        news = self._parts.ledger.renew()
        if news:
            self._take_picture()
        return news

    def _take_picture(self) -> None:
        self.picture = take_picture(self._parts, WatchStatistics())

    def _close_parts(self) -> None:
        self._parts.ledger.record([WatchStopped()], self._parts.clock())
        self._parts.ledger.close()
        self._parts.lookout.close()

    def _publish(self, recorded: tuple[Recorded, ...], latency: float | None, *, is_news: bool = False) -> None:
        if recorded or is_news:
            update = Update(recorded, latency)
            for listener in tuple(self._listeners):
                listener(update)
