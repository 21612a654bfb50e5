"""A fleet in memory: events are recorded as the real log would, and folded; time is what the test says."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from watchkeeper.fleet.config import AgentEntry, FleetConfig, FleetSection, ProjectEntry
from watchkeeper.fleet.hours import Moment, find_day_begin
from watchkeeper.fleet.plan import Machine, Plan, Start
from watchkeeper.fleet.planner import plan
from watchkeeper.fleet.spending import SpendBook
from watchkeeper.model.events import Event, Recorded
from watchkeeper.model.fleet import (
    Budget,
    Choice,
    Closing,
    Dispatch,
    DispatchDecided,
    Effect,
    Engagement,
    EngagementId,
    EngagementMoved,
    EngagementSealed,
    EngagementSpent,
    Fault,
    Issue,
    IssueClosed,
    IssueEdited,
    IssueFiled,
    IssueId,
    Seal,
    Spend,
    Stage,
)
from watchkeeper.model.fleet_state import FleetState, fold_fleet
from watchkeeper.model.ids import Millis, ProjectId, Seq, Sha

MINUTE = 60_000
NOON = Millis(1_767_268_800_000)  # 2026-01-01 12:00 UTC
SHA = Sha("a" * 40)


def seal_of(budget: Budget = Budget()) -> Seal:  # noqa: B008 - frozen
    return Seal(SHA, (), budget, "d" * 64)


class World:
    """Projects ``alpha``, ``beta`` ..., one agent ``ada`` unless told otherwise."""

    def __init__(
        self,
        *projects: str,
        fleet: FleetSection = FleetSection(),  # noqa: B008 - frozen
        agents: tuple[AgentEntry, ...] = (AgentEntry("ada", ("ada",)),),
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        machine: Machine = Machine(),  # noqa: B008 - frozen
        zone: dt.tzinfo = dt.UTC,
    ) -> None:
        names = projects or ("alpha",)
        rows = tuple(ProjectEntry(name, Path(name), **(settings or {}).get(name, {})) for name in names)
        self.config = FleetConfig(Path("fleet.toml"), "", fleet, rows, agents)
        self.states = dict.fromkeys(names, FleetState())
        self.machine, self.zone, self.now = machine, zone, NOON
        self.book, self.seq = SpendBook(), 0
        self.likely: dict[IssueId, tuple[str, ...]] = {}
        self.troubles: dict[str, str] = {}

    @property
    def moment(self) -> Moment:
        return Moment(self.now, self.zone)

    def record(self, project: str, *events: Event) -> None:
        for event in events:
            self.seq += 1
            recorded = Recorded(Seq(self.seq), self.now, ProjectId(project), event)
            self.states[project] = fold_fleet([recorded], self.states[project])
            self.book.take([recorded])

    def file(self, name: str, *labels: str, project: str = "alpha", **more: Any) -> IssueId:
        identity = IssueId(f"{project}#{name}")
        issue = Issue(identity, f"do {name}", labels=labels, filed_at=self.now, **more)
        self.record(project, IssueFiled(issue))
        return identity

    def label(self, issue: IssueId, *labels: str) -> None:
        known = self.states[project_of(issue)].issues[issue].issue
        self.record(project_of(issue), IssueEdited(msgspec.structs.replace(known, labels=labels)))

    def close(self, issue: IssueId) -> None:
        self.record(project_of(issue), IssueClosed(issue, Closing.PERSON))

    def look(self) -> Plan:
        spent = self.book.since(find_day_begin(self.moment))
        return plan(
            self.states,
            self.config,
            self.moment,
            self.machine,
            {name: spent.get(ProjectId(name), Spend()) for name in self.states},
            likely=self.likely,
            troubles=self.troubles,
        )

    def dispatch(self) -> Plan:
        """Look, and record what is decided, as the dispatcher does."""
        found = self.look()
        for name, decisions in found.decisions.items():
            before = self.states[name].dispatched
            self.record(name, *(DispatchDecided(each) for each in decisions if before.get(each.issue) != each))
        for start in found.starts:
            self.begin(start)
        return found

    def begin(self, start: Start) -> EngagementId:
        identity = EngagementId(f"e-{self.seq:08x}")
        engagement = Engagement(
            identity, start.atom, start.issue, start.agent, seal_of(start.budget), start.attempt, "b", "t"
        )
        self.record(start.project, EngagementSealed(engagement), EngagementMoved(identity, Stage.RUNNING))
        return identity

    def end(
        self,
        issue: IssueId,
        stage: Stage = Stage.DONE,
        *,
        effect: Effect | None = None,
        fault: Fault | None = None,
        reason: str = "",
    ) -> None:
        """End what is at work on an issue."""
        state = self.states[project_of(issue)]
        standing = state.claims(issue)
        assert standing is not None
        if stage is Stage.DONE and effect is None:
            effect = Effect(SHA, 1)
        moved = EngagementMoved(standing.engagement.id, stage, reason, fault, effect)
        self.record(project_of(issue), moved)

    def spend(self, issue: IssueId, spend: Spend) -> None:
        standing = self.states[project_of(issue)].claims(issue)
        assert standing is not None
        self.record(project_of(issue), EngagementSpent(standing.engagement.id, spend))

    def pass_minutes(self, minutes: float) -> None:
        self.now = Millis(self.now + int(minutes * MINUTE))


def project_of(issue: IssueId) -> str:
    return issue.partition("#")[0]


def started(found: Plan) -> list[str]:
    return [start.issue for start in found.starts]


def decision(found: Plan, issue: IssueId) -> Dispatch:
    return next(each for each in found.decisions[project_of(issue)] if each.issue == issue)


def why(found: Plan, issue: IssueId) -> tuple[Choice, str]:
    decided = decision(found, issue)
    return decided.choice, decided.why
