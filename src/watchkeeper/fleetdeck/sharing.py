"""What hosts of one fleet owe each other: their pins, as they are made; and to go on with the work of one that died."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from watchkeeper.app import now
from watchkeeper.engagements.sealing import read_sealed
from watchkeeper.engagements.working import Workplace
from watchkeeper.fleetdeck.company import Together
from watchkeeper.fleetdeck.following import close_landed
from watchkeeper.fleetdeck.hosted import Hosted
from watchkeeper.fleetdeck.mirrors import BRANCHES, Mirrors
from watchkeeper.fleetdeck.projects import Project
from watchkeeper.fleetdeck.warning import Warner
from watchkeeper.model.errors import WatchkeeperError
from watchkeeper.model.fleet import (
    Engagement,
    EngagementId,
    EngagementMoved,
    EngagementSnapped,
    Fault,
    IssueCommented,
    IssueState,
    Stage,
)
from watchkeeper.model.fleet_state import EngagementStanding, FleetState
from watchkeeper.model.ids import Millis, Sha
from watchkeeper.repos.exchange import make_inbox, send, take_in

if TYPE_CHECKING:
    from watchkeeper.fleetdeck.daemon import Fleet

INBOX = "inbox"
"""The folder of a state folder that other hosts push to: ``[host.NAME] hub`` leads there, or to one that all share."""

_LOOK_S = 1.0
_AGAIN_S = 10.0
_BY = "watchkeeper"


class Sharing:
    """Of all projects of this host. What is driven here needs nothing of it: what fails is told, and retried."""

    def __init__(
        self,
        projects: Sequence[Project],
        fleet: Fleet,
        company: Together,
        hosted: Hosted,
        tell: Callable[[str], None],
    ) -> None:
        self._projects, self._fleet, self._company, self._hosted, self._tell = projects, fleet, company, hosted, tell
        self._sent: dict[tuple[str, EngagementId], dict[str, Sha]] = {}
        self._rests: dict[str, float] = {}
        self._said: dict[str, str] = {}
        self._taken: set[EngagementId] = set()
        self._mirrors = {each.name: Mirrors(each, partial(self._receive, each)) for each in projects}
        self._warners = {each.name: Warner(each, fleet.log, now, BRANCHES, company.name) for each in projects}

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.to_thread(self._begin)
        while True:
            for project in self._projects:
                await self._look(project)
            await asyncio.sleep(_LOOK_S)

    def _begin(self) -> None:
        try:
            self._company.tell_projects([each.name for each in self._projects])
            for project in self._projects:
                make_inbox(self._fleet.home / INBOX / f"{project.name}.git", project.place.repository)
        except WatchkeeperError as error:
            self._tell(f"others cannot push to this host, nor leave their work to it: {error.message}")

    async def _look(self, project: Project) -> None:
        try:
            state = await asyncio.to_thread(project.parts.book.state)
            await asyncio.to_thread(self._send, project, state)
            await asyncio.to_thread(self._mirror, project, state)
            orphans = await asyncio.to_thread(self._find_orphans, project, state)
            for standing in sorted(orphans, key=lambda each: each.is_over):  # who works on waits longest
                await self._take_over(project, standing)
            self._said.pop(project.name, None)
        except Exception as error:  # noqa: BLE001 what is owed to others must not end what is driven here; it is told
            words = error.message if isinstance(error, WatchkeeperError) else repr(error)
            self._complain(project.name, f"{project.name}: what hosts owe each other is not done: {words}")

    # Pins

    def _send(self, project: Project, state: FleetState) -> None:
        """To every other host, what it does not have of the engagements that are driven here."""
        for standing in state.engagements.values():
            if not (self._company.is_mine(standing) and _matters(state, standing)):
                continue
            identity = standing.engagement.id
            pins = project.hub.pins(f"engagements/{identity}")
            for name, address in self._addresses(project):
                if pins and self._sent.get((name, identity)) != pins and self._rests.get(name, 0.0) < time.monotonic():
                    self._send_to(project, name, address, identity, pins)

    def _send_to(self, project: Project, name: str, address: str, identity: EngagementId, pins: dict[str, Sha]) -> None:
        try:
            send(project.hub, address, f"engagements/{identity}")
        except WatchkeeperError as error:
            self._rests[name] = time.monotonic() + _AGAIN_S
            self._complain(name, f"{name} does not get what is pinned here: {error.message}")
            return
        self._sent[name, identity] = pins
        self._said.pop(name, None)

    def _addresses(self, project: Project) -> Iterator[tuple[str, str]]:
        """Of every other host that can be reached."""
        for host in self._fleet.config.hosts:
            if host.hub and host.name.lower() != self._company.name.lower():
                yield host.name, self._address(host.hub, project)

    def _address(self, hub: str, project: Project) -> str:
        if "://" in hub or (":" in hub and "/" not in hub.partition(":")[0]):
            return f"{hub.rstrip('/')}/{project.name}.git"
        return str(Path(self._fleet.config.origin.parent, Path(hub).expanduser(), f"{project.name}.git"))

    def _sources(self, project: Project) -> Iterator[str]:
        """Where others' pins are: this host's inbox, and the repository that it shares with others."""
        yield str(self._fleet.home / INBOX / f"{project.name}.git")
        own = self._fleet.config.find_host(self._company.name).hub
        if own and any(address == self._address(own, project) for _, address in self._addresses(project)):
            yield self._address(own, project)

    def _receive(self, project: Project, identity: EngagementId) -> None:
        for source in self._sources(project):
            if Path(source).exists() or "://" in source:
                take_in(project.hub, source, f"engagements/{identity}")

    def _mirror(self, project: Project, state: FleetState) -> None:
        """For the watch to see, on one host for all, what the others work on."""
        others = [
            each for each in state.engagements.values()
            if _matters(state, each) and not self._company.is_mine(each) and each.engagement.id not in self._taken
        ]  # fmt: skip
        is_ours = bool(others) and self._company.takes(project.name)
        self._mirrors[project.name].show(others if is_ours else [])
        if is_ours:
            self._warners[project.name].look(state)

    # Work of hosts that are gone

    def _find_orphans(self, project: Project, state: FleetState) -> list[EngagementStanding]:
        found = [
            each
            for each in state.engagements.values()
            if each.engagement.id not in self._taken
            and _matters(state, each)
            and not self._company.is_mine(each)
            and self._company.is_orphan(each)
        ]
        return found if found and self._company.may_act() and self._company.takes(project.name) else []

    async def _take_over(self, project: Project, standing: EngagementStanding) -> None:
        engagement = standing.engagement
        said = await asyncio.to_thread(self._bring, project, standing)
        if standing.stage is not Stage.DONE:
            if await asyncio.to_thread(self._is_lost, project, standing):
                return
            await asyncio.to_thread(self._begin_anew, project, standing)
            await self._hosted.adopt(project.place.shared, engagement.id)
        elif not await self._hand_in(project, standing):
            return
        self._taken.add(engagement.id)
        self._tell(said)
        await asyncio.to_thread(self._comment, project, engagement, said)

    def _is_lost(self, project: Project, standing: EngagementStanding) -> bool:
        """Whether nobody can go on with it, as not even what its agent was given is here. It is said to be over."""
        engagement = standing.engagement
        try:
            read_sealed(project.hub, engagement.seal)
        except WatchkeeperError:
            why = f"nothing of it reached {self._company.name}, and {standing.host} is gone: its issue is begun anew"
            return project.parts.book.tell_if(
                standing, [EngagementMoved(engagement.id, Stage.INTERRUPTED, why, Fault.LOST)]
            )
        return False

    def _begin_anew(self, project: Project, standing: EngagementStanding) -> None:
        """Where what its agent did is not here, nothing is there to check: its agent has to do it again."""
        last, _ = self._last_snapshot(project, standing.engagement.id)
        newest = project.parts.snapshots.newest(Workplace(project.parts.snapshots, standing.engagement).tree)
        if standing.stage is Stage.CHECKING and last != newest:
            why = f"what {standing.host} pinned last is not here"
            again = EngagementMoved(standing.engagement.id, Stage.RUNNING, why, by=standing.by)
            project.parts.book.tell_if(standing, [again])

    async def _hand_in(self, project: Project, standing: EngagementStanding) -> bool:
        """Queue the change of one that is done; where it has landed, and its host died before it could say so, say so.

        False where it did not come here yet.
        """
        change = standing.effect.change if standing.effect is not None else None
        if change is None:
            return True
        if project.hub.repository.find_commit(change) is None:
            return False
        self._hosted.answer_for(standing.engagement.id)
        try:
            await project.parts.desk.submit(standing.engagement, change)
        except WatchkeeperError as error:
            if error.slug != "nothing-to-land":
                raise
            await asyncio.to_thread(close_landed, project, self._fleet.log, now(), standing, f"landed as {change[:10]}")
        return True

    def _comment(self, project: Project, engagement: Engagement, said: str) -> None:
        known = project.parts.book.state().issues.get(engagement.issue)
        if known is not None and any(each.text == said for each in known.comments):
            return
        comment = IssueCommented(engagement.issue, said, _BY)
        self._fleet.log.append(project.place.shared, [comment], now())

    def _bring(self, project: Project, standing: EngagementStanding) -> str:
        """What its host pinned is here, and its worktree is made of it; what is missing, in words."""
        identity = standing.engagement.id
        self._receive(project, identity)
        place = Workplace(project.parts.snapshots, standing.engagement)
        begin = f"{standing.host} is gone; {self._company.name} goes on with {identity}"
        if standing.stage is Stage.DONE:
            return f"{begin}, which is done, and hands in its change"
        place.make()
        last, at = self._last_snapshot(project, identity)
        newest = project.parts.snapshots.newest(place.tree)
        if last is None:
            return f"{begin}, of which nothing was pinned: what it did is not here"
        if last == newest:
            passed = (now() - at) / 60_000
            return f"{begin} from {last[:10]}, the last that was pinned; at most its last {passed:.1f} min are missing"
        came = f"it goes on from {newest[:10]}, which is older" if newest is not None else "it begins anew"
        return f"{begin}; {last[:10]}, the last that was pinned, did not reach this host: {came}"

    def _last_snapshot(self, project: Project, identity: EngagementId) -> tuple[Sha | None, Millis]:
        found: tuple[Sha | None, Millis] = (None, Millis(0))
        for recorded in self._fleet.log.read(project.place.shared, kinds=("engagement-snapped",)):
            if isinstance(recorded.event, EngagementSnapped) and recorded.event.id == identity:
                found = recorded.event.commit, recorded.at
        return found

    def _complain(self, about: str, sentence: str) -> None:
        if self._said.get(about) != sentence:
            self._tell(sentence)
        self._said[about] = sentence


def _matters(state: FleetState, standing: EngagementStanding) -> bool:
    """It is at work, or its change waits to be landed."""
    issue = state.issues.get(standing.engagement.issue)
    is_open = issue is not None and issue.state is IssueState.OPEN
    return not standing.is_over or (standing.stage is Stage.DONE and is_open)
