"""What becomes of finished changes is followed: landed closes the issue, what comes back goes on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import NamedTuple

from watchkeeper.conflicts.landing_news import LandingNews, change_of, hear_landing
from watchkeeper.conflicts.landing_notice import returned_text
from watchkeeper.engagements.driver import send_back
from watchkeeper.fleetdeck.projects import Project
from watchkeeper.model.errors import GitError
from watchkeeper.model.fleet import Closing, EngagementId, IssueClosed, IssueState
from watchkeeper.model.fleet_state import EngagementStanding, FleetState
from watchkeeper.model.ids import ChangeId, Millis, Seq, Sha
from watchkeeper.model.landing import (
    Bounce,
    Entry,
    EntryBounced,
    EntryId,
    EntryQueued,
    LandingDone,
    LandingEvent,
    LandingIntended,
)
from watchkeeper.record.codec import FLEET_KINDS, LANDING_KINDS
from watchkeeper.record.log import Log

_SHELF = "followed"
_LAST = "last"
_MOST_TRIES = 50


class Landed(NamedTuple):
    """An entry that the target branch has now, as this commit."""

    entry: EntryId
    commit: Sha


class Follower:
    """Of one project. What it has dealt with is kept: a kill in between deals with it again, which is harmless."""

    def __init__(
        self,
        project: Project,
        log: Log,
        clock: Callable[[], Millis],
        again: Callable[[EngagementId], Awaitable[None]],
    ) -> None:
        """``again`` is called with an engagement that goes on."""
        self._project, self._log, self._clock, self._again = project, log, clock, again
        self._shelf = log.shelf(project.place.project, _SHELF)
        self._last: Seq | None = None
        self._read = Seq(0)
        self._news = LandingNews()
        self._intended: dict[Sha, LandingIntended] = {}
        self._queued: dict[ChangeId, Entry] = {}
        self._owed: deque[Landed | EntryBounced] = deque()

    async def look(self) -> None:
        """Draw the consequences of what became of entries since the last time; what fails is owed until it does not.

        Raises WatchkeeperError.
        """
        await asyncio.to_thread(self._catch_up)
        while self._owed:
            await self._deal(self._owed[0])
            self._owed.popleft()
        await asyncio.to_thread(self._keep)

    def _catch_up(self) -> None:
        if self._last is None:
            kept = self._shelf.read().get(_LAST, b"0")
            self._last = Seq(int(kept) if kept.isdigit() else 0)
        for recorded in self._log.read(self._project.place.project, kinds=LANDING_KINDS, after=self._read):
            self._read = recorded.seq
            if isinstance(recorded.event, LandingEvent):
                outcome = self._hear(recorded.event)
                self._owed.extend(outcome if recorded.seq > self._last else ())

    async def _deal(self, found: Landed | EntryBounced) -> None:
        if isinstance(found, Landed):
            await asyncio.to_thread(self.close, found)
        else:
            await self._return(found)

    def _keep(self) -> None:
        """All that was read was dealt with."""
        if self._last is not None and self._read > self._last:
            self._last = self._read
            self._shelf.put({_LAST: str(self._last).encode()})

    def close(self, landed: Landed) -> bool:
        """Close the issue of what landed; whether it was open."""
        return self._close(landed.entry, f"landed as {landed.commit[:10]}")

    def _close(self, entry: EntryId, why: str) -> bool:
        standing = _engagement_of(self._project.parts.book.state(), entry)
        return standing is not None and close_landed(self._project, self._log, self._clock(), standing, why)

    async def _return(self, bounce: EntryBounced) -> None:
        identity = await asyncio.to_thread(self._send_back, bounce)
        if identity is not None:
            await self._again(identity)

    def _send_back(self, bounce: EntryBounced) -> EngagementId | None:
        """The engagement that goes on with it; None where a newer revision is queued, or has landed, by now."""
        standing = _engagement_of(self._project.parts.book.state(), bounce.id)
        if standing is None or self._news.returned.get(change_of(bounce.id)) != bounce:
            return None
        if bounce.why is Bounce.EMPTY and self._says_something(bounce.id):
            self._close(bounce.id, "landed already: the target branch has all of it")
            return None
        text = returned_text(bounce, show_verb=f"watchkeeper queue {bounce.id}", intents=self._news.intents)
        is_back = send_back(self._project.parts, standing.engagement.id, text)
        return standing.engagement.id if is_back else None

    def _says_something(self, identity: EntryId) -> bool:
        """Whether an entry changes what it was made from. Not, for one: a repair that took out all of the change.

        What cannot be compared says nothing: then its author looks, and its issue stays open.
        """
        entry = self._queued.get(change_of(identity))
        if entry is None or entry.id != identity or entry.base is None:
            return False
        objects = self._project.hub.objects
        try:
            return objects.tree_of(entry.head) != objects.tree_of(entry.base)
        except GitError:
            return False

    def _hear(self, event: LandingEvent) -> list[Landed | EntryBounced]:
        self._news = hear_landing(self._news, event)
        match event:
            case EntryQueued(entry):
                self._queued[entry.change] = entry
            case LandingIntended():
                self._intended[event.new] = event
            case LandingDone(new) if new in self._intended:
                return [Landed(entry, new) for entry in self._intended.pop(new).entries]
            case EntryBounced():
                return [event]
            case _:
                pass
        return []


def close_landed(project: Project, log: Log, at: Millis, standing: EngagementStanding, why: str) -> bool:
    """Close the issue of an engagement whose change the target branch has; whether it was open."""
    for _ in range(_MOST_TRIES):
        state = project.parts.book.state()
        issue = state.issues.get(standing.engagement.issue)
        if issue is None or issue.state is IssueState.CLOSED:
            return False
        event = IssueClosed(issue.issue.id, Closing.LANDED, why, "watchkeeper")
        if log.append_if(project.place.shared, [event], at, kinds=FLEET_KINDS, last=state.seq) is not None:
            return True
    return False


def _engagement_of(state: FleetState, entry: EntryId) -> EngagementStanding | None:
    """The newest engagement whose change the entry is."""
    found = [each for each in state.engagements.values() if each.engagement.branch == change_of(entry)]
    return found[-1] if found else None
