"""Reads the record of the demonstration's fleet, and tells what happened in it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from watchkeeper.demo.happenings import Engaged, Finished, FleetHappening, Landed, Returned, Told
from watchkeeper.model.agents import Channel, Notice, NoticeId, SessionId
from watchkeeper.model.events import NoticeDelivered, NoticeQueued, SessionBegan
from watchkeeper.model.fleet import (
    Engagement,
    EngagementId,
    EngagementMoved,
    EngagementSealed,
    IssueClosed,
    Stage,
)
from watchkeeper.model.ids import ProjectId, Seq
from watchkeeper.model.landing import EntryBounced, EntryId
from watchkeeper.record.log import Log

IN_TURN = frozenset({Channel.STEER, Channel.HOOK})


class Follower:
    """``look`` is called again and again from one thread; agents' models ask and wait in others."""

    def __init__(
        self,
        project: ProjectId,
        worktrees: Path,
        tell: Callable[[FleetHappening], None],
        asks: Callable[[str, str], bool],
    ) -> None:
        """``asks`` says whether an agent's program asked its model with a text in it."""
        self._project, self._worktrees, self._tell, self._asks = project, worktrees, tell, asks
        self._last = Seq(0)
        self._engagements: dict[EngagementId, Engagement] = {}
        self._notices: dict[NoticeId, Notice] = {}
        self._agents: dict[SessionId, str] = {}
        self._delivered: dict[str, tuple[Notice, Channel]] = {}
        self._told: set[str] = set()
        self._done: set[str] = set()
        self._changed = threading.Condition()
        self.closed: set[str] = set()
        self.returned: list[str] = []
        self.trouble = ""

    def look(self, log: Log) -> None:
        """What was recorded since the last time."""
        events = list(log.read(self._project, after=self._last))
        for recorded in events:
            self._last = recorded.seq
            with self._changed:
                self._hear(recorded.event)
                self._changed.notify_all()
        for agent, (notice, channel) in list(self._delivered.items()):
            if agent not in self._told and self._asks(agent, notice.text):
                self._say_told(agent, notice, channel)

    @property
    def told(self) -> int:
        """How many agents heard of the other's work."""
        return len(self._told)

    def worktree_of(self, agent: str, patience_s: float = 30.0) -> Path:
        """Where an agent works, as soon as that is known."""
        with self._changed:
            self._changed.wait_for(lambda: self._engagement_of(agent) is not None, patience_s)
            found = self._engagement_of(agent)
        return self._worktrees / found.id if found is not None else self._worktrees

    def wait_told(self, agent: str, patience_s: float) -> bool:
        """Whether the agent was given a notice, at last."""
        with self._changed:
            return self._changed.wait_for(lambda: agent in self._delivered, patience_s)

    def wait_done(self, agent: str, patience_s: float) -> bool:
        """Whether an agent's change is in the queue, at last."""
        with self._changed:
            return self._changed.wait_for(lambda: agent in self._done, patience_s)

    def _engagement_of(self, agent: str) -> Engagement | None:
        return next((each for each in self._engagements.values() if each.agent == agent), None)

    def _hear(self, event: object) -> None:
        match event:
            case EngagementSealed(engagement):
                self._engagements[engagement.id] = engagement
                self._tell(Engaged(engagement.agent, engagement.issue, engagement.title, engagement.branch))
            case SessionBegan(session):
                self._agents[session.id] = session.agent
            case NoticeQueued(notice):
                self._notices[notice.id] = notice
            case NoticeDelivered(identity, channel) if identity in self._notices:
                notice = self._notices[identity]
                self._delivered.setdefault(self._agents.get(notice.session, ""), (notice, channel))
            case EngagementMoved():
                self._move(event)
            case EntryBounced():
                self._bounce(event)
            case IssueClosed():
                self._close(event)

    def _move(self, event: EngagementMoved) -> None:
        agent = self._engagements[event.id].agent
        if event.stage is Stage.DONE:
            self._done.add(agent)
            if agent in self._delivered and agent not in self._told:
                self._say_told(agent, *self._delivered[agent])
            said = event.effect.tests if event.effect is not None else ""
            self._tell(Finished(agent, str(said), is_repair=agent in self.returned))
        elif event.stage in (Stage.FAILED, Stage.NEEDS_PERSON):
            self.trouble = f"{agent}: {event.stage.value}: {event.reason}"

    def _say_told(self, agent: str, notice: Notice, channel: Channel) -> None:
        self._told.add(agent)
        self._tell(Told(agent, notice.text, channel.value, is_in_request=self._asks(agent, notice.text)))

    def _bounce(self, event: EntryBounced) -> None:
        agent = self._agent_of(event.id)
        self.returned.append(agent)
        self._tell(Returned(agent, tuple(map(self._agent_of, event.partners)), event.reason, event.evidence))

    def _close(self, event: IssueClosed) -> None:
        self.closed.add(event.id)
        agent = next((each.agent for each in self._engagements.values() if each.issue == event.id), "")
        self._tell(Landed(agent, event.id, event.reason))

    def _agent_of(self, entry: EntryId) -> str:
        branch = entry.rpartition("/")[0]
        return next((each.agent for each in self._engagements.values() if each.branch == branch), branch)
