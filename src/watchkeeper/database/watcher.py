"""The watch of one database: looks, decides, tells, until it is asked to stop. Survives whatever the server does."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

import msgspec

from watchkeeper.database.absent import NoJournals, NoProcesses, NullTracer
from watchkeeper.database.classify import Scope, Stall, classify
from watchkeeper.database.client_events import Heard, client_end, hear
from watchkeeper.database.keeping import Ending, Kept, Limits, Open, end_all, keep, note, replace_incident, with_slack
from watchkeeper.database.ports import (
    Ages,
    Deadlocks,
    Journal,
    Journals,
    Processes,
    Server,
    ServerUnseenError,
    Tracer,
)
from watchkeeper.database.rights import missing_rights
from watchkeeper.database.sighting import Glance, ServerFacts, Sighting
from watchkeeper.model.ids import Millis
from watchkeeper.model.incidents import (
    DatabaseSeen,
    DatabaseUnseen,
    EndReason,
    Incident,
    IncidentChanged,
    IncidentEnded,
    IncidentEvent,
    IncidentKind,
    IncidentOpened,
    Role,
    Tier,
)

Sink = Callable[[Sequence[IncidentEvent]], None]

_MOST_PAUSE_S = 15.0
_RIGHTS_S = 30.0
_JOURNAL_S = 0.5
_EVENTS_S = 1.0
_NOBODY = (0,)  # no backend has this number: only what happened is asked for
_HEALTHY_MS = 30
_REMEMBERED = 20  # ten polls and the pauses after them
_AGAIN_S = 2.0
_TRACE_S = 10.0
_BY_DETECTOR = "by the deadlock detector, as the server says afterwards"
_CANCELLED = frozenset({IncidentKind.SELF_DEADLOCK, IncidentKind.IDLE_HOLDER, IncidentKind.DDL_QUEUE})


class Settings(msgspec.Struct, frozen=True):
    """How one database is watched. ``database`` is its name on the server (``""``: all of them are reported).

    ``cancel_waiter_ms``: from which age of a wait on the statement of the *waiter* is ended; None: never.
    """

    name: str
    poll_ms: int = 200
    limits: Limits = Limits()
    every_database: bool = False
    silent_sessions: int = 2
    cancel_waiter_ms: int | None = None

    @property
    def ages(self) -> Ages:
        return Ages(self.limits.wait_ms, self.limits.idle_ms, 5_000)


class Statistics(msgspec.Struct, frozen=True):
    """What the watch has done. Times are of its own clock."""

    polls: int = 0
    graphs: int = 0
    errors: int = 0
    incidents: int = 0
    worst_lateness_ms: float = 0.0
    worst_poll_ms: float = 0.0


class Watcher:
    """One database, looked at every ``poll_ms``. ``sink`` is given what happened, in order, on the loop's thread."""

    def __init__(
        self,
        server: Server,
        settings: Settings,
        sink: Sink,
        *,
        journals: Journals | None = None,
        processes: Processes | None = None,
        tracer: Tracer | None = None,
        log: Deadlocks | None = None,
        kept: Kept | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._server, self._settings, self._sink = server, settings, sink
        self._journals: Journals = journals or NoJournals()
        self._processes: Processes = processes or NoProcesses()
        self._tracer: Tracer = tracer or NullTracer()
        self._log, self._kept, self._clock = log, kept or Kept(), clock
        self._facts: ServerFacts | None = None
        self._started: Millis | None = None
        self._asked_rights = 0.0
        self._tried_again = 0.0
        self._asked_journals = float("-inf")
        self._journal = Journal()
        self._heard, self._asked_events = Heard(), float("-inf")
        self._is_unseen = False
        self._hidden = ""  # what was said to be hidden
        self._failures = 0
        self._slowness = deque[float](maxlen=_REMEMBERED)
        self._statistics = Statistics()
        self._stop = asyncio.Event()

    def statistics(self) -> Statistics:
        """What was done until now."""
        return self._statistics

    @property
    def open(self) -> tuple[Incident, ...]:
        """The incidents that are not over."""
        return tuple(each.incident for each in self._kept.open)

    @property
    def facts(self) -> ServerFacts | None:
        """What the server is, once it was reached."""
        return self._facts

    def stop(self) -> None:
        """Let ``run`` end after the look that it is at."""
        self._stop.set()

    async def run(self) -> None:
        """Look until stopped. A server that is away is asked again, ever more seldom, up to every 15 seconds.

        Raises UsageError for a server that can never be watched.
        """
        try:
            while not self._stop.is_set():
                began = self._clock()
                await self.step()
                spent = self._clock() - began
                every = self._settings.poll_ms / 1000
                self._count(worst_poll_ms=spent * 1000, worst_lateness_ms=(spent - every) * 1000)
                pause = self._backoff() if self._failures else max(every - spent, 0.001)
                due = self._clock() + pause
                await self._pause(pause)
                # Woken late, by a machine that is short of time: everybody else there waits as well.
                self._slowness.append((self._clock() - due) * 1000)
        finally:
            await self.close()

    async def close(self) -> None:
        """Leave the server."""
        await self._server.close()

    async def step(self) -> None:
        """One look. What goes wrong with the server is told as an event, once."""
        try:
            await self._look()
        except ServerUnseenError as error:
            self._failures += 1
            self._count(errors=1)
            self._facts = None
            if not self._is_unseen:
                self._is_unseen = True
                self._sink((DatabaseUnseen(self._settings.name, str(error)),))

    async def _look(self) -> None:
        facts = await self._known_facts()
        began = self._clock()
        glance = await self._server.glance(self._settings.ages)
        self._slowness.append((self._clock() - began) * 1000)
        self._count(polls=1)
        self._failures = 0
        if glance.started != facts.started:
            await self._begin_anew(glance)
        told = list[IncidentEvent]()
        if self._is_worth_a_look(glance):
            stalls, at = await self._stalls(glance)
        else:
            stalls, at = (), glance.at
        limits = with_slack(self._settings.limits, max(self._slowness, default=0.0))
        self._kept, changes = keep(self._kept, stalls, at, self._settings.name, limits, engine=facts.engine)
        told += [await self._traced(each) for each in changes]
        told += await self._from_log(at)
        told += await self._from_clients(at)
        told += await self._traced_again()
        if told:
            self._count(incidents=sum(isinstance(each, IncidentOpened) for each in told))
            self._sink(told)
        await self._cancel_waiters(at)

    async def _known_facts(self) -> ServerFacts:
        """Asked after each connection, and again while something is hidden: a right may be granted meanwhile."""
        is_due = bool(self._hidden) and self._clock() - self._asked_rights > _RIGHTS_S
        if self._facts is not None and not is_due:
            return self._facts
        facts, before = await self._server.facts(), self._facts
        self._asked_rights = self._clock()
        events = list[IncidentEvent]()
        if before is None:
            events.append(DatabaseSeen(self._settings.name, f"{facts.engine.value} {facts.version}"))
        hidden = "" if facts.sees_all else facts.hidden or missing_rights(facts.user)
        if self._hidden and not hidden and before is not None:
            events.append(DatabaseSeen(self._settings.name, "wholly, from now on"))
        elif hidden not in ("", self._hidden):
            events.append(DatabaseUnseen(self._settings.name, hidden, is_partial=True))
        self._hidden = hidden
        self._is_unseen = False
        if self._restarted(facts):
            self._kept, ended = end_all(self._kept, facts.started, Ending(EndReason.RESTARTED))
            events += ended
        self._facts, self._started = facts, facts.started
        self._sink(events)
        return facts

    def _restarted(self, facts: ServerFacts) -> bool:
        """Whether what is open was seen before the server was started: of this watch, or of an earlier one."""
        if self._started not in (None, facts.started):
            return True
        return any(each.last_seen < facts.started for each in self._kept.open)

    async def _begin_anew(self, glance: Glance) -> None:
        """Behind a pooler the server may have been started anew without the connection noticing."""
        self._kept, ended = end_all(self._kept, glance.at, Ending(EndReason.RESTARTED))
        self._facts = None
        if ended:
            self._sink(ended)

    def _is_worth_a_look(self, glance: Glance) -> bool:
        return bool(glance.waiting or glance.resting or glance.idle or glance.long or self._kept.open)

    async def _stalls(self, glance: Glance) -> tuple[tuple[Stall, ...], Millis]:
        """What stands still. What would be told at once is looked at twice.

        One look is no moment: its parts are asked one after the other, so that two waits that were never at the same
        time may look like a ring. A wait that is the same in both looks has lasted all the time between.
        """
        sighting, stalls = await self._classified(glance)
        fresh = [each for each in stalls if each.is_certain and not self._is_open(each)]
        if fresh:
            again, second = await self._classified(glance)
            stalls = _confirmed(stalls, second)
            return stalls, again.at
        return stalls, sighting.at

    async def _classified(self, glance: Glance) -> tuple[Sighting, tuple[Stall, ...]]:
        assert self._facts is not None or not self._kept.open
        also = {party.backend for each in self._kept.open for party in each.incident.parties}
        sighting = await self._server.look(self._settings.ages, also)
        self._count(graphs=1)
        processes = await self._ask_around(sighting, glance)
        database = "" if self._settings.every_database or self._facts is None else self._facts.database
        scope = Scope(database, self._settings.ages, self._settings.silent_sessions)
        return sighting, classify(sighting, self._journal, processes, scope)

    async def _ask_around(self, sighting: Sighting, glance: Glance) -> Mapping[tuple[str, int], int]:
        """Which process is whose, and what processes say: asked only where a wait is older than a healthy one.

        Of pools that are exhausted no wait tells, only that clients are silent in their transactions.
        """
        waits = [each.wants.since for each in sighting.backends if each.wants and each.wants.since is not None]
        is_stuck = any(each <= sighting.at - _HEALTHY_MS for each in waits)
        if is_stuck or (glance.resting and self._clock() - self._asked_journals > _JOURNAL_S):
            self._asked_journals = self._clock()
            self._journal = await self._journals.ask()
        elif not glance.resting:
            self._journal = Journal()
        clients = {(each.client, each.port) for each in sighting.backends if each.client}
        return await self._processes.find(clients) if is_stuck else {}

    def _is_open(self, stall: Stall) -> bool:
        return any(each.anchor & stall.anchor for each in self._kept.open)

    async def _traced(self, told: IncidentOpened | IncidentChanged | IncidentEnded) -> IncidentEvent:
        if isinstance(told, IncidentEnded):
            return told
        incident = told.incident
        try:
            async with asyncio.timeout(_TRACE_S):
                traced = await self._tracer.trace(incident, self._journal.by_backend())
        except Exception:  # noqa: BLE001 an incident is told, whatever becomes of its attribution
            self._count(errors=1)
            return told
        traced = msgspec.structs.replace(traced, id=incident.id, fingerprint=incident.fingerprint, kind=incident.kind)
        self._kept = replace_incident(self._kept, traced)
        return type(told)(traced)

    async def _traced_again(self) -> Sequence[IncidentEvent]:
        """What could not be traced at once is tried again while it lasts: code may have to be read first."""
        if self._clock() - self._tried_again < _AGAIN_S:
            return ()
        self._tried_again = self._clock()
        told = list[IncidentEvent]()
        for each in self._kept.open:
            if any(party.attribution.tier is Tier.UNATTRIBUTED for party in each.incident.parties):
                traced = await self._traced(IncidentChanged(each.incident))
                if isinstance(traced, IncidentChanged) and traced.incident.parties != each.incident.parties:
                    told.append(traced)
        return told

    async def _from_log(self, at: Millis) -> Sequence[IncidentEvent]:
        """Deadlocks that the server broke between two looks, as its log tells them."""
        if self._log is None:
            return ()
        told = list[IncidentEvent]()
        found = await asyncio.to_thread(self._log.read_deadlocks, self._settings.name, at)
        for incident in found:
            seen = next((each for each in self._kept.open if _same_ring(each, incident)), None)
            if seen is not None:  # it was seen while it lasted
                self._kept = note(self._kept, seen.incident.fingerprint, _BY_DETECTOR, was_cancelled=False)
                continue
            traced = await self._traced(IncidentOpened(incident))
            told += [traced, IncidentEnded(incident.id, EndReason.BROKEN, 0, _BY_DETECTOR)]
        return told

    async def _from_clients(self, at: Millis) -> Sequence[IncidentEvent]:
        """What processes noticed themselves and no look has seen."""
        if self._clock() - self._asked_events < _EVENTS_S:
            return ()
        self._asked_events = self._clock()
        said = await self._journals.ask(_NOBODY)
        seen = {party.backend for each in self._kept.open for party in each.incident.parties}
        self._heard, found = hear(self._heard, said.happenings, seen, self._settings.name, at, pools=said.pools)
        told = list[IncidentEvent]()
        for incident in found:
            told += [await self._traced(IncidentOpened(incident)), client_end(incident)]
        return told

    async def _cancel_waiters(self, at: Millis) -> None:
        after = self._settings.cancel_waiter_ms
        if after is None:
            return
        for each in self._kept.open:
            if each.incident.kind not in _CANCELLED or each.was_cancelled or each.last_seen != at:
                continue
            for party in each.incident.parties:
                since = party.waiting_since
                if party.role not in (Role.WAITER, Role.BOTH) or since is None or at - since < after:
                    continue
                if await self._server.cancel(party.backend, since):
                    text = f"the waiter, backend {party.backend}, was cancelled after {(at - since) / 1000:.1f} s"
                    self._kept = note(self._kept, each.incident.fingerprint, text, was_cancelled=True)

    def _backoff(self) -> float:
        every = self._settings.poll_ms / 1000
        return float(min(every * 2 ** min(self._failures - 1, 10), _MOST_PAUSE_S))

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            return

    def _count(self, **more: float) -> None:
        now = self._statistics
        self._statistics = Statistics(
            polls=now.polls + int(more.get("polls", 0)),
            graphs=now.graphs + int(more.get("graphs", 0)),
            errors=now.errors + int(more.get("errors", 0)),
            incidents=now.incidents + int(more.get("incidents", 0)),
            worst_lateness_ms=max(now.worst_lateness_ms, more.get("worst_lateness_ms", 0.0)),
            worst_poll_ms=max(now.worst_poll_ms, more.get("worst_poll_ms", 0.0)),
        )


def _confirmed(first: tuple[Stall, ...], second: tuple[Stall, ...]) -> tuple[Stall, ...]:
    """Of the second look everything, but what is certain only where the first look saw the same waits."""
    before = {(each.kind, each.core) for each in first if each.is_certain}
    return tuple(each for each in second if not each.is_certain or (each.kind, each.core) in before)


def _same_ring(one: Open, other: Incident) -> bool:
    """Whether a deadlock of the log is an incident that is open: it has the same backends, or the same code."""
    backends = {each.backend for each in other.parties}
    if one.incident.fingerprint == other.fingerprint:
        return True
    return one.incident.kind is IncidentKind.CYCLE and backends <= {each.backend for each in one.incident.parties}
